import { type ByteColumn, MAX_RECORD_OVERHEAD_BYTES, RecordBatchBuilder } from '../../records/builder.ts'
import type { CompressionType } from '../../records/batch.ts'
import type { RecordHeader } from '../../records/reader.ts'
import type { ClientSystem } from '../cluster/options.ts'
import { PartitionQueue } from './partition-queue.ts'
import { ProducerBatch } from './producer-batch.ts'

/** Builders are kept for the next batch up to this many, and only if they did not grow far beyond the usual. */
const MAX_SPARE_BUILDERS = 64

export interface AccumulatorOptions {
  system: ClientSystem
  batchSize: number
  bufferMemory: number
  compression: CompressionType
  compressionLevel: number | undefined
}

/** Where a record, or the first of a run, was put. */
export interface Appended {
  readonly batch: ProducerBatch
  /** Its place in the batch, from 0. */
  readonly firstDelta: number
}

/** Records that wait to be sent, by partition, within `bufferMemory`. */
export class Accumulator {
  readonly #options: AccumulatorOptions
  readonly #topics = new Map<string, PartitionQueue[]>()
  #spare: RecordBatchBuilder[] = []
  #usedBytes = 0

  constructor(options: AccumulatorOptions) {
    this.#options = options
  }

  queue(topic: string, partition: number): PartitionQueue {
    let queues = this.#topics.get(topic)
    if (!queues) {
      queues = []
      this.#topics.set(topic, queues)
    }
    let queue = queues[partition]
    if (!queue) {
      queue = new PartitionQueue(topic, partition)
      queues[partition] = queue
    }
    return queue
  }

  /** Batches that wait for a partition: what the choice of a partition looks at. */
  waitingBatches(topic: string, partition: number): number {
    return this.#topics.get(topic)?.[partition]?.waiting.length ?? 0
  }

  /** Whether a record of this size goes into the batch that a partition has open. */
  fitsOpenBatch(topic: string, partition: number, bytes: number): boolean {
    const open = this.#topics.get(topic)?.[partition]?.open
    return open !== undefined && open.builder.sizeInBytes + bytes <= this.#options.batchSize
  }

  /** Whether there is memory for a record of this size. One record is always taken when nothing else is there. */
  hasRoom(bytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + bytes <= this.#options.bufferMemory
  }

  append(
    queue: PartitionQueue,
    key: Uint8Array | null,
    value: Uint8Array | null,
    timestamp: number,
    headers: readonly RecordHeader[],
  ): Appended {
    const most = recordBytes(key, value, headers)
    const { open } = queue
    const batch = open && open.builder.sizeInBytes + most <= this.#options.batchSize ? open : this.#begin(queue)
    const size = batch.builder.sizeInBytes
    const firstDelta = batch.builder.append(key, value, timestamp, headers)
    this.#account(batch, batch.builder.sizeInBytes - size)
    return { batch, firstDelta }
  }

  /** As many rows as fit the open batch, or else a new one; see {@link RecordBatchBuilder.appendColumns}. */
  appendColumns(
    queue: PartitionQueue,
    columns: {
      values: ByteColumn
      keys?: ByteColumn | undefined
      timestamps: Float64Array
      headers?: readonly (readonly RecordHeader[])[] | undefined
      rows?: Int32Array | undefined
    },
    from: number,
    to: number,
  ): Appended & { end: number } {
    let batch = queue.open ?? this.#begin(queue)
    for (;;) {
      const size = batch.builder.sizeInBytes
      const firstDelta = batch.builder.recordCount
      const end = batch.builder.appendColumns({ ...columns, from, to, maxBytes: this.#options.batchSize })
      this.#account(batch, batch.builder.sizeInBytes - size)
      if (end > from) return { batch, firstDelta, end }
      batch = this.#begin(queue)
    }
  }

  makeBuilder = (): RecordBatchBuilder => {
    const spare = this.#spare.pop()
    if (spare) return spare
    const { batchSize, compression, compressionLevel } = this.#options
    const level = compressionLevel === undefined ? {} : { compressionLevel }
    return new RecordBatchBuilder({ capacity: batchSize, compression, ...level })
  }

  /** The batch is over: its memory may be used for another. */
  release(batch: ProducerBatch): void {
    this.#usedBytes -= batch.accountedBytes
    const { builder } = batch
    if (this.#spare.length < MAX_SPARE_BUILDERS && builder.capacity <= 2 * this.#options.batchSize) {
      builder.reset()
      this.#spare.push(builder)
    }
  }

  /** Replaces a batch by two halves. */
  split(batch: ProducerBatch): ProducerBatch[] {
    const parts = batch.split(this.makeBuilder)
    for (const part of parts) this.#usedBytes += part.accountedBytes
    this.release(batch)
    return parts
  }

  #begin(queue: PartitionQueue): ProducerBatch {
    const { topic, partition } = queue
    const createdAt = this.#options.system.clock.monotonic()
    const batch = new ProducerBatch({ topic, partition, createdAt, builder: this.makeBuilder() })
    this.#account(batch, batch.builder.sizeInBytes)
    queue.waiting.push(batch)
    return batch
  }

  #account(batch: ProducerBatch, bytes: number): void {
    batch.accountedBytes += bytes
    this.#usedBytes += bytes
  }
}

/** The most that a record can take in a batch. */
export function recordBytes(
  key: Uint8Array | null,
  value: Uint8Array | null,
  headers: readonly RecordHeader[],
): number {
  let size = MAX_RECORD_OVERHEAD_BYTES + (key?.byteLength ?? 0) + (value?.byteLength ?? 0)
  // A character takes at most three bytes in UTF-8; a header has two lengths.
  for (const header of headers) size += 10 + header.key.length * 3 + (header.value?.byteLength ?? 0)
  return size
}
