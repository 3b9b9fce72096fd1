import { utf8 } from '@millrace/std'
import type { ByteColumn } from '../../records/builder.ts'
import type { RecordHeader } from '../../records/reader.ts'
import type { ColumnRun } from './column-runs.ts'
import type { BatchWaiter } from './producer-batch.ts'

/** One record to be sent. Strings are sent as UTF-8. */
export interface ProducerRecord {
  topic: string
  /** Without it: by the key, or by turns when there is none. */
  partition?: number
  key?: string | Uint8Array | null
  /** Null is a tombstone on a compacted topic. */
  value: string | Uint8Array | null
  /** Milliseconds since the epoch, an integer; now by default. */
  timestamp?: number
  headers?: Readonly<Record<string, string | Uint8Array | null>> | readonly RecordHeader[]
}

/** Where a record was written. */
export interface RecordMetadata {
  readonly topic: string
  readonly partition: number
  /** -1 when the broker did not say: acks 0, or a repeat that it had already. */
  readonly offset: number
  /** Milliseconds since the epoch: the record's own, or the broker's when the topic is stamped by it. */
  readonly timestamp: number
}

/** Records given as columns: the unit in which an engine's sink works. */
export interface ColumnBatch {
  topic: string
  /** Without it: by the keys; records without one go to one partition for all of them. */
  partition?: number
  /** With `nulls`, some are tombstones on a compacted topic. */
  values: ByteColumn
  /** With `nulls`, some records have none. */
  keys?: ByteColumn
  /** One list for each record, maybe empty. Costs an object for each header, unlike the other columns. */
  headers?: readonly (readonly RecordHeader[])[]
  /** Milliseconds since the epoch, integers. Its length is the number of records. */
  timestamps: Float64Array
}

/** Records of a column batch that were written in a row. */
export interface ProducedRange {
  readonly partition: number
  /** -1 when the broker did not say. */
  readonly baseOffset: number
  readonly count: number
}

function encodeText(value: string | Uint8Array | null | undefined): Uint8Array | null {
  return typeof value === 'string' ? utf8(value) : (value ?? null)
}

const NO_HEADERS: readonly RecordHeader[] = []

function toHeaders(headers: ProducerRecord['headers']): readonly RecordHeader[] {
  if (!headers) return NO_HEADERS
  if (Array.isArray(headers)) return headers as readonly RecordHeader[]
  return Object.entries(headers).map(([key, value]) => ({
    key,
    value: encodeText(value as string | Uint8Array | null),
  }))
}

/** One `send`: what is to be written, and then who waits for it. */
export class RecordSend implements BatchWaiter {
  readonly topic: string
  /** Undefined: to be chosen. */
  partition: number | undefined
  key: Uint8Array | null
  value: Uint8Array | null
  headers: readonly RecordHeader[]
  readonly timestamp: number
  readonly #resolve: (metadata: RecordMetadata) => void
  readonly #reject: (error: Error) => void
  firstDelta = 0
  readonly count = 1
  deadline = 0

  constructor(
    record: ProducerRecord,
    timestamp: number,
    resolve: (metadata: RecordMetadata) => void,
    reject: (error: Error) => void,
  ) {
    this.topic = record.topic
    this.partition = record.partition
    this.key = encodeText(record.key)
    this.value = encodeText(record.value)
    this.headers = toHeaders(record.headers)
    this.timestamp = timestamp
    this.#resolve = resolve
    this.#reject = reject
  }

  /** It is in a batch now: its own bytes are no longer needed. */
  appended(partition: number, firstDelta: number): void {
    this.partition = partition
    this.firstDelta = firstDelta
    this.key = null
    this.value = null
    this.headers = NO_HEADERS
  }

  done(baseOffset: number, logAppendTime: number): void {
    this.#resolve({
      topic: this.topic,
      partition: this.partition as number,
      offset: baseOffset < 0 ? -1 : baseOffset + this.firstDelta,
      timestamp: logAppendTime < 0 ? this.timestamp : logAppendTime,
    })
  }

  fail(error: Error): void {
    this.#reject(error)
  }

  moved(firstDelta: number): BatchWaiter {
    this.firstDelta = firstDelta
    return this
  }
}

/** One `sendBatch`, which may go to several partitions and batches. */
export class ColumnSend {
  readonly batch: ColumnBatch
  /** What is not in a batch yet; undefined until the rows are divided among partitions. */
  runs: ColumnRun[] | undefined
  deadline = 0
  readonly #ranges: ProducedRange[] = []
  readonly #resolve: (ranges: ProducedRange[]) => void
  readonly #reject: (error: Error) => void
  #remaining: number

  constructor(batch: ColumnBatch, resolve: (ranges: ProducedRange[]) => void, reject: (error: Error) => void) {
    this.batch = batch
    this.#remaining = batch.timestamps.length
    this.#resolve = resolve
    this.#reject = reject
  }

  get topic(): string {
    return this.batch.topic
  }

  get partition(): number | undefined {
    return this.batch.partition
  }

  written(range: ProducedRange): void {
    this.#ranges.push(range)
    this.#remaining -= range.count
    if (this.#remaining === 0) this.#resolve(this.#ranges)
  }

  fail(error: Error): void {
    this.#reject(error)
  }
}

/** A run of a column batch's records within one batch. */
export class ColumnWaiter implements BatchWaiter {
  readonly firstDelta: number
  readonly count: number
  readonly #send: ColumnSend
  readonly #partition: number

  constructor(send: ColumnSend, partition: number, firstDelta: number, count: number) {
    this.#send = send
    this.#partition = partition
    this.firstDelta = firstDelta
    this.count = count
  }

  done(baseOffset: number): void {
    const offset = baseOffset < 0 ? -1 : baseOffset + this.firstDelta
    this.#send.written({ partition: this.#partition, baseOffset: offset, count: this.count })
  }

  fail(error: Error): void {
    this.#send.fail(error)
  }

  moved(firstDelta: number, count: number): BatchWaiter {
    return new ColumnWaiter(this.#send, this.#partition, firstDelta, count)
  }
}
