import { batchSize, ErrorCode, lastOffset } from '@millrace/kafka'
import { abortedTransactions, transactionIndexOf } from './aborted-transactions.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import type { LogEventListener, LogMetrics } from './log-event.ts'
import { failedRead, type Isolation, LogReader, type ReadOptions, type ReadResult } from './log-reader.ts'
import { lookUpOffset, type TimestampOffset } from './offset-lookup.ts'
import type { OngoingTransactions } from './ongoing-transactions.ts'
import type { Segment, SegmentHome } from './segment.ts'
import type { SegmentList } from './segment-list.ts'
import type { TailCache } from './tail-cache.ts'
import type { AbortedTransaction, TransactionIndex } from './transaction-index.ts'

/** What the view asks of its log. */
export interface ViewHost {
  readonly config: LogConfig
  readonly logStartOffset: number
  readonly endOffset: number
  readonly flushedOffset: number
  readonly mayHaveGaps: boolean
}

/** What consumers see of a log: how far, under which isolation, and the records. */
export class LogView {
  readonly #host: ViewHost
  readonly #home: SegmentHome
  readonly #segments: SegmentList
  readonly #transactions: OngoingTransactions
  readonly #epochs: LeaderEpochs
  readonly #snapshots: Set<number>
  readonly #reader: LogReader
  readonly #report: LogEventListener
  /** Was shown before acks had to wait for a flush. */
  #shown = 0

  constructor(options: {
    host: ViewHost
    home: SegmentHome
    segments: SegmentList
    transactions: OngoingTransactions
    epochs: LeaderEpochs
    /** Offsets of the producer snapshots. */
    snapshots: Set<number>
    cache: TailCache
    metrics: LogMetrics
    report: LogEventListener
  }) {
    const { cache, host, metrics, report, segments } = options
    this.#host = host
    this.#home = options.home
    this.#segments = segments
    this.#transactions = options.transactions
    this.#epochs = options.epochs
    this.#snapshots = options.snapshots
    this.#report = report
    this.#reader = new LogReader({ segments, cache, metrics, report, mayHaveGaps: () => host.mayHaveGaps })
  }

  get highWatermark(): number {
    const { config, endOffset, flushedOffset } = this.#host
    return config.flush === 'sync' ? Math.max(flushedOffset, this.#shown) : endOffset
  }

  get lastStableOffset(): number {
    const { highWatermark } = this
    const unstable = this.#transactions.firstUnstableOffset(highWatermark)
    return unstable >= highWatermark ? highWatermark : Math.max(unstable, this.#host.logStartOffset)
  }

  /** The end of what consumers of an isolation see. */
  endFor(isolation: Isolation | undefined): number {
    return isolation === 'read_committed' ? this.lastStableOffset : this.highWatermark
  }

  /** The flush mode is about to change: what consumers have seen stays visible. */
  keepShown(): void {
    this.#shown = this.highWatermark
  }

  /** The log was cut off at `endOffset`. */
  truncated(endOffset: number): void {
    this.#shown = Math.min(this.#shown, endOffset)
    this.forgetPlaces()
  }

  /** Batches are no longer where they were. */
  forgetPlaces(): void {
    this.#reader.forgetPlaces()
  }

  read(offset: number, maxBytes: number, options: ReadOptions): ReadResult {
    const { endOffset, logStartOffset } = this.#host
    if (offset < logStartOffset || offset > endOffset) return failedRead(ErrorCode.OFFSET_OUT_OF_RANGE)
    const upTo = options.upTo ?? this.endFor(options.isolation)
    const result = this.#reader.read(offset, maxBytes, Math.min(upTo, endOffset), options)
    if (options.isolation !== 'read_committed' || result.size === 0) return result
    try {
      return { ...result, abortedTransactions: this.abortedTransactions(offset, endOf(result.parts)) }
    } catch (cause) {
      this.#reader.failed(this.#home.folder, offset, cause)
      return failedRead(ErrorCode.KAFKA_STORAGE_ERROR)
    }
  }

  bytesFrom(offset: number, enough: number, isolation: Isolation | undefined): number {
    return this.#reader.count(offset, this.endFor(isolation), enough)
  }

  abortedTransactions(from: number, to: number): readonly AbortedTransaction[] {
    return abortedTransactions(from, to, {
      home: this.#home,
      segments: this.#segments,
      snapshots: this.#snapshots,
      report: this.#report,
    })
  }

  /** The aborted transactions whose markers are in the segment. Throws what the file system throws. */
  transactionIndexOf(segment: Segment): TransactionIndex {
    return transactionIndexOf(segment, {
      home: this.#home,
      segments: this.#segments,
      snapshots: this.#snapshots,
      report: this.#report,
    })
  }

  offsetForTimestamp(timestamp: number, isolation: Isolation | undefined): TimestampOffset {
    const { logStartOffset } = this.#host
    const highWatermark = this.endFor(isolation)
    try {
      return lookUpOffset(timestamp, { segments: this.#segments, epochs: this.#epochs, logStartOffset, highWatermark })
    } catch (cause) {
      this.#reader.failed(this.#home.folder, logStartOffset, cause)
      return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, offset: -1, timestamp: -1, leaderEpoch: -1 }
    }
  }
}

/** The offset after the last batch. */
function endOf(parts: readonly Uint8Array[]): number {
  const part = parts.at(-1) as Uint8Array
  let at = 0
  while (at + batchSize(part, at) < part.byteLength) at += batchSize(part, at)
  return lastOffset(part, at) + 1
}
