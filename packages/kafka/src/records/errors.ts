import { MillraceError } from '@millrace/std'
import { type BatchCheck, type CompressionType, describeBatchCheck } from './batch.ts'

/** A compressed section that does not decode. */
export class CorruptCompressionError extends MillraceError {
  override name = 'CorruptCompressionError'

  constructor(compression: CompressionType, cause?: unknown) {
    const reason = cause instanceof Error ? `: ${cause.message}` : ''
    super('KAFKA_CORRUPT_COMPRESSION', { message: `The ${compression} data does not decode${reason}.`, cause })
  }
}

/** A compressed section that would take more memory than the caller allows. */
export class DecompressedTooLargeError extends MillraceError {
  override name = 'DecompressedTooLargeError'

  constructor(compression: CompressionType, limit: number) {
    super('KAFKA_DECOMPRESSED_TOO_LARGE', {
      message: `The ${compression} data takes more than ${limit} bytes when decompressed.`,
      fix: 'Raise the limit if records of this size are expected; otherwise find out who sent them.',
    })
  }
}

/** A record batch that breaks the format. `check` says how. */
export class CorruptBatchError extends MillraceError {
  override name = 'CorruptBatchError'
  readonly check: BatchCheck

  constructor(check: BatchCheck) {
    super('KAFKA_CORRUPT_BATCH', { message: `${describeBatchCheck(check)}.` })
    this.check = check
  }
}
