import { MillraceError } from '@millrace/std'
import type { Batch } from '../element/batch.ts'
import { describeLocation, userFrame } from '../graph/call-site.ts'

/** What user code threw, with everything that is needed to find the place and the record. */
export class UserFunctionError extends MillraceError {
  override name = 'UserFunctionError'
  /** The operator, as the job calls it. */
  readonly operator: string
  /** The record's origin: `topic lines, partition 2, offset 1234`; undefined when it came from no single record. */
  readonly record: string | undefined
  /** File and line of the user's code that threw; else where the operator was added to the job. */
  readonly site: string | undefined

  constructor(operator: string, record: string | undefined, site: string | undefined, cause: unknown) {
    const place = site === undefined ? '' : ` at ${site}`
    const at = record === undefined ? '' : ` The record: ${record}.`
    const ours = cause instanceof MillraceError
    const text = ours ? cause.message : cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
    super(ours ? cause.code : 'ENGINE_USER_FUNCTION_FAILED', {
      message: `${ours ? `In '${operator}'` : `A function of '${operator}' failed`}${place}: ${text}${/[.!?]$/.test(text) ? '' : '.'}${at}`,
      fix: (ours && cause.fix) || 'Correct the function, or handle the record that it cannot take.',
      cause,
    })
    this.operator = operator
    this.record = record
    this.site = site
  }
}

/** Errors that are not the fault of the operators whose calls they pass through. */
const notOfUsers = new WeakSet<object>()

/** Marks what a sink threw: on its way up it must not be taken for an error of the user function that emitted the record. */
export function notOfUser(cause: unknown): Error {
  const error = cause instanceof Error ? cause : new Error(String(cause))
  notOfUsers.add(error)
  return error
}

/** Wraps what user code threw, once. `operatorSite`: where the operator was added to the job. */
export function wrapUserError(
  cause: unknown,
  operator: string,
  operatorSite: string | undefined,
  batch: Batch | undefined,
  index: number,
): Error {
  if (cause instanceof UserFunctionError) return cause
  if (cause instanceof Error && notOfUsers.has(cause)) return cause
  const frame = cause instanceof Error ? userFrame(cause.stack) : undefined
  const site = frame ? describeLocation(frame) : operatorSite
  return new UserFunctionError(operator, recordOf(batch, index), site, cause)
}

function recordOf(batch: Batch | undefined, index: number): string | undefined {
  if (!batch?.origin || index < 0) return undefined
  try {
    return batch.origin.describe(index)
  } catch {
    return undefined
  }
}
