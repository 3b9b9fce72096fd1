import {
  BatchCheck,
  CorruptBatchError,
  compressionCode,
  indexRecords,
  isControl,
  lastOffset,
  RecordIndex,
} from '@millrace/kafka'
import type { Clock, Random } from '@millrace/std'
import { BatchScanner } from '../batch-scanner.ts'
import { LogSuffix } from '../log-files.ts'
import type { PartitionLog } from '../partition-log.ts'
import { Segment } from '../segment.ts'
import { abortedRanges } from './aborted-ranges.ts'
import { BatchFilter, type LastOfProducer } from './batch-filter.ts'
import { type CleanableRange, groupSegments } from './cleanable-range.ts'
import { CleanedTransactions } from './cleaned-transactions.ts'
import { CleanedWriter } from './cleaned-writer.ts'
import type { CleanerConfig } from './cleaner-config.ts'
import { OffsetMap } from './offset-map.ts'
import type { Pace } from './pace.ts'

/** The log was closed or deleted, or segments of it went, while it was compacted: what was written is thrown away. */
export class CleaningAborted extends Error {
  override name = 'CleaningAborted'
}

/** What a round did. */
export interface CleaningResult {
  /** What lies below is compacted now. */
  readonly endOffset: number
  readonly bytesRead: number
  readonly bytesWritten: number
  readonly segmentsBefore: number
  readonly segmentsAfter: number
}

/**
 * One round of compaction of one log (Kafka's `Cleaner`): learns the last offset of each key in the dirty part, as far as
 * the map has room, then rewrites all segments up to there without the records that a later one replaces. Offsets stay.
 * In between the event loop turns, and the log is read and appended to.
 */
export class LogCompactor {
  readonly #log: PartitionLog
  readonly #range: CleanableRange
  readonly #config: CleanerConfig
  readonly #pace: Pace
  readonly #map: OffsetMap
  readonly #now: number
  readonly #isWanted: () => boolean
  readonly #replaced = new Set<Segment>()
  #bytesRead = 0
  #bytesWritten = 0

  constructor(options: {
    log: PartitionLog
    range: CleanableRange
    config: CleanerConfig
    pace: Pace
    clock: Clock
    random: Random
    /** False when the round is to be given up. */
    isWanted: () => boolean
  }) {
    this.#log = options.log
    this.#range = options.range
    this.#config = options.config
    this.#pace = options.pace
    this.#now = options.clock.now()
    this.#isWanted = options.isWanted
    this.#map = new OffsetMap({
      maxBytes: options.config.dedupeBufferBytes,
      loadFactor: options.config.loadFactor,
      random: options.random,
    })
  }

  /**
   * @throws {CleaningAborted}
   * @throws {CorruptBatchError} when the log is damaged
   * @throws {FileSystemError}
   */
  async run(): Promise<CleaningResult> {
    const { firstUncleanableOffset } = this.#range
    const cleanable = [...this.#log.segments].filter((segment) => segment.endOffset <= firstUncleanableOffset)
    try {
      return await this.#clean(cleanable)
    } catch (cause) {
      // Files that are gone are no fault of the disk then.
      const isGone = (segment: Segment) => segment.removed && !this.#replaced.has(segment)
      if (!this.#isWanted() || cleanable.some(isGone)) throw new CleaningAborted()
      throw cause
    }
  }

  async #clean(cleanable: readonly Segment[]): Promise<CleaningResult> {
    const log = this.#log
    const { firstUncleanableOffset } = this.#range
    if (cleanable.some((segment) => segment.quarantine.length > 0)) throw new CorruptBatchError(BatchCheck.badCrc)
    await this.#learnOffsets(cleanable)
    const endOffset = this.#map.latestOffset + 1
    const chosen = cleanable.filter((segment) => segment.baseOffset < endOffset)
    const transactions = new CleanedTransactions()
    const filter = new BatchFilter({
      map: this.#map,
      transactions,
      producers: lastOfProducers(log),
      now: this.#now,
      deleteRetentionMs: log.config.deleteRetentionMs,
      roundEnd: firstUncleanableOffset,
    })
    const groups = groupSegments(chosen, firstUncleanableOffset, log.config)
    for (const group of groups) await this.#rewrite(group, filter, transactions)
    return {
      endOffset,
      bytesRead: this.#bytesRead,
      bytesWritten: this.#bytesWritten,
      segmentsBefore: chosen.length,
      segmentsAfter: groups.length,
    }
  }

  /** Fills the map from the dirty part, up to where it is full. */
  async #learnOffsets(cleanable: readonly Segment[]): Promise<void> {
    const { firstDirtyOffset, firstUncleanableOffset } = this.#range
    const map = this.#map
    const records = new RecordIndex()
    const transactions = new CleanedTransactions()
    transactions.add(abortedRanges(this.#log, firstDirtyOffset, firstUncleanableOffset))
    map.latestOffset = firstDirtyOffset - 1
    for (const segment of cleanable) {
      if (segment.endOffset <= firstDirtyOffset) continue
      const isComplete = await this.#eachBatch(segment, segment.offsetIndex.lookup(firstDirtyOffset), (scan) => {
        const { at, bytes } = scan
        if (isControl(bytes, at)) transactions.controlBatch(bytes, at, records)
        else if (!transactions.batch(bytes, at) && !this.#learnBatch(bytes, at, records)) return false
        if (lastOffset(bytes, at) >= firstDirtyOffset) map.latestOffset = lastOffset(bytes, at)
        return true
      })
      if (!isComplete) return
      // Nothing is missing up to the next segment: earlier compaction may have taken the last records out.
      map.latestOffset = Math.max(map.latestOffset, segment.endOffset - 1)
    }
  }

  /** False when the map is full. */
  #learnBatch(bytes: Uint8Array, at: number, records: RecordIndex): boolean {
    const check = indexRecords(bytes, at, records)
    if (check !== BatchCheck.ok) throw new CorruptBatchError(check)
    if (compressionCode(bytes, at) !== 0) this.#pace.work(records.data.byteLength)
    for (let i = 0; i < records.count; i++) {
      const length = records.keyLength[i] as number
      const offset = records.offsets[i] as number
      if (length < 0 || offset < this.#range.firstDirtyOffset) continue
      if (!this.#map.put(records.data, records.keyStart[i] as number, length, offset)) return false
    }
    return true
  }

  /** Replaces neighbouring segments by one. */
  async #rewrite(group: readonly Segment[], filter: BatchFilter, transactions: CleanedTransactions): Promise<void> {
    const log = this.#log
    const first = group[0] as Segment
    const last = group.at(-1) as Segment
    const cleaned = new Segment(log.home, first.baseOffset, last.created, LogSuffix.cleaned)
    const writer = new CleanedWriter(cleaned, { bufferBytes: this.#config.ioBufferBytes / 2 })
    try {
      transactions.index = cleaned.transactionIndex
      for (const segment of group) {
        transactions.add(abortedRanges(log, segment.baseOffset, segment.endOffset))
        await this.#eachBatch(segment, 0, ({ at, bytes }) => {
          const kept = filter.filter(bytes, at)
          if (filter.decompressedBytes > 0) this.#pace.work(filter.decompressedBytes)
          if (kept) {
            writer.add(kept)
            this.#bytesWritten += kept.byteLength
            this.#pace.io(kept.byteLength)
          }
          return true
        })
      }
      await writer.finish(last.endOffset)
      if (!(await log.replaceSegments(cleaned, group))) throw new CleaningAborted()
      for (const segment of group) this.#replaced.add(segment)
    } catch (cause) {
      transactions.index = undefined
      // Offline, the log may be between its old segments and the new one: the next start brings that to an end.
      if (log.state === 'online') writer.discard()
      throw cause
    }
  }

  #check(segment: Segment): void {
    if (!this.#isWanted() || segment.removed) throw new CleaningAborted()
  }

  /**
   * Calls `visit` for the batches from `position` on until it answers false, and lets the event loop turn in between.
   * Answers whether it came to the end.
   */
  async #eachBatch(segment: Segment, position: number, visit: (scan: BatchScanner) => boolean): Promise<boolean> {
    this.#check(segment)
    // A handle of its own: those of the log are closed when others need them.
    const file = this.#log.home.fileSystem.open(segment.file.path, 'read')
    try {
      const scan = new BatchScanner(file, { start: position, end: segment.size, depth: 'batches', quarantine: [] })
      for (let check = scan.next(); check !== -1; check = scan.next()) {
        if (check !== BatchCheck.ok) throw new CorruptBatchError(check)
        this.#bytesRead += scan.size
        this.#pace.io(scan.size)
        if (!visit(scan)) return false
        if (!this.#pace.work(scan.size)) continue
        await this.#pace.pause()
        this.#check(segment)
      }
      return true
    } finally {
      file.close()
    }
  }
}

function lastOfProducers(log: PartitionLog): Map<number, LastOfProducer> {
  const last = new Map<number, LastOfProducer>()
  for (const entry of log.producerEntries) {
    last.set(entry.producerId, { lastDataOffset: entry.lastOffset, epoch: entry.epoch })
  }
  return last
}
