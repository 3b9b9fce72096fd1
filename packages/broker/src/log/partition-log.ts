import { ErrorCode } from '@millrace/kafka'
import { type Clock, FileSystemError } from '@millrace/std'
import type { FlushWaiter } from './ack-queue.ts'
import { type AppendOptions, type AppendResult, rejected } from './append.ts'
import { BatchRun } from './batch-run.ts'
import { writeCleanState, writeLeaderEpochs } from './clean-state.ts'
import type { EpochEndOffset, EpochEntry, LeaderEpochs } from './leader-epochs.ts'
import { type AppendHost, LogAppender } from './log-appender.ts'
import type { LogConfig } from './log-config.ts'
import { type LogEvent, type LogMetrics, newLogMetrics } from './log-event.ts'
import { encodeEndTxnMarker, type EndTxnMarker } from './end-txn-marker.ts'
import { type FlushHost, LogFlusher } from './log-flusher.ts'
import { loadLog } from './log-loader.ts'
import { LogTrimmer, type TrimHost } from './log-trimmer.ts'
import type { Checkpoints, LogListener, PartitionLogOptions } from './partition-log-options.ts'
import { failedRead, type Isolation, type ReadOptions, type ReadResult } from './log-reader.ts'
import { LogSuffix } from './log-files.ts'
import { LogView, type ViewHost } from './log-view.ts'
import type { TimestampOffset } from './offset-lookup.ts'
import { encodeProducerSnapshot } from './producer-snapshot.ts'
import type { ProducerEntry } from './producer-entry.ts'
import type { ProducerDescription, ProducerState } from './producer-state.ts'
import type { DeletionScope } from './retention.ts'
import { Segment, type SegmentHome } from './segment.ts'
import { SegmentFiles } from './segment-files.ts'
import { SegmentList } from './segment-list.ts'
import { isOutOfRoom } from './storage-error.ts'
import { TailCache } from './tail-cache.ts'
import type { AbortedTransaction, TransactionIndex } from './transaction-index.ts'

/** `offline`: a write or sync failed; nothing is taken or acknowledged any more. */
export type LogState = 'online' | 'offline' | 'closed'

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
export class PartitionLog implements FlushHost, AppendHost, TrimHost, ViewHost {
  readonly topic: string
  readonly partition: number
  readonly folder: string
  readonly metrics: LogMetrics = newLogMetrics()
  readonly #home: SegmentHome
  readonly #clock: Clock
  readonly #listener: LogListener
  readonly #checkpoints: Checkpoints
  readonly #segments: SegmentList
  readonly #producers: ProducerState
  readonly #epochs: LeaderEpochs
  readonly #cache: TailCache
  readonly #view: LogView
  readonly #appender: LogAppender
  readonly #flusher: LogFlusher
  readonly #trimmer: LogTrimmer
  readonly #files: SegmentFiles
  readonly #single = new BatchRun()
  #config: LogConfig
  #compacted: boolean
  #state: LogState = 'online'
  /** Written to since the files were last complete: without, a close has nothing to do. */
  #changed: boolean
  #truncating = false

  /** Opens the folder, which must exist; recovers it when `clean` is false. */
  constructor(options: PartitionLogOptions) {
    this.topic = options.topic
    this.partition = options.partition
    this.folder = options.home.folder
    this.#home = options.home
    this.#clock = options.clock
    this.#listener = options.listener
    this.#checkpoints = options.checkpoints
    this.#config = options.config
    this.#compacted = options.compacted
    const loaded = loadLog({
      home: options.home,
      config: options.config,
      now: options.clock.now(),
      clean: options.clean,
      recoveryPoint: options.recoveryPoint,
      logStartOffset: options.logStartOffset,
      mayHaveGaps: options.compacted || options.config.cleanupPolicy.includes('compact'),
      report: (event) => this.#report(event),
    })
    this.#segments = new SegmentList(loaded.segments)
    this.#producers = loaded.producers
    this.#epochs = loaded.epochs
    this.#changed = !loaded.clean
    this.#cache = new TailCache(options.tailBudget)
    this.#view = new LogView({
      host: this,
      home: options.home,
      segments: this.#segments,
      transactions: this.#producers.transactions,
      epochs: this.#epochs,
      snapshots: loaded.snapshots,
      cache: this.#cache,
      metrics: this.metrics,
      report: (event) => this.#report(event),
    })
    this.#files = new SegmentFiles({ home: options.home, timers: options.timers, snapshots: loaded.snapshots })
    this.#trimmer = new LogTrimmer({
      host: this,
      home: options.home,
      segments: this.#segments,
      producers: this.#producers,
      epochs: this.#epochs,
      files: this.#files,
      metrics: this.metrics,
      report: (event) => this.#report(event),
      logStartOffset: loaded.logStartOffset,
    })
    this.#appender = new LogAppender({
      host: this,
      segments: this.#segments,
      producers: this.#producers,
      epochs: this.#epochs,
      cache: this.#cache,
      metrics: this.metrics,
    })
    this.#flusher = new LogFlusher({
      fileSystem: options.home.fileSystem,
      timers: options.timers,
      scheduler: options.flushes,
      host: this,
      flushedOffset: this.endOffset,
      folderChanged: loaded.folderChanged,
      recoveryPoint: {
        ...loaded.recoveryPoint,
        base: this.#segments.active.baseOffset,
        bytes: options.recoveryPointBytes,
      },
    })
  }

  get state(): LogState {
    return this.#state
  }

  get config(): LogConfig {
    return this.#config
  }

  /** Takes effect with the next append, roll or retention run. */
  set config(config: LogConfig) {
    this.#view.keepShown()
    this.#config = config
    this.#flusher.configured()
  }

  /** The first offset that can be read. */
  get logStartOffset(): number {
    return this.#trimmer.logStartOffset
  }

  /** The offset that the next record gets. */
  get endOffset(): number {
    return this.#appender.endOffset
  }

  /** Consumers see what is below: what is flushed, or with `flush: 'none'` all. */
  get highWatermark(): number {
    return this.#view.highWatermark
  }

  /**
   * Consumers of `read_committed` see what is below: neither open transactions nor those whose markers are not below the
   * high watermark yet. Never beyond the high watermark.
   */
  get lastStableOffset(): number {
    return this.#view.lastStableOffset
  }

  /** All below is on the device. */
  get flushedOffset(): number {
    return this.#flusher.flushedOffset
  }

  /** For the recovery point checkpoint: segments that end at or below it need no check after a crash. */
  get recoveryPoint(): number {
    return this.#flusher.recoveryPoint
  }

  /** Compaction takes records out of the log, or did so before its policy was another one. */
  get mayHaveGaps(): boolean {
    return this.#compacted || this.#config.cleanupPolicy.includes('compact')
  }

  get sizeInBytes(): number {
    return this.#segments.sizeInBytes
  }

  get segmentCount(): number {
    return this.#segments.length
  }

  get activeSegment(): Segment {
    return this.#segments.active
  }

  get leaderEpochs(): readonly EpochEntry[] {
    return this.#epochs.entries
  }

  /** Idempotent and transactional producers that are remembered. */
  get producerCount(): number {
    return this.#producers.size
  }

  producers(): Iterable<ProducerDescription> {
    return this.#producers.describeAll()
  }

  /** Has the producer a transaction here that is open, in this epoch? */
  hasOngoingTransaction(producerId: number, producerEpoch: number): boolean {
    return this.#producers.hasOngoingTransaction(producerId, producerEpoch)
  }

  /**
   * Appends one batch. Its base offset and leader epoch (and its time, with LogAppendTime) are patched into `records`.
   * A rejected batch changes nothing. Acknowledge it through {@link whenFlushed}.
   */
  append(records: Uint8Array, options: AppendOptions): AppendResult {
    this.#single.reset(records)
    this.#single.add(0, records.byteLength)
    this.appendRun(this.#single, options)
    const result = this.#single.result(0)
    this.#single.release()
    return result
  }

  /**
   * As {@link append} for several, in order, in as few writes as possible: for what one read from a socket brought. If
   * a write fails, all batches that it covered are rejected. What became of each is told in `run`.
   */
  appendRun(run: BatchRun, options: AppendOptions): void {
    if (this.#state !== 'online') {
      const refusal = rejected(ErrorCode.KAFKA_STORAGE_ERROR, `The log is ${this.#state}.`)
      for (let i = 0; i < run.count; i++) run.settle(i, refusal)
      return
    }
    const now = this.#clock.now()
    const before = this.endOffset
    this.#appender.appendRun(run, options, now)
    if (this.endOffset > before) this.#appended()
  }

  /**
   * Ends the producer's transaction in this partition: appends a control batch, as {@link append} does. A marker for a
   * producer without a transaction here is written as well and moves its epoch on. INVALID_PRODUCER_EPOCH when it is of an
   * older epoch (KIP-890: or would end the next transaction), TRANSACTION_COORDINATOR_FENCED when of an older coordinator.
   */
  appendEndTxnMarker(marker: EndTxnMarker): AppendResult {
    const leaderEpoch = Math.max(0, this.#epochs.latestEpoch)
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

  #appended(): void {
    this.#changed = true
    this.#flusher.appended()
    if (this.#config.flush !== 'sync') this.#advanced()
  }

  #advanced(): void {
    // What consumers can see now need not be kept in mind as undecided, though nobody may ever ask.
    this.#producers.transactions.firstUnstableOffset(this.highWatermark)
    this.#listener.highWatermarkAdvanced?.(this)
  }

  /**
   * Calls `waiter` once when the records before `endOffset` may be acknowledged (see `flush` in {@link LogConfig}), or
   * when they never will be; at once where that is known.
   */
  whenFlushed(endOffset: number, waiter: FlushWaiter): void {
    this.#flusher.wait(endOffset, waiter)
  }

  /** {@link whenFlushed} as a promise, of the error code. */
  flushed(endOffset = this.endOffset): Promise<number> {
    return new Promise((resolve) => this.whenFlushed(endOffset, { flushed: resolve }))
  }

  /** Brings what is written to the device, in whatever mode. */
  flush(): Promise<void> {
    return this.#flusher.flush()
  }

  /**
   * Whole batches from the one that contains `offset`, at most `maxBytes`, below what the isolation allows to see.
   * OFFSET_OUT_OF_RANGE outside of the log; CORRUPT_MESSAGE where the log is damaged; KAFKA_STORAGE_ERROR where the file
   * cannot be read.
   */
  read(offset: number, maxBytes: number, options: ReadOptions = {}): ReadResult {
    if (this.#state === 'closed') return failedRead(ErrorCode.KAFKA_STORAGE_ERROR)
    return this.#view.read(offset, maxBytes, options)
  }

  /** About how many bytes {@link read} would find from `offset` on, if it were not limited; it may stop counting at `enough`. */
  bytesFrom(offset: number, enough: number, isolation?: Isolation): number {
    return this.#view.bytesFrom(offset, enough, isolation)
  }

  /**
   * The aborted transactions with records or their marker in the offsets [from, to), in the order of their markers: what a
   * consumer of `read_committed` must pass over in what it reads there. Throws what the file system throws.
   */
  abortedTransactions(from: number, to: number): readonly AbortedTransaction[] {
    return this.#view.abortedTransactions(from, to)
  }

  /** ListOffsets: see `lookUpOffset`. */
  offsetForTimestamp(timestamp: number, isolation?: Isolation): TimestampOffset {
    return this.#view.offsetForTimestamp(timestamp, isolation)
  }

  /** OffsetForLeaderEpoch: the largest epoch up to `epoch` and its end; -1, -1 when unknown. */
  endOffsetForEpoch(epoch: number): EpochEndOffset {
    return this.#epochs.endOffsetFor(epoch, this.endOffset)
  }

  /**
   * DeleteRecords: records before `offset` can no longer be read, and segments that hold nothing else are deleted.
   * `offset` -1 means the high watermark. The new start is durable with the next checkpoint.
   */
  deleteRecordsBefore(offset: number): number {
    if (this.#state !== 'online') return ErrorCode.KAFKA_STORAGE_ERROR
    const target = offset === -1 ? this.highWatermark : offset
    if (target < 0 || target > this.highWatermark) return ErrorCode.OFFSET_OUT_OF_RANGE
    const stable = this.lastStableOffset
    this.#trimmer.moveStartTo(target)
    this.#deleteOldSegments('start')
    // A transaction that is open since before the new start no longer holds consumers back before it.
    if (this.lastStableOffset !== stable) this.#advanced()
    return ErrorCode.NONE
  }

  /** Deletes the segments that may go, and forgets idle producers. Answers how many segments were deleted. */
  applyRetention(): number {
    if (this.#state !== 'online') return 0
    this.#producers.expire(this.#clock.now() - this.#config.producerIdExpirationMs)
    for (const segment of this.#segments) {
      // Reads load them again.
      if (segment !== this.#segments.active && segment.endOffset <= this.recoveryPoint) segment.releaseIndexes()
    }
    return this.#deleteOldSegments('retention')
  }

  #deleteOldSegments(scope: DeletionScope): number {
    try {
      return this.#trimmer.deleteOldSegments(scope, this.#clock.now())
    } catch (cause) {
      if (isOutOfRoom(cause)) this.outOfRoom(this.folder, cause as Error)
      else this.writeFailed(cause as Error)
      return 0
    }
  }

  /**
   * Drops the records from `offset` on; a batch that contains it goes as a whole. What was acknowledged is dropped too:
   * not for a log that producers write to.
   */
  async truncateTo(offset: number): Promise<void> {
    this.#truncating = true
    try {
      // There must be no recovery point after the new end: what takes the place of what is cut off is not synced yet.
      while (!(await this.#tryToTruncate(offset))) {
        this.#flusher.recoveryPoint = (this.#segments.at(this.#segments.indexOf(offset)) as Segment).baseOffset
        await this.#checkpoints.now()
      }
    } finally {
      this.#truncating = false
    }
    await this.#flusher.flush()
  }

  /** False, and nothing is changed, when the recovery point lies after `offset`. */
  async #tryToTruncate(offset: number): Promise<boolean> {
    let isDone = true
    await this.#flusher.whenIdle(() => {
      if (this.#state !== 'online' || offset >= this.endOffset) return
      isDone = offset >= this.recoveryPoint
      if (!isDone) return
      this.#appender.endOffset = this.#trimmer.truncateTo(offset, this.#clock.now())
      this.#changed = true
      this.#cache.clear()
      this.#view.truncated(this.endOffset)
      this.#flusher.truncated(this.endOffset)
    })
    return isDone
  }

  /** Closes the active segment, if it holds anything, and starts the next one. */
  roll(): void {
    const closed = this.#segments.active
    if (closed.size === 0) return
    const next = new Segment(this.#home, closed.endOffset, this.#clock.now())
    next.create()
    this.#segments.add(next)
    this.metrics.rolls++
    this.#changed = true
    this.#files.addSnapshot(next.baseOffset)
    this.#flusher.sealed(closed, next.baseOffset, this.encodeProducers())
  }

  /** For the cleaner. */
  get home(): SegmentHome {
    return this.#home
  }

  /** For the cleaner: in order, the active one last. */
  get segments(): Iterable<Segment> {
    return this.#segments
  }

  /** For the cleaner: the producers that are remembered. */
  get producerEntries(): Iterable<ProducerEntry> {
    return this.#producers.entries()
  }

  /** For the cleaner: the aborted transactions whose markers are in the segment. Throws what the file system throws. */
  transactionIndexOf(segment: Segment): TransactionIndex {
    return this.#view.transactionIndexOf(segment)
  }

  /**
   * For the cleaner: puts `cleaned`, whose files are complete and synced, in the place of `old`, which it was made from.
   * Answers false, and changes nothing, when one of these has been deleted meanwhile. See {@link settleFolder}.
   */
  async replaceSegments(cleaned: Segment, old: readonly Segment[]): Promise<boolean> {
    const { fileSystem, folder } = this.#home
    const isCurrent = () => this.#state === 'online' && old.every((segment) => !segment.removed)
    if (!isCurrent()) return false
    this.#compacted = true
    cleaned.renameFiles(LogSuffix.swap)
    await fileSystem.syncDirectory(folder)
    if (!isCurrent()) return false
    // From here to the end nobody must look at the log.
    try {
      for (const segment of old) {
        const keepSnapshot = segment.baseOffset === cleaned.baseOffset
        this.#files.delete(segment, this.#config.fileDeleteDelayMs, { keepSnapshot })
      }
      cleaned.renameFiles('')
      this.#segments.replace(old, cleaned)
    } catch (cause) {
      this.writeFailed(cause as Error)
      throw cause
    }
    this.#view.forgetPlaces()
    this.#cache.clear()
    await fileSystem.syncDirectory(folder)
    return true
  }

  /**
   * Brings to the device what a restart after a crash must know of what is flushed, and answers the offset up to which it
   * does: a recovery point that may be written down. For the periodic task.
   */
  async checkpoint(): Promise<number> {
    if (this.state === 'online' && !this.#truncating) await this.#flusher.checkpoint()
    const { recoveryPoint } = this
    try {
      if (this.state === 'online') await writeLeaderEpochs(this.#home, this.#epochs)
    } catch (cause) {
      // The folder of a log that was deleted meanwhile is gone.
      if (this.state !== 'closed') throw cause
    }
    return recoveryPoint
  }

  /**
   * Flushes, writes what a clean start needs, closes the files. Answers whether all of it succeeded: only then may the
   * clean shutdown marker be written.
   */
  async close(): Promise<boolean> {
    if (this.#state === 'closed') return true
    await this.#flusher.flush()
    await this.#flusher.whenIdle()
    let complete = this.#state === 'online'
    if (complete && this.#changed) {
      try {
        await writeCleanState({
          home: this.#home,
          segments: this.#segments,
          producers: this.#producers,
          epochs: this.#epochs,
          files: this.#files,
        })
        this.#flusher.recoveryPoint = this.endOffset
      } catch (cause) {
        this.writeFailed(cause as Error)
        complete = false
      }
    }
    this.#state = 'closed'
    this.#flusher.fail()
    this.#files.close()
    for (const segment of this.#segments) segment.close()
    this.#cache.clear()
    return complete
  }

  /** Closes the files of a log that is being deleted; what was not flushed is lost. */
  async discard(): Promise<void> {
    this.#state = 'closed'
    this.#flusher.fail()
    await this.#flusher.whenIdle()
    this.#files.close()
    for (const segment of this.#segments) segment.discard()
    this.#cache.clear()
  }

  /** For {@link LogFlusher}. */
  afterFlush(): void {
    this.metrics.flushes++
    if (this.#config.flush === 'sync') this.#advanced()
  }

  /** For {@link LogFlusher}. */
  encodeProducers(): Uint8Array {
    return encodeProducerSnapshot(this.#producers)
  }

  /** For {@link LogFlusher}: the snapshot at `offset` takes the place of those within a segment before the last one. */
  recoveryPointMoved(offset: number, before: number): void {
    const isBase = (at: number) => this.#segments.at(this.#segments.indexOf(at))?.baseOffset === at
    this.#files.addSnapshot(offset)
    this.#files.removeSnapshots((at) => at >= before || isBase(at))
    this.#checkpoints.soon()
  }

  /** For {@link LogFlusher}: the data may or may not be on the device, and trying again would not tell. */
  flushFailed(cause: Error): void {
    this.writeFailed(cause)
  }

  /** For {@link LogAppender}. */
  writeFailed(cause: Error): void {
    if (this.#state !== 'online') return
    this.#state = 'offline'
    this.#flusher.fail()
    this.#report({ kind: 'offline', folder: this.folder, cause })
  }

  /** For {@link LogAppender}. */
  outOfRoom(file: string, cause: Error): void {
    this.#report({ kind: 'disk-full', file, offset: this.endOffset, cause })
  }

  #report(event: LogEvent): void {
    this.#listener.event?.(this, event)
  }
}
