import { MillraceError } from '@millrace/std'

/** What can be wrong with a frame or with a message that is to become one. */
export type ProtocolErrorCode =
  /** The frame ends before the field does. */
  | 'PROTOCOL_TRUNCATED'
  /** A length or count that is negative where it may not be, too large, or more than the bytes that follow. */
  | 'PROTOCOL_INVALID_LENGTH'
  /** A value outside of what the field allows. */
  | 'PROTOCOL_INVALID_VALUE'
  /** A message that cannot be written: wrong type, null where it is not allowed, or a field that the version cannot carry. */
  | 'PROTOCOL_NOT_ENCODABLE'
  | 'PROTOCOL_UNSUPPORTED_VERSION'
  | 'PROTOCOL_UNKNOWN_API'

/** Where in which message the error is. */
export interface ProtocolErrorContext {
  /** Name of the message, `FetchRequest`. */
  readonly message?: string | undefined
  readonly version?: number | undefined
  /** Path of the field, `topics[3].partitions[0].fetchOffset`. */
  readonly field?: string | undefined
  /** Byte in the frame (without its size prefix) at which reading stopped. */
  readonly position?: number | undefined
}

/**
 * A frame that is not what the protocol says, or a message that cannot be written as the version asks for. A broker
 * closes the connection that it came from; a client reconnects.
 */
export class ProtocolError extends MillraceError {
  override name = 'ProtocolError'
  /** The same as `code`, typed. */
  readonly protocolCode: ProtocolErrorCode
  readonly problem: string
  readonly messageName: string | undefined
  readonly version: number | undefined
  readonly field: string | undefined
  readonly position: number | undefined

  constructor(code: ProtocolErrorCode, problem: string, context: ProtocolErrorContext = {}, cause?: unknown) {
    super(code, { message: describe(problem, context), ...(cause === undefined ? {} : { cause }) })
    this.protocolCode = code
    this.problem = problem
    this.messageName = context.message
    this.version = context.version
    this.field = context.field
    this.position = context.position
  }
}

function describe(problem: string, { message, version, field, position }: ProtocolErrorContext): string {
  const where = message === undefined ? '' : `${message}${version === undefined ? '' : ` v${version}`}: `
  const at = field === undefined || field === '' ? '' : `${field}: `
  return `${where}${at}${problem}${position === undefined ? '' : ` (at byte ${position})`}`
}
