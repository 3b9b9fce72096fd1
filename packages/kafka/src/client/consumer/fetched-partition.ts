import { MillraceError } from '@millrace/std'
import {
  BatchCheck,
  batchSize,
  describeBatchCheck,
  isControl,
  isTransactional,
  lastOffset,
  partitionLeaderEpoch,
  producerId,
  validateBatch,
  validateBatchHeader,
} from '../../records/batch.ts'
import { controlType } from '../../records/reader.ts'
import { indexRecords, RecordIndex } from '../../records/record-index.ts'
import { ConsumerRecord, type PartitionBatches } from './consumer-record.ts'

export interface FetchedPartitionOptions {
  topic: string
  partition: number
  bytes: Uint8Array
  fetchOffset: number
  highWatermark: number
  lastStableOffset: number
  logStartOffset: number
  /** Of the leader that the records came from. */
  currentLeaderEpoch: number
  /** Only with read_committed; in any order: brokers send them by the offset of their markers. */
  abortedTransactions: readonly { producerId: number; firstOffset: number }[]
  checkCrcs: boolean
  maxDecompressedBytes: number
  /** Says that the bytes are no longer used. */
  release: () => void
}

/** One partition's part of a fetch response, and how far it has been taken out. */
export class FetchedPartition {
  readonly topic: string
  readonly partition: number
  readonly #options: FetchedPartitionOptions
  readonly currentLeaderEpoch: number
  /** The offset of the next record to hand out. */
  position: number
  /** The leader epoch of the last batch that was handed out or passed over; -1 before the first. */
  offsetEpoch = -1
  /** Where in the bytes the next batch begins. */
  #at = 0
  /** The batch that records are being taken from, if there is one. */
  #isInBatch = false
  /** Made for the first batch whose records are taken one by one. */
  #index: RecordIndex | undefined
  #next = 0
  /** Records that were handed out are views of the bytes: with them the memory stays theirs. */
  #hasHandedOutRecords = false
  #batchStart = 0
  /** The position after it. */
  #batchEnd = 0
  /** By first offset: a transaction that began first may have been aborted last. */
  readonly #aborted: FetchedPartitionOptions['abortedTransactions']
  #abortedSeen = 0
  readonly #abortedProducers = new Set<number>()

  constructor(options: FetchedPartitionOptions) {
    this.topic = options.topic
    this.partition = options.partition
    this.position = options.fetchOffset
    this.currentLeaderEpoch = options.currentLeaderEpoch
    this.#options = options
    this.#aborted = options.abortedTransactions.toSorted((a, b) => a.firstOffset - b.firstOffset)
  }

  /**
   * Adds up to `max` records to `into` and returns how many; fewer only at the end of what was fetched.
   *
   * @throws {MillraceError} KAFKA_CORRUPT_BATCH
   */
  takeRecords(max: number, into: ConsumerRecord[]): number {
    let taken = 0
    while (taken < max) {
      if (!this.#isInBatch && !this.#nextBatch()) break
      const index = this.#index as RecordIndex
      if (this.#next === index.count) {
        this.position = this.#batchEnd
        this.#isInBatch = false
        continue
      }
      const at = this.#next++
      const offset = index.offsets[at] as number
      if (offset < this.position) continue
      into.push(new ConsumerRecord(this.topic, this.partition, index, at))
      this.#hasHandedOutRecords = true
      this.position = offset + 1
      taken++
    }
    return taken
  }

  /**
   * All that is left, as whole batches; undefined when nothing is.
   *
   * @throws {MillraceError} KAFKA_CORRUPT_BATCH
   */
  takeBatches(): PartitionBatches | undefined {
    const { topic, partition, bytes, highWatermark, lastStableOffset, logStartOffset } = this.#options
    const release = this.#hasHandedOutRecords ? () => {} : this.#options.release
    if (this.#isInBatch) {
      this.#at = this.#batchStart
      this.#isInBatch = false
    }
    const fetchOffset = this.position
    const starts: number[] = []
    try {
      for (let at = this.#nextVisible(); at >= 0; at = this.#nextVisible()) starts.push(at)
    } catch (error) {
      // What comes before a bad batch is handed out first; the next call meets it again.
      if (starts.length === 0) throw error
    }
    if (this.position === fetchOffset && starts.length === 0) {
      release()
      return undefined
    }
    return {
      topic,
      partition,
      bytes,
      starts,
      fetchOffset,
      nextOffset: this.position,
      highWatermark,
      lastStableOffset,
      logStartOffset,
      release,
    }
  }

  /** Decodes the next batch that holds wanted records; false at the end. */
  #nextBatch(): boolean {
    const { bytes, maxDecompressedBytes } = this.#options
    const before = this.position
    const at = this.#nextVisible()
    if (at < 0) return false
    // Until its records are handed out, the position stays before them.
    this.#batchStart = at
    this.#batchEnd = this.position
    this.position = before
    this.#index ??= new RecordIndex(256)
    const check = indexRecords(bytes, at, this.#index, { maxDecompressedBytes })
    if (check !== BatchCheck.ok) {
      // The next call meets it again.
      this.#at = at
      throw this.#corrupt(check)
    }
    this.#next = 0
    this.#isInBatch = true
    return true
  }

  /** Where the next batch with records for the user begins, or -1; moves the position past it. */
  #nextVisible(): number {
    const { bytes, checkCrcs } = this.#options
    const end = bytes.byteLength
    while (this.#at < end) {
      const at = this.#at
      const check = checkCrcs ? validateBatch(bytes, at, end) : validateBatchHeader(bytes, at, end)
      if (check === BatchCheck.truncated && at > 0) break
      if (check !== BatchCheck.ok) throw this.#corrupt(check)
      this.#at = at + batchSize(bytes, at)
      const last = lastOffset(bytes, at)
      const isHidden = this.#isHidden(at, last)
      if (last < this.position) continue
      this.position = last + 1
      this.offsetEpoch = partitionLeaderEpoch(bytes, at)
      if (!isHidden) return at
    }
    return -1
  }

  /** Transaction markers, and batches of transactions that were aborted (their ids are listed, the markers end them). */
  #isHidden(at: number, last: number): boolean {
    const { bytes } = this.#options
    for (; this.#abortedSeen < this.#aborted.length; this.#abortedSeen++) {
      const aborted = this.#aborted[this.#abortedSeen] as { producerId: number; firstOffset: number }
      if (aborted.firstOffset > last) break
      this.#abortedProducers.add(aborted.producerId)
    }
    if (isControl(bytes, at)) {
      const marker = new RecordIndex(1)
      if (indexRecords(bytes, at, marker) === BatchCheck.ok && controlType(marker) === 'abort') {
        this.#abortedProducers.delete(producerId(bytes, at))
      }
      return true
    }
    return isTransactional(bytes, at) && this.#abortedProducers.has(producerId(bytes, at))
  }

  #corrupt(check: BatchCheck): MillraceError {
    return new MillraceError('KAFKA_CORRUPT_BATCH', {
      message: `${describeBatchCheck(check)}: ${this.topic}-${this.partition} at offset ${this.position}.`,
      fix: `Look at the partition on the broker. To go on without it, seek past offset ${this.position}.`,
    })
  }
}
