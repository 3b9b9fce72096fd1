import { ErrorCode } from '@millrace/kafka'
import { JournalError } from '../journal/journal.ts'
import { CoordinatorUnavailableError } from '../journal/state-runner.ts'
import { RequestError } from './registry.ts'

/** Waits for the group coordinator; when it cannot answer now, the client is told to come back. */
export async function coordinate<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    // The journals of groups are made when the first group is asked for: that may fail as well.
    if (!(cause instanceof CoordinatorUnavailableError) && !(cause instanceof JournalError)) throw cause
    throw new RequestError(ErrorCode.COORDINATOR_NOT_AVAILABLE, cause.message)
  }
}
