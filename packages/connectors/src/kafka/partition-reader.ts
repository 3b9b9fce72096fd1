import type { BatchOrigin, ReaderOutput } from '@millrace/engine'
import {
  BatchCheck,
  describeBatchCheck,
  indexRecords,
  lastOffset,
  type PartitionBatches,
  RecordIndex,
} from '@millrace/kafka'
import { MillraceError } from '@millrace/std'
import type { RowCollector } from './row-collector.ts'

/** Records that one emitted batch holds at most; more come with the next poll. */
const MAX_BATCH_ROWS = 2048
/** Batches of a producer are put together until so many records are there. */
const ENOUGH_ROWS = 1024

/** What the consumer handed over of one partition. */
export type FetchedBatches = Pick<PartitionBatches, 'bytes' | 'starts' | 'nextOffset' | 'release'>

/** Turns the fetched bytes of one partition into batches for the engine. */
export class PartitionReader {
  readonly splitId: string
  readonly topic: string
  readonly partition: number
  readonly stopOffset: number | undefined
  /** The offset after the last record that was emitted or passed over. */
  position: number
  /** The offset after the partition's last record, as the last fetch said; -1 before that. */
  highWatermark = -1
  readonly #collector: RowCollector
  readonly #index = new RecordIndex()
  readonly #queue: FetchedBatches[] = []
  #queuedBytes = 0
  /** Read through; what was collected of it may not be emitted yet. */
  readonly #spent: FetchedBatches[] = []
  /** Which batch of the head of the queue is next. */
  #batch = 0
  /** The next record in the index; equal to its count when a new record batch is to be indexed. */
  #next = 0
  readonly #origin: BatchOrigin

  constructor(options: {
    splitId: string
    topic: string
    partition: number
    position: number
    stopOffset: number | undefined
    collector: RowCollector
  }) {
    this.splitId = options.splitId
    this.topic = options.topic
    this.partition = options.partition
    this.position = options.position
    this.stopOffset = options.stopOffset
    this.#collector = options.collector
    const offsets = options.collector.offsets
    this.#origin = {
      describe: (row) => `topic ${this.topic}, partition ${this.partition}, offset ${offsets.at(row)}`,
    }
  }

  get isFinished(): boolean {
    return this.stopOffset !== undefined && this.position >= this.stopOffset
  }

  /** Something to emit without waiting for the broker. */
  get hasMore(): boolean {
    return this.#queue.length > 0 && !this.isFinished
  }

  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** The bytes must not change until they are given back. */
  add(fetched: FetchedBatches): void {
    if (this.isFinished) {
      fetched.release()
      return
    }
    this.#queue.push(fetched)
    this.#queuedBytes += fetched.bytes.byteLength
  }

  /** Emits the next batch, if there are records for one. False: nothing is left to read. */
  emit(output: ReaderOutput): boolean {
    const collector = this.#collector
    collector.begin(this.topic, this.partition)
    while (this.hasMore && collector.rowCount < ENOUGH_ROWS) {
      if (this.#next >= this.#index.count && !this.#nextRecordBatch()) continue
      if (!collector.accepts(this.#index.data)) break
      this.#collect()
    }
    if (collector.rowCount > 0) output.emit(collector.take(this.#origin), this.splitId)
    if (this.isFinished) {
      this.#spent.push(...this.#queue)
      this.#queue.length = 0
      this.#queuedBytes = 0
    }
    for (const fetched of this.#spent) fetched.release()
    this.#spent.length = 0
    return this.hasMore
  }

  /** Indexes the record batch at the current place. False: it held nothing to read. */
  #nextRecordBatch(): boolean {
    const head = this.#queue[0] as FetchedBatches
    const { bytes, starts, nextOffset } = head
    const at = starts[this.#batch]
    if (at === undefined) {
      this.#queue.shift()
      this.#spent.push(head)
      this.#queuedBytes -= bytes.byteLength
      this.#batch = 0
      // Beyond the last record there may be markers, or offsets that compaction has emptied.
      this.position = Math.max(this.position, nextOffset)
      return false
    }
    const check = indexRecords(bytes, at, this.#index)
    if (check !== BatchCheck.ok) throw this.#corrupt(check)
    const { offsets, count } = this.#index
    // A fetch answers with whole batches: the first may begin before the offset that was asked for.
    let first = 0
    while (first < count && (offsets[first] as number) < this.position) first++
    this.#next = first
    if (first < count) return true
    this.#passBatch(bytes, at)
    return false
  }

  #collect(): void {
    const index = this.#index
    let end = Math.min(index.count, this.#next + MAX_BATCH_ROWS - this.#collector.rowCount)
    const stop = this.stopOffset ?? Number.POSITIVE_INFINITY
    while (end > this.#next && (index.offsets[end - 1] as number) >= stop) end--
    if (end === this.#next) {
      this.position = Math.max(this.position, stop)
      return
    }
    this.#collector.collect(index, this.#next, end)
    this.position = (index.offsets[end - 1] as number) + 1
    this.#next = end
    if (end < index.count) return
    const { bytes, starts } = this.#queue[0] as FetchedBatches
    this.#passBatch(bytes, starts[this.#batch] as number)
  }

  /** The last offset of a batch may lie past its last record (compacted topics). */
  #passBatch(bytes: Uint8Array, at: number): void {
    this.position = Math.max(this.position, lastOffset(bytes, at) + 1)
    this.#batch++
  }

  #corrupt(check: BatchCheck): MillraceError {
    return new MillraceError('KAFKA_CORRUPT_BATCH', {
      message: `${describeBatchCheck(check)}: topic ${this.topic}, partition ${this.partition}, offset ${this.position}.`,
      fix: `Look at the partition on the broker. To go on without it, start the source behind offset ${this.position}.`,
    })
  }
}
