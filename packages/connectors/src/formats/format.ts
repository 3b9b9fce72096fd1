import type { Column, Schema } from '@millrace/engine'
import { MillraceError, preview } from '@millrace/std'
import type { ByteWriter } from './byte-writer.ts'

/**
 * How values are written as bytes: of a Kafka record's value or key, or of a line of a file.
 * Stateless; `T` flows into the job's types.
 */
export interface Format<T> {
  /** For explain and messages: `json`. */
  readonly name: string
  /** Given when the fields are known: sources then decode into columns, and only the fields that the job reads. */
  readonly schema: Schema<T> | undefined
  /** The value in `data[start, start + length)`. Throws {@link FormatError}. */
  decode(data: Uint8Array, start: number, length: number): T
  /** Appends the bytes of `value`. Throws {@link FormatError}. */
  encode(value: T, into: ByteWriter): void
  /** Only with a schema. `projection`: names of the fields that are needed, in any order; undefined: all. */
  createColumnDecoder?(projection: readonly string[] | undefined): ColumnDecoder
}

/** Byte ranges of one buffer to decode: `data[starts[i], starts[i] + lengths[i])`. */
export interface ByteRanges {
  readonly data: Uint8Array
  readonly starts: Int32Array
  readonly lengths: Int32Array
}

/**
 * Decodes many values straight into columns. It collects rows, which all come from one `data`, until
 * {@link takeColumns}; the columns it returns are its own and are used again after that.
 */
export interface ColumnDecoder {
  readonly rowCount: number
  /** Makes room for that many rows in all. */
  reserve(rows: number): void
  /**
   * Appends the ranges `from` to `to` as rows. Returns `to`, or the index of a value that is malformed: nothing of it was
   * appended, {@link problem} says what is wrong with it, and decoding goes on with the next when called again.
   */
  decode(ranges: ByteRanges, from: number, to: number): number
  readonly problem: string
  /** One entry per field of the schema, undefined for those not projected. The next decode starts with no rows. */
  takeColumns(): (Column | undefined)[]
}

/** A value that does not fit its format. Sources add where it stood. */
export class FormatError extends MillraceError {
  /** What is wrong, without the value: `field "id" is missing`. */
  readonly problem: string

  constructor(format: string, problem: string, bytes?: Uint8Array) {
    super('FORMAT_BAD_VALUE', {
      message: bytes
        ? `Not a ${format} value as expected: ${problem}. It begins: ${preview(bytes)}`
        : `Cannot be written as ${format}: ${problem}.`,
      fix: bytes
        ? "Correct the producer, or choose onBadRecord: 'skip' or { deadLetterTopic: '…' } in the source."
        : 'Map the records to what the format takes before the sink.',
    })
    this.problem = problem
  }
}
