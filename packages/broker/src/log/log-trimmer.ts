import { lastOffset } from '@millrace/kafka'
import { transactionIndexOf } from './aborted-transactions.ts'
import { writeFile } from './durable-file.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import type { LogState } from './log-core.ts'
import type { LogEventListener, LogMetrics } from './log-event.ts'
import { LogSuffix, segmentFile } from './log-files.ts'
import type { ProducerState } from './producer-state.ts'
import { replayProducers } from './producer-replay.ts'
import { type DeletionScope, segmentsToDelete } from './retention.ts'
import type { Segment, SegmentHome } from './segment.ts'
import type { SegmentFiles } from './segment-files.ts'
import type { SegmentList } from './segment-list.ts'
import { isOutOfRoom } from './storage-error.ts'

/** What the trimmer asks of its log. */
export interface TrimHost {
  readonly state: LogState
  readonly config: LogConfig
  readonly highWatermark: number
  /** Closes the active segment and starts the next one. */
  roll(): void
  /** The producers as of the end, as a snapshot file has them. */
  encodeProducers(): Uint8Array
  /** Batches are no longer where they were. */
  batchesMoved(): void
  /** What is on disk and what is in memory no longer agree. */
  writeFailed(cause: Error): void
}

/** Takes records away: the oldest by retention or by order, the newest by truncation, others by compaction. */
export class LogTrimmer {
  readonly #host: TrimHost
  readonly #home: SegmentHome
  readonly #segments: SegmentList
  readonly #producers: ProducerState
  readonly #epochs: LeaderEpochs
  readonly #files: SegmentFiles
  readonly #metrics: LogMetrics
  readonly #report: LogEventListener
  /** The first offset that can be read. */
  logStartOffset: number

  constructor(options: {
    host: TrimHost
    home: SegmentHome
    segments: SegmentList
    producers: ProducerState
    epochs: LeaderEpochs
    files: SegmentFiles
    metrics: LogMetrics
    report: LogEventListener
    logStartOffset: number
  }) {
    this.#host = options.host
    this.#home = options.home
    this.#segments = options.segments
    this.#producers = options.producers
    this.#epochs = options.epochs
    this.#files = options.files
    this.#metrics = options.metrics
    this.#report = options.report
    this.logStartOffset = options.logStartOffset
  }

  /** Answers how many segments were deleted. Throws what the file system throws. */
  deleteOldSegments(scope: DeletionScope, now: number): number {
    const { config, highWatermark } = this.#host
    const { logStartOffset } = this
    const plan = segmentsToDelete(this.#segments, config, scope, { now, logStartOffset, highWatermark })
    if (plan.length === 0) return 0
    if (plan.length === this.#segments.length) this.#begin()
    for (const reason of plan) {
      const segment = this.#segments.removeFirst()
      this.moveStartTo(this.#segments.first.baseOffset)
      this.#files.delete(segment, config.fileDeleteDelayMs)
      this.#metrics.deletedSegments++
      this.#report({ kind: 'segment-deleted', file: segment.file.path, reason })
    }
    return plan.length
  }

  /** Starts a segment before all others go, and what is known of the producers with them. */
  #begin(): void {
    this.#host.roll()
    const { fileSystem, folder } = this.#home
    const snapshot = segmentFile(folder, this.#segments.active.baseOffset, LogSuffix.snapshot)
    try {
      writeFile(fileSystem, snapshot, this.#host.encodeProducers())
    } catch (cause) {
      // The next flush tries again; there will be room.
      if (!isOutOfRoom(cause)) throw cause
    }
  }

  /** The start of the log never goes back. */
  moveStartTo(offset: number): void {
    if (offset <= this.logStartOffset) return
    this.logStartOffset = offset
    this.#epochs.truncateStart(offset)
  }

  /**
   * Cuts the log off before the batch that contains `offset`, and brings the producers and epochs to the state as of
   * there. Answers the new end.
   */
  truncateTo(offset: number, now: number): number {
    const { indexIntervalBytes } = this.#host.config
    while (this.#segments.length > 1 && this.#segments.active.baseOffset >= offset) {
      const segment = this.#segments.removeLast()
      this.#files.delete(segment, 0)
      this.#report({ kind: 'segment-deleted', file: segment.file.path, reason: 'truncated' })
    }
    const active = this.#segments.active
    // One that is damaged is made again while all that it is made from is there.
    transactionIndexOf(active, {
      home: this.#home,
      segments: this.#segments,
      snapshots: this.#files.snapshots,
      report: this.#report,
    })
    let end = active.baseOffset
    let position = 0
    const scan = active.scan(0, 'headers')
    while (scan.next() === 0 && lastOffset(scan.bytes, scan.at) < offset) {
      end = lastOffset(scan.bytes, scan.at) + 1
      position = scan.position + scan.size
    }
    active.truncate(position, end, indexIntervalBytes)
    this.#files.removeSnapshots((snapshot) => snapshot <= end)
    this.#epochs.truncateEnd(end)
    this.#producers.clear()
    replayProducers({
      home: this.#home,
      segments: [...this.#segments],
      snapshots: this.#files.snapshots,
      producers: this.#producers,
      now,
      upTo: end,
    })
    this.logStartOffset = Math.min(this.logStartOffset, end)
    return end
  }

  /**
   * Puts `cleaned`, whose files are complete and synced, in the place of `old`, which it was made from. Answers false, and
   * changes nothing, when one of these has been deleted meanwhile. See `settleFolder`.
   */
  async replaceSegments(cleaned: Segment, old: readonly Segment[]): Promise<boolean> {
    const { fileSystem, folder } = this.#home
    const isCurrent = () => this.#host.state === 'online' && old.every((segment) => !segment.removed)
    if (!isCurrent()) return false
    cleaned.renameFiles(LogSuffix.swap)
    await fileSystem.syncDirectory(folder)
    if (!isCurrent()) return false
    // From here to the end nobody must look at the log.
    try {
      for (const segment of old) {
        const keepSnapshot = segment.baseOffset === cleaned.baseOffset
        this.#files.delete(segment, this.#host.config.fileDeleteDelayMs, { keepSnapshot })
      }
      cleaned.renameFiles('')
      this.#segments.replace(old, cleaned)
    } catch (cause) {
      this.#host.writeFailed(cause as Error)
      throw cause
    }
    this.#host.batchesMoved()
    await fileSystem.syncDirectory(folder)
    return true
  }
}
