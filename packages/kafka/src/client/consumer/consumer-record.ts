import { LogRecord } from '../../records/reader.ts'
import type { RecordIndex } from '../../records/record-index.ts'

/** A record that was read from a topic. Key, value and headers are cut out of the fetched bytes when they are asked for. */
export class ConsumerRecord extends LogRecord {
  readonly topic: string
  readonly partition: number

  constructor(topic: string, partition: number, index: RecordIndex, at: number) {
    super(index, at)
    this.topic = topic
    this.partition = partition
  }
}

/**
 * Whole record batches of one partition, as they came: for consumers that decode into columns. They are checked;
 * transaction markers, and with `read_committed` aborted batches, are left out of `starts`.
 *
 * A batch may begin before `fetchOffset` (brokers return whole batches) and end after it: records below are not wanted.
 *
 * @example
 * for (const at of batches.starts) {
 *   indexRecords(batches.bytes, at, index)
 *   for (let i = 0; i < index.count; i++) if (index.offsets[i] >= batches.fetchOffset) …
 * }
 * batches.release()
 */
export interface PartitionBatches {
  readonly topic: string
  readonly partition: number
  readonly bytes: Uint8Array
  /** Where in `bytes` each batch begins. */
  readonly starts: readonly number[]
  readonly fetchOffset: number
  /** The position after these batches. */
  readonly nextOffset: number
  /** The offset after the last record that is replicated; the lag is this less `nextOffset`. */
  readonly highWatermark: number
  readonly lastStableOffset: number
  /** The first offset that the partition still has; -1 when the broker does not say. */
  readonly logStartOffset: number
  /**
   * Gives the memory back for the next fetch: `bytes`, and whatever still refers to them, may be overwritten from now on.
   * Optional, but it saves more than half of what a fetch costs.
   */
  release(): void
}
