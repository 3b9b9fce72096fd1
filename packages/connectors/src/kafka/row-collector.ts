import {
  type Batch,
  type BatchOrigin,
  type Column,
  columnBatch,
  objectBatch,
  type ObjectBatch,
  type Schema,
} from '@millrace/engine'
import { type RecordIndex, readHeaders } from '@millrace/kafka'
import { copyBytes, MillraceError, preview } from '@millrace/std'
import { type ColumnDecoder, type Format, FormatError } from '../formats/format.ts'
import type { KafkaRecord } from './record.ts'

/** Where a record that does not fit its format stood, and its bytes (valid during the call). */
export interface BadRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly problem: string
}

/** Returns when the record is to be left out; throws when the job is to fail. */
export type OnBadRecord = (record: BadRecord) => void

/** Gathers decoded records of one partition into one batch for the engine. */
export interface RowCollector {
  readonly rowCount: number
  readonly offsets: OffsetColumn
  begin(topic: string, partition: number): void
  /** False: rows of other bytes are waiting to be taken first. */
  accepts(data: Uint8Array): boolean
  collect(index: RecordIndex, from: number, to: number): void
  /** The batch is valid until `begin` is called again. */
  take(origin: BatchOrigin): Batch
}

/** Offsets of the rows of the batch under way: for messages about one of them. */
export class OffsetColumn {
  #values = new Float64Array(2048)

  at(row: number): number {
    return this.#values[row] as number
  }

  set(row: number, offset: number): void {
    this.#reserve(row + 1)
    this.#values[row] = offset
  }

  /** The rows from `row` on get these offsets. */
  setAll(row: number, offsets: Float64Array): void {
    this.#reserve(row + offsets.length)
    this.#values.set(offsets, row)
  }

  #reserve(rows: number): void {
    if (rows <= this.#values.length) return
    const grown = new Float64Array(rows * 2)
    grown.set(this.#values)
    this.#values = grown
  }
}

function badRecordAt(topic: string, partition: number, index: RecordIndex, at: number, problem: string): BadRecord {
  const cut = (starts: Int32Array, lengths: Int32Array) => {
    const start = starts[at] as number
    const length = lengths[at] as number
    return length < 0 ? null : index.data.subarray(start, start + length)
  }
  return {
    topic,
    partition,
    offset: index.offsets[at] as number,
    timestamp: index.timestamps[at] as number,
    key: cut(index.keyStart, index.keyLength),
    value: cut(index.valueStart, index.valueLength),
    problem,
  }
}

/** The policy `fail`: the message names the record and shows how it begins. */
export function failOnBadRecord(record: BadRecord): never {
  const { topic, partition, offset, value, problem } = record
  throw new MillraceError('KAFKA_BAD_RECORD', {
    message:
      `The record in topic ${topic}, partition ${partition}, offset ${offset} does not fit its format: ${problem}.` +
      `${value === null ? '' : ` It begins: ${preview(value)}`}`,
    fix: "Correct the producer, or let the source go on with onBadRecord: 'skip' or { deadLetterTopic: '…' }.",
  })
}

/** Values of a format without a schema, or whole records, as objects. Records without a value are left out of values. */
export class ObjectRowCollector implements RowCollector {
  rowCount = 0
  readonly offsets = new OffsetColumn()
  readonly #decode: (index: RecordIndex, at: number, topic: string, partition: number) => unknown
  readonly #skipNulls: boolean
  readonly #onBadRecord: OnBadRecord
  readonly #batch: ObjectBatch = objectBatch([], new Float64Array(2048), 0)
  #topic = ''
  #partition = 0

  constructor(options: {
    decode: (index: RecordIndex, at: number, topic: string, partition: number) => unknown
    skipNulls: boolean
    onBadRecord: OnBadRecord
  }) {
    this.#decode = options.decode
    this.#skipNulls = options.skipNulls
    this.#onBadRecord = options.onBadRecord
  }

  begin(topic: string, partition: number): void {
    this.rowCount = 0
    this.#topic = topic
    this.#partition = partition
  }

  accepts(): boolean {
    return true
  }

  collect(index: RecordIndex, from: number, to: number): void {
    const { values } = this.#batch
    const decode = this.#decode
    const needed = this.rowCount + to - from
    if (this.#batch.timestamps.length < needed) {
      const grown = new Float64Array(needed * 2)
      grown.set(this.#batch.timestamps)
      this.#batch.timestamps = grown
    }
    const { timestamps } = this.#batch
    let row = this.rowCount
    for (let i = from; i < to; i++) {
      if (this.#skipNulls && (index.valueLength[i] as number) < 0) continue
      try {
        values[row] = decode(index, i, this.#topic, this.#partition)
      } catch (cause) {
        const problem = cause instanceof FormatError ? cause.problem : (cause as Error).message
        this.#onBadRecord(badRecordAt(this.#topic, this.#partition, index, i, problem))
        continue
      }
      timestamps[row] = index.timestamps[i] as number
      this.offsets.set(row, index.offsets[i] as number)
      row++
    }
    this.rowCount = row
  }

  take(origin: BatchOrigin): ObjectBatch {
    this.#batch.length = this.rowCount
    this.#batch.origin = origin
    return this.#batch
  }
}

export function valueDecoder(format: Format<unknown>) {
  return (index: RecordIndex, at: number): unknown =>
    format.decode(index.data, index.valueStart[at] as number, index.valueLength[at] as number)
}

export function recordDecoder(keyFormat: Format<unknown>, valueFormat: Format<unknown>) {
  return (index: RecordIndex, at: number, topic: string, partition: number): KafkaRecord<unknown, unknown> => {
    const keyLength = index.keyLength[at] as number
    const valueLength = index.valueLength[at] as number
    return {
      topic,
      partition,
      offset: index.offsets[at] as number,
      timestamp: index.timestamps[at] as number,
      key: keyLength < 0 ? null : keyFormat.decode(index.data, index.keyStart[at] as number, keyLength),
      value: valueLength < 0 ? null : valueFormat.decode(index.data, index.valueStart[at] as number, valueLength),
      headers: readHeaders(index.data, index.headersStart[at] as number).map(({ key, value }) => ({
        key,
        value: value === null ? null : copyBytes(value),
      })),
    }
  }
}

/** Values of a format with a schema, straight from the fetched bytes into columns. */
export class ColumnRowCollector implements RowCollector {
  readonly offsets = new OffsetColumn()
  readonly #schema: Schema
  readonly #decoder: ColumnDecoder
  readonly #onBadRecord: OnBadRecord
  #timestamps = new Float64Array(2048)
  #data: Uint8Array | undefined
  #topic = ''
  #partition = 0

  constructor(options: { schema: Schema; decoder: ColumnDecoder; onBadRecord: OnBadRecord }) {
    this.#schema = options.schema
    this.#decoder = options.decoder
    this.#onBadRecord = options.onBadRecord
  }

  get rowCount(): number {
    return this.#decoder.rowCount
  }

  begin(topic: string, partition: number): void {
    this.#data = undefined
    this.#topic = topic
    this.#partition = partition
  }

  /** The strings of a column are ranges of one buffer. */
  accepts(data: Uint8Array): boolean {
    return this.#data === undefined || this.#data === data
  }

  collect(index: RecordIndex, from: number, to: number): void {
    this.#data = index.data
    const decoder = this.#decoder
    const ranges = { data: index.data, starts: index.valueStart, lengths: index.valueLength }
    let at = from
    while (at < to) {
      const row = decoder.rowCount
      const next = decoder.decode(ranges, at, to)
      this.#note(index, at, next, row)
      if (next < to && (index.valueLength[next] as number) >= 0) {
        this.#onBadRecord(badRecordAt(this.#topic, this.#partition, index, next, decoder.problem))
      }
      at = next + 1
    }
  }

  /** Times and offsets of the records `from` to `to`, which are the rows from `row` on. */
  #note(index: RecordIndex, from: number, to: number, row: number): void {
    const needed = row + to - from
    if (needed > this.#timestamps.length) {
      const grown = new Float64Array(needed * 2)
      grown.set(this.#timestamps)
      this.#timestamps = grown
    }
    this.#timestamps.set(index.timestamps.subarray(from, to), row)
    this.offsets.setAll(row, index.offsets.subarray(from, to))
  }

  take(origin: BatchOrigin): Batch {
    const length = this.#decoder.rowCount
    const columns: (Column | undefined)[] = this.#decoder.takeColumns()
    return columnBatch(this.#schema, columns, this.#timestamps, length, origin)
  }
}
