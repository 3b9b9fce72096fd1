import { ErrorCode } from '@millrace/kafka'
import { type Clock, FileSystemError } from '@millrace/std'
import type { FlushWaiter } from './ack-queue.ts'
import { type AppendOptions, type AppendResult, rejected } from './append.ts'
import { BatchRun } from './batch-run.ts'
import { encodeEndTxnMarker, type EndTxnMarker } from './end-txn-marker.ts'
import type { EpochEndOffset, EpochEntry } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import { LogCore, type LogState } from './log-core.ts'
import type { LogMetrics } from './log-event.ts'
import { failedRead, type Isolation, type ReadOptions, type ReadResult } from './log-reader.ts'
import type { TimestampOffset } from './offset-lookup.ts'
import type { PartitionLogOptions } from './partition-log-options.ts'
import type { ProducerEntry } from './producer-entry.ts'
import type { ProducerDescription } from './producer-state.ts'
import type { Segment, SegmentHome } from './segment.ts'
import type { AbortedTransaction, TransactionIndex } from './transaction-index.ts'

/**
 * The log of one partition: batches of records in the order of their offsets, in Kafka's file format.
 *
 * Nothing here throws for what a client sent or for what the disk does; answers carry Kafka's error codes. Only opening
 * a log throws (`FileSystemError`).
 *
 * @example
 * const result = log.append(records, { leaderEpoch: 0 })
 * if (result.errorCode === ErrorCode.NONE) log.whenFlushed(result.lastOffset + 1, reply)
 */
export class PartitionLog {
  readonly topic: string
  readonly partition: number
  readonly folder: string
  readonly #core: LogCore
  readonly #clock: Clock
  /** Made with the first batch that comes alone: most logs of a broker are idle. */
  #single: BatchRun | undefined

  /** Opens the folder, which must exist unless it is to be made; recovers it when `clean` is false. */
  constructor(options: PartitionLogOptions) {
    const { clock, home, listener } = options
    this.topic = options.topic
    this.partition = options.partition
    this.folder = home.folder
    this.#clock = clock
    this.#core = new LogCore(options, {
      advanced: () => listener.highWatermarkAdvanced?.(this),
      event: (event) => listener.event?.(this, event),
    })
  }

  get metrics(): LogMetrics {
    return this.#core.metrics
  }

  get state(): LogState {
    return this.#core.state
  }

  get config(): LogConfig {
    return this.#core.config
  }

  /** Takes effect with the next append, roll or retention run. */
  set config(config: LogConfig) {
    this.#core.config = config
  }

  /** The first offset that can be read. */
  get logStartOffset(): number {
    return this.#core.logStartOffset
  }

  /** The offset that the next record gets. */
  get endOffset(): number {
    return this.#core.endOffset
  }

  /** Consumers see what is below: what is flushed, or with `flush: 'none'` all. */
  get highWatermark(): number {
    return this.#core.highWatermark
  }

  /**
   * Consumers of `read_committed` see what is below: neither open transactions nor those whose markers are not below the
   * high watermark yet. Never beyond the high watermark.
   */
  get lastStableOffset(): number {
    return this.#core.view.lastStableOffset
  }

  /** All below is on the device. */
  get flushedOffset(): number {
    return this.#core.flushedOffset
  }

  /** For the recovery point checkpoint: segments that end at or below it need no check after a crash. */
  get recoveryPoint(): number {
    return this.#core.flusher.recoveryPoint
  }

  /** Compaction takes records out of the log, or did so before its policy was another one. */
  get mayHaveGaps(): boolean {
    return this.#core.mayHaveGaps
  }

  /** A new log gets its folder with its first write. */
  get hasFolder(): boolean {
    return this.#core.hasFolder
  }

  /** Whether the folder is on the device, with what it is known by. */
  get isFolderDurable(): boolean {
    return this.#core.isFolderDurable
  }

  get sizeInBytes(): number {
    return this.#core.segments.sizeInBytes
  }

  get segmentCount(): number {
    return this.#core.segments.length
  }

  get activeSegment(): Segment {
    return this.#core.segments.active
  }

  get leaderEpochs(): readonly EpochEntry[] {
    return this.#core.epochs.entries
  }

  /** Idempotent and transactional producers that are remembered. */
  get producerCount(): number {
    return this.#core.producers.size
  }

  producers(): Iterable<ProducerDescription> {
    return this.#core.producers.describeAll()
  }

  /** Has the producer a transaction here that is open, in this epoch? */
  hasOngoingTransaction(producerId: number, producerEpoch: number): boolean {
    return this.#core.producers.hasOngoingTransaction(producerId, producerEpoch)
  }

  /**
   * Appends one batch. Its base offset and leader epoch (and its time, with LogAppendTime) are patched into `records`.
   * A rejected batch changes nothing. Acknowledge it through {@link whenFlushed}.
   */
  append(records: Uint8Array, options: AppendOptions): AppendResult {
    this.#single ??= new BatchRun()
    const run = this.#single
    run.reset(records)
    run.add(0, records.byteLength)
    this.appendRun(run, options)
    const result = run.result(0)
    run.release()
    return result
  }

  /**
   * As {@link append} for several, in order, in as few writes as possible: for what one read from a socket brought. If
   * a write fails, all batches that it covered are rejected. What became of each is told in `run`.
   */
  appendRun(run: BatchRun, options: AppendOptions): void {
    if (this.state !== 'online') {
      const refusal = rejected(ErrorCode.KAFKA_STORAGE_ERROR, `The log is ${this.state}.`)
      for (let i = 0; i < run.count; i++) run.settle(i, refusal)
      return
    }
    const now = this.#clock.now()
    const before = this.endOffset
    this.#core.appender.appendRun(run, options, now)
    if (this.endOffset > before) this.#core.appended()
  }

  /**
   * Ends the producer's transaction in this partition: appends a control batch, as {@link append} does. A marker for a
   * producer without a transaction here is written as well and moves its epoch on. INVALID_PRODUCER_EPOCH when it is of an
   * older epoch (KIP-890: or would end the next transaction), TRANSACTION_COORDINATOR_FENCED when of an older coordinator.
   */
  appendEndTxnMarker(marker: EndTxnMarker): AppendResult {
    const leaderEpoch = Math.max(0, this.#core.epochs.latestEpoch)
    const { transactionVersion } = marker
    try {
      this.transactionIndexOf(this.activeSegment)
    } catch (cause) {
      if (!(cause instanceof FileSystemError)) throw cause
      return rejected(ErrorCode.KAFKA_STORAGE_ERROR, cause.message)
    }
    const batch = encodeEndTxnMarker(marker, this.#clock.now())
    return this.append(batch, { leaderEpoch, origin: 'coordinator', transactionVersion })
  }

  /**
   * Calls `waiter` once when the records before `endOffset` may be acknowledged (see `flush` in {@link LogConfig}), or
   * when they never will be; at once where that is known.
   */
  whenFlushed(endOffset: number, waiter: FlushWaiter): void {
    this.#core.flusher.wait(endOffset, waiter)
  }

  /** {@link whenFlushed} as a promise, of the error code. */
  flushed(endOffset = this.endOffset): Promise<number> {
    return new Promise((resolve) => this.whenFlushed(endOffset, { flushed: resolve }))
  }

  /** Brings what is written to the device, in whatever mode. */
  flush(): Promise<void> {
    return this.#core.flusher.flush()
  }

  /**
   * Whole batches from the one that contains `offset`, at most `maxBytes`, below what the isolation allows to see.
   * OFFSET_OUT_OF_RANGE outside of the log; CORRUPT_MESSAGE where the log is damaged; KAFKA_STORAGE_ERROR where the file
   * cannot be read.
   */
  read(offset: number, maxBytes: number, options: ReadOptions = {}): ReadResult {
    if (this.state === 'closed') return failedRead(ErrorCode.KAFKA_STORAGE_ERROR)
    return this.#core.view.read(offset, maxBytes, options)
  }

  /** About how many bytes {@link read} would find from `offset` on, if it were not limited; it may stop counting at `enough`. */
  bytesFrom(offset: number, enough: number, isolation?: Isolation): number {
    return this.#core.view.bytesFrom(offset, enough, isolation)
  }

  /**
   * The aborted transactions with records or their marker in the offsets [from, to), in the order of their markers: what a
   * consumer of `read_committed` must pass over in what it reads there. Throws what the file system throws.
   */
  abortedTransactions(from: number, to: number): readonly AbortedTransaction[] {
    return this.#core.view.abortedTransactions(from, to)
  }

  /** ListOffsets: see `lookUpOffset`. */
  offsetForTimestamp(timestamp: number, isolation?: Isolation): TimestampOffset {
    return this.#core.view.offsetForTimestamp(timestamp, isolation)
  }

  /** OffsetForLeaderEpoch: the largest epoch up to `epoch` and its end; -1, -1 when unknown. */
  endOffsetForEpoch(epoch: number): EpochEndOffset {
    return this.#core.epochs.endOffsetFor(epoch, this.endOffset)
  }

  /**
   * DeleteRecords: records before `offset` can no longer be read, and segments that hold nothing else are deleted.
   * `offset` -1 means the high watermark. The new start is durable with the next checkpoint.
   */
  deleteRecordsBefore(offset: number): number {
    if (this.state !== 'online') return ErrorCode.KAFKA_STORAGE_ERROR
    const target = offset === -1 ? this.highWatermark : offset
    if (target < 0 || target > this.highWatermark) return ErrorCode.OFFSET_OUT_OF_RANGE
    const stable = this.lastStableOffset
    this.#core.trimmer.moveStartTo(target)
    this.#core.deleteOldSegments('start')
    // A transaction that is open since before the new start no longer holds consumers back before it.
    if (this.lastStableOffset !== stable) this.#core.advanced()
    return ErrorCode.NONE
  }

  /** Deletes the segments that may go, and forgets idle producers. Answers how many segments were deleted. */
  applyRetention(): number {
    if (this.state !== 'online') return 0
    this.#core.producers.expire(this.#clock.now() - this.config.producerIdExpirationMs)
    for (const segment of this.#core.segments) {
      // Reads load them again.
      if (segment !== this.#core.segments.active && segment.endOffset <= this.recoveryPoint) segment.releaseIndexes()
    }
    return this.#core.deleteOldSegments('retention')
  }

  /**
   * Drops the records from `offset` on; a batch that contains it goes as a whole. What was acknowledged is dropped too:
   * not for a log that producers write to.
   */
  truncateTo(offset: number): Promise<void> {
    return this.#core.truncateTo(offset)
  }

  /** Closes the active segment, if it holds anything, and starts the next one. */
  roll(): void {
    this.#core.roll()
  }

  /** For the cleaner. */
  get home(): SegmentHome {
    return this.#core.home
  }

  /** For the cleaner: in order, the active one last. */
  get segments(): Iterable<Segment> {
    return this.#core.segments
  }

  /** For the cleaner: the producers that are remembered. */
  get producerEntries(): Iterable<ProducerEntry> {
    return this.#core.producers.entries()
  }

  /** For the cleaner: the aborted transactions whose markers are in the segment. Throws what the file system throws. */
  transactionIndexOf(segment: Segment): TransactionIndex {
    return this.#core.view.transactionIndexOf(segment)
  }

  /**
   * For the cleaner: puts `cleaned`, whose files are complete and synced, in the place of `old`, which it was made from.
   * Answers false, and changes nothing, when one of these has been deleted meanwhile. See {@link settleFolder}.
   */
  replaceSegments(cleaned: Segment, old: readonly Segment[]): Promise<boolean> {
    return this.#core.replaceSegments(cleaned, old)
  }

  /** Would {@link checkpoint} do something? Otherwise {@link recoveryPoint} is what it would answer. */
  get isCheckpointDue(): boolean {
    return this.#core.isCheckpointDue
  }

  /**
   * Brings to the device what a restart after a crash must know of what is flushed, and answers the offset up to which it
   * does: a recovery point that may be written down. For the periodic task.
   */
  checkpoint(): Promise<number> {
    return this.#core.checkpoint()
  }

  /**
   * Flushes, writes what a clean start needs, closes the files. Answers whether all of it succeeded: only then may the
   * clean shutdown marker be written.
   */
  close(): Promise<boolean> {
    return this.#core.close()
  }

  /** Closes the files of a log that is being deleted; what was not flushed is lost. */
  discard(): Promise<void> {
    return this.#core.discard()
  }
}
