import type { Clock } from '@millrace/std'
import { writeCleanState, writeLeaderEpochs } from './clean-state.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import { type AppendHost, LogAppender } from './log-appender.ts'
import type { LogConfig } from './log-config.ts'
import { type LogEvent, type LogMetrics, newLogMetrics } from './log-event.ts'
import { type FlushHost, LogFlusher } from './log-flusher.ts'
import { loadLog, newLog } from './log-loader.ts'
import { LogTrimmer, type TrimHost } from './log-trimmer.ts'
import { LogView, type ViewHost } from './log-view.ts'
import type { Checkpoints, PartitionLogOptions } from './partition-log-options.ts'
import { encodeProducerSnapshot } from './producer-snapshot.ts'
import type { ProducerState } from './producer-state.ts'
import type { DeletionScope } from './retention.ts'
import { Segment, type SegmentHome } from './segment.ts'
import { SegmentFiles } from './segment-files.ts'
import { SegmentList } from './segment-list.ts'
import { isOutOfRoom } from './storage-error.ts'
import { TailCache } from './tail-cache.ts'

/** `offline`: a write or sync failed; nothing is taken or acknowledged any more. */
export type LogState = 'online' | 'offline' | 'closed'

/** Who hears of a log. */
export interface LogObserver {
  /** Consumers may see more. */
  advanced(): void
  event(event: LogEvent): void
}

/**
 * What a log is made of, put together: segments, producers, epochs; who appends, flushes, trims and looks at them; and its
 * life from loading to closing. `PartitionLog` is what others see of it.
 */
export class LogCore implements FlushHost, AppendHost, TrimHost, ViewHost {
  readonly folder: string
  readonly metrics: LogMetrics = newLogMetrics()
  readonly home: SegmentHome
  readonly segments: SegmentList
  readonly producers: ProducerState
  readonly epochs: LeaderEpochs
  readonly view: LogView
  readonly appender: LogAppender
  readonly flusher: LogFlusher
  readonly trimmer: LogTrimmer
  readonly #clock: Clock
  readonly #observer: LogObserver
  readonly #checkpoints: Checkpoints
  readonly #cache: TailCache
  readonly #files: SegmentFiles
  #config: LogConfig
  #compacted: boolean
  #state: LogState = 'online'
  /** Written to since the files were last complete: without, a close has nothing to do. */
  #changed: boolean
  #truncating = false
  /** Undefined once there is a folder. */
  #make: PartitionLogOptions['make']
  /** How its folder was made that is not on the device yet. */
  #madeBy: PartitionLogOptions['make']

  constructor(options: PartitionLogOptions, observer: LogObserver) {
    const { clock, config, home, timers } = options
    this.folder = home.folder
    this.home = home
    this.#clock = clock
    this.#observer = observer
    this.#checkpoints = options.checkpoints
    this.#config = config
    this.#compacted = options.compacted
    const report = (event: LogEvent) => observer.event(event)
    this.#make = options.make
    const now = clock.now()
    const loaded = options.make
      ? newLog(home, now)
      : loadLog({
          home,
          config,
          now,
          clean: options.clean,
          recoveryPoint: options.recoveryPoint,
          logStartOffset: options.logStartOffset,
          mayHaveGaps: this.mayHaveGaps,
          report,
        })
    const { epochs, producers, snapshots } = loaded
    this.producers = producers
    this.epochs = epochs
    this.#changed = !loaded.clean
    const segments = new SegmentList(loaded.segments)
    const cache = new TailCache(options.tailBudget)
    const files = new SegmentFiles({ home, timers, snapshots })
    this.segments = segments
    this.#cache = cache
    this.#files = files
    const { metrics } = this
    const shared = { host: this, home, segments, producers, epochs, cache, files, metrics, report }
    this.view = new LogView({ ...shared, transactions: producers.transactions, snapshots })
    this.trimmer = new LogTrimmer({ ...shared, logStartOffset: loaded.logStartOffset })
    this.appender = new LogAppender(shared)
    this.flusher = new LogFlusher({
      fileSystem: home.fileSystem,
      timers,
      scheduler: options.flushes,
      host: this,
      flushedOffset: this.endOffset,
      folderChanged: loaded.folderChanged,
      recoveryPoint: {
        ...loaded.recoveryPoint,
        base: segments.active.baseOffset,
        minBytes: options.recoveryPointBytes / 256,
      },
    })
  }

  get state(): LogState {
    return this.#state
  }

  get config(): LogConfig {
    return this.#config
  }

  set config(config: LogConfig) {
    this.view.keepShown()
    const shown = this.highWatermark
    this.#config = config
    this.flusher.configured()
    if (this.highWatermark > shown) this.advanced()
  }

  get logStartOffset(): number {
    return this.trimmer.logStartOffset
  }

  get endOffset(): number {
    return this.appender.endOffset
  }

  get highWatermark(): number {
    return this.view.highWatermark
  }

  get flushedOffset(): number {
    return this.flusher.flushedOffset
  }

  get activeSegment(): Segment {
    return this.segments.active
  }

  get mayHaveGaps(): boolean {
    return this.#compacted || this.#config.cleanupPolicy.includes('compact')
  }

  get hasFolder(): boolean {
    return this.#make === undefined
  }

  get isFolderDurable(): boolean {
    return this.hasFolder && this.flusher.isFolderDurable
  }

  /** For {@link LogAppender}: makes the folder of a log that has none yet. Throws what the file system throws. */
  makeFolder(): void {
    if (!this.#make) return
    this.flusher.made(this.#make(() => this.activeSegment.createFile()))
    this.#madeBy = this.#make
    this.#make = undefined
  }

  /** Something was appended. */
  appended(): void {
    this.#changed = true
    this.flusher.appended()
    if (this.#config.flush !== 'sync') this.advanced()
  }

  /** Consumers may see more. */
  advanced(): void {
    // What they can see now need not be kept in mind as undecided, though nobody may ever ask.
    this.producers.transactions.firstUnstableOffset(this.highWatermark)
    this.#observer.advanced()
  }

  roll(): void {
    const closed = this.segments.active
    if (closed.size === 0) return
    const next = new Segment(this.home, closed.endOffset, this.#clock.now())
    next.create()
    this.segments.add(next)
    this.metrics.rolls++
    this.#changed = true
    this.#files.addSnapshot(next.baseOffset)
    this.flusher.sealed(closed, next.baseOffset, this.encodeProducers())
  }

  /** Answers how many segments were deleted. */
  deleteOldSegments(scope: DeletionScope): number {
    try {
      return this.trimmer.deleteOldSegments(scope, this.#clock.now())
    } catch (cause) {
      if (isOutOfRoom(cause)) this.outOfRoom(this.folder, cause as Error)
      else this.writeFailed(cause as Error)
      return 0
    }
  }

  async truncateTo(offset: number): Promise<void> {
    this.#truncating = true
    try {
      // There must be no recovery point after the new end: what takes the place of what is cut off is not synced yet.
      while (!(await this.#tryToTruncate(offset))) {
        this.flusher.recoveryPoint = (this.segments.at(this.segments.indexOf(offset)) as Segment).baseOffset
        await this.#checkpoints.now()
      }
    } finally {
      this.#truncating = false
    }
    await this.flusher.flush()
  }

  /** False, and nothing is changed, when the recovery point lies after `offset`. */
  async #tryToTruncate(offset: number): Promise<boolean> {
    let isDone = true
    await this.flusher.whenIdle(() => {
      if (this.#state !== 'online' || offset >= this.endOffset) return
      isDone = offset >= this.flusher.recoveryPoint
      if (!isDone) return
      this.appender.endOffset = this.trimmer.truncateTo(offset, this.#clock.now())
      this.#changed = true
      this.#cache.clear()
      this.view.truncated(this.endOffset)
      this.flusher.truncated(this.endOffset)
    })
    return isDone
  }

  replaceSegments(cleaned: Segment, old: readonly Segment[]): Promise<boolean> {
    this.#compacted = true
    return this.trimmer.replaceSegments(cleaned, old)
  }

  /** For {@link LogTrimmer}: batches are no longer where they were. */
  batchesMoved(): void {
    this.view.forgetPlaces()
    this.#cache.clear()
  }

  get isCheckpointDue(): boolean {
    return this.epochs.dirty || this.flusher.isCheckpointDue
  }

  async checkpoint(): Promise<number> {
    if (this.state === 'online' && !this.#truncating) await this.flusher.checkpoint()
    const { recoveryPoint } = this.flusher
    try {
      if (this.state === 'online') await writeLeaderEpochs(this.home, this.epochs)
    } catch (cause) {
      // The folder of a log that was deleted meanwhile is gone.
      if (this.state !== 'closed') throw cause
    }
    return recoveryPoint
  }

  async close(): Promise<boolean> {
    if (this.#state === 'closed') return true
    await this.flusher.flush()
    await this.flusher.whenIdle()
    let complete = this.#state === 'online'
    if (complete && this.#changed) {
      try {
        await writeCleanState({
          home: this.home,
          segments: this.segments,
          producers: this.producers,
          epochs: this.epochs,
          files: this.#files,
        })
        this.flusher.recoveryPoint = this.endOffset
      } catch (cause) {
        this.writeFailed(cause as Error)
        complete = false
      }
    }
    this.#state = 'closed'
    this.flusher.fail()
    this.#files.close()
    for (const segment of this.segments) segment.close()
    this.#cache.clear()
    return complete
  }

  async discard(): Promise<void> {
    this.#state = 'closed'
    this.flusher.fail()
    await this.flusher.whenIdle()
    this.#files.close()
    for (const segment of this.segments) segment.discard()
    this.#cache.clear()
  }

  /** For {@link LogFlusher}. */
  afterFlush(bytes: number): void {
    this.metrics.flushes++
    if (this.#config.flush === 'sync') this.advanced()
    this.#checkpoints.flushed(bytes)
  }

  /** For {@link LogFlusher}. */
  get appendedBytes(): number {
    return this.metrics.appendedBytes
  }

  /** For {@link LogFlusher} and {@link LogTrimmer}. */
  encodeProducers(): Uint8Array {
    return encodeProducerSnapshot(this.producers)
  }

  /** For {@link LogFlusher}: the snapshot at `offset` takes the place of those within a segment before the last one. */
  recoveryPointMoved(offset: number, before: number): void {
    const isBase = (at: number) => this.segments.at(this.segments.indexOf(at))?.baseOffset === at
    this.#files.addSnapshot(offset)
    this.#files.removeSnapshots((at) => at >= before || isBase(at))
    this.#checkpoints.soon()
  }

  /** For {@link LogFlusher}: the data may or may not be on the device, and trying again would not tell. */
  flushFailed(cause: Error): void {
    if (this.#state === 'online' && this.#config.flush === 'sync') this.#dropUnsynced()
    this.writeFailed(cause)
  }

  /**
   * A file whose sync has failed may read as if it had not, until power is lost: a restart would take for safe what is not
   * on the device. Nobody was told that it is, so it is cut off, but for what consumers saw under another mode. The same
   * goes for a folder that was just made: the next start makes another.
   */
  #dropUnsynced(): void {
    const isFolderNew = !this.flusher.isFolderDurable
    try {
      this.appender.endOffset = this.trimmer.truncateTo(this.highWatermark, this.#clock.now())
      this.#cache.clear()
      this.view.truncated(this.endOffset)
      this.flusher.truncated(this.endOffset)
      if (isFolderNew && this.endOffset === 0) {
        this.home.fileSystem.remove(this.folder)
        this.#make = this.#madeBy
      }
    } catch {
      // A disk that fails does not have to take that either; the log goes offline in any case.
    }
  }

  /** For {@link LogAppender}. */
  writeFailed(cause: Error): void {
    if (this.#state !== 'online') return
    this.#state = 'offline'
    this.flusher.fail()
    this.#observer.event({ kind: 'offline', folder: this.folder, cause })
  }

  /** For {@link LogAppender}. */
  outOfRoom(file: string, cause: Error): void {
    this.#observer.event({ kind: 'disk-full', file, offset: this.endOffset, cause })
  }
}
