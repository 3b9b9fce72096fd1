import { ErrorCode } from '@millrace/kafka'
import { ShardUnavailableError } from '../groups/shard-runner.ts'
import { RequestError } from './registry.ts'

/** Waits for the group coordinator; when it cannot answer now, the client is told to come back. */
export async function coordinate<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (!(cause instanceof ShardUnavailableError)) throw cause
    throw new RequestError(ErrorCode.COORDINATOR_NOT_AVAILABLE, cause.message)
  }
}
