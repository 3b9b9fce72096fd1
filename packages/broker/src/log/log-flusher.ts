import { ErrorCode } from '@millrace/kafka'
import type { FileSystem, TimerHandle, Timers } from '@millrace/std'
import { AckQueue, type FlushWaiter } from './ack-queue.ts'
import type { Flushable, FlushScheduler } from './flush-scheduler.ts'
import type { LogConfig } from './log-config.ts'
import { RecoveryPoint, type SyncedPlace } from './recovery-point.ts'
import type { Segment } from './segment.ts'

/** The log whose data is flushed. */
export interface FlushHost {
  readonly folder: string
  readonly config: LogConfig
  readonly endOffset: number
  readonly activeSegment: Segment
  /** Bytes that were ever appended. */
  readonly appendedBytes: number
  /** The producers as of the end, as a snapshot file has them. */
  encodeProducers(): Uint8Array
  /** Called after each flush, which has brought so many bytes to the device, before those who wait are answered. */
  afterFlush(bytes: number): void
  /** The recovery point has moved from `before` to `offset`. */
  recoveryPointMoved(offset: number, before: number): void
  /** The flush failed; what it covered is in an unknown state. */
  flushFailed(cause: Error): void
}

/** With `flush: 'interval'`, where `flush.ms` says nothing. */
const defaultIntervalMs = 1_000
/** The longest time that a timer takes. A flush that comes earlier than it must is no harm. */
const maxTimerMs = 0x7fff_ffff

/**
 * Brings a log to the device. Whoever waits shares the next flush; one runs at a time.
 *
 * After a roll the old segment is synced, then its indexes and the producer snapshot of the new base are written and
 * the folder is synced, then the new segment: so a snapshot named after a segment proves that all before it was on the
 * device before anything in it was acknowledged. Recovery relies on that.
 */
export class LogFlusher implements Flushable {
  readonly #fs: FileSystem
  readonly #timers: Timers
  readonly #scheduler: FlushScheduler
  readonly #host: FlushHost
  readonly #acks = new AckQueue()
  readonly #recoveryPoint: RecoveryPoint
  #folderChanged: boolean
  #failed = false
  #running: Promise<void> | undefined
  /** Brings the log's new folder to the device. */
  #made: (() => Promise<void>) | undefined
  /** What goes on after a flush that nobody has to wait for. Never rejects. */
  #advancing: Promise<void> = Promise.resolve()
  /** Acks up to here wait for a flush although the mode is another one: flush.messages was reached. */
  #requiredTo = -1
  /** The next flush is to tell how far it came: the recovery point is to move there. */
  #placeWanted = false
  /** Of the bytes that were ever appended. */
  #flushedBytes = 0
  /** Runs while something unsynced is to be synced by a certain time. */
  #timer: TimerHandle | undefined
  /** What lies before is on the device. */
  flushedOffset: number

  constructor(options: {
    fileSystem: FileSystem
    timers: Timers
    scheduler: FlushScheduler
    host: FlushHost
    flushedOffset: number
    recoveryPoint: {
      readonly offset: number
      readonly base: number
      readonly position: number
      readonly minBytes: number
    }
    folderChanged: boolean
  }) {
    const { fileSystem, host } = options
    this.#fs = fileSystem
    this.#timers = options.timers
    this.#scheduler = options.scheduler
    this.#host = host
    this.flushedOffset = options.flushedOffset
    this.#folderChanged = options.folderChanged
    const moved = (offset: number, before: number) => host.recoveryPointMoved(offset, before)
    this.#recoveryPoint = new RecoveryPoint({ ...options.recoveryPoint, fileSystem, folder: host.folder, moved })
  }

  /** Segments that end at or before need no check after a crash, nor does the part of a segment that lies before. */
  get recoveryPoint(): number {
    return this.#recoveryPoint.offset
  }

  set recoveryPoint(offset: number) {
    this.#recoveryPoint.offset = offset
  }

  /** Something was appended: asks for a flush if the mode, or flush.messages, wants one. */
  appended(): void {
    const { config, endOffset } = this.#host
    if (config.flush === 'sync') {
      this.#request()
    } else if (endOffset - this.flushedOffset >= config.flushMessages) {
      this.#requiredTo = endOffset
      this.#request()
    } else if (!this.#timer) {
      this.#startTimer()
    }
  }

  /** The mode may be another one now. */
  configured(): void {
    if (this.#timer) this.#timers.cancel(this.#timer)
    this.#timer = undefined
    if (this.#host.endOffset > this.flushedOffset) this.appended()
  }

  #startTimer(): void {
    const { flush, flushMs } = this.#host.config
    const isSet = flushMs < Number.MAX_SAFE_INTEGER
    if (!isSet && flush === 'none') return
    const delay = Math.min(isSet ? flushMs : defaultIntervalMs, maxTimerMs)
    this.#timer = this.#timers.scheduleBackground(delay, () => {
      this.#timer = undefined
      if (this.#host.endOffset > this.flushedOffset) this.#request()
    })
  }

  /** Calls `waiter` once when what lies before `endOffset` may be acknowledged, or when it never will be. */
  wait(endOffset: number, waiter: FlushWaiter): void {
    if (this.#failed) {
      waiter.flushed(ErrorCode.KAFKA_STORAGE_ERROR)
    } else if (
      endOffset <= this.flushedOffset ||
      (this.#host.config.flush !== 'sync' && endOffset > this.#requiredTo)
    ) {
      waiter.flushed(ErrorCode.NONE)
    } else {
      this.#acks.add(endOffset, waiter)
      this.#request()
    }
  }

  #request(): void {
    if (!this.#failed) this.#scheduler.request(this)
  }

  /** The log has a folder now: nothing in it is acknowledged before `durable` has resolved. */
  made(durable: () => Promise<void>): void {
    this.#made = durable
  }

  /** The active segment was closed and a new one made. */
  sealed(segment: Segment, nextBase: number, snapshot: Uint8Array): void {
    this.#recoveryPoint.sealed(segment, nextBase, snapshot)
    this.#folderChanged = true
    this.#request()
  }

  /** No flush succeeds any more: answers all who wait. */
  fail(): void {
    this.#failed = true
    if (this.#timer) this.#timers.cancel(this.#timer)
    this.#timer = undefined
    this.#acks.release(Number.POSITIVE_INFINITY, ErrorCode.KAFKA_STORAGE_ERROR)
  }

  /** The log was cut off at `endOffset`, by order, while nothing ran: what was synced before it stays so. */
  truncated(endOffset: number): void {
    this.flushedOffset = Math.min(this.flushedOffset, endOffset)
    this.#recoveryPoint.truncated(endOffset, this.#host.activeSegment)
    // Files may have gone.
    this.#folderChanged = true
  }

  /** Whether the folder of the log is on the device, with what it is known by. */
  get isFolderDurable(): boolean {
    return this.#made === undefined
  }

  /** Flushes what is written now. Does not reject: a failure goes to the host. */
  async flush(): Promise<void> {
    // No other await: whoever finds none running must start its own before anyone else looks.
    while (this.#running) await this.#running
    if (this.#failed) return
    this.#running = this.#flush()
    await this.#running
    this.#running = undefined
  }

  /** Would {@link checkpoint} do something? */
  get isCheckpointDue(): boolean {
    return this.#recoveryPoint.isDue(this.#host.activeSegment)
  }

  /**
   * Moves the recovery point on, if it is worth it: as far as the log is synced, and where syncs are not left to the
   * operating system, to its end.
   */
  async checkpoint(): Promise<void> {
    if (this.isCheckpointDue) {
      const isSynced = this.flushedOffset === this.#host.endOffset
      if (isSynced) this.#advance([], this.#place())
      else this.#placeWanted = true
      if (!isSynced && this.#host.config.flush === 'sync') await this.flush()
    }
    await this.#advancing
  }

  /** The end of the log as it is now. */
  #place(): SyncedPlace {
    const { activeSegment: segment, endOffset } = this.#host
    return { segment, endOffset, position: segment.size, snapshot: this.#host.encodeProducers() }
  }

  /** Calls `action` when nothing runs, and nothing begins to before it is over. */
  async whenIdle(action: () => void = () => {}): Promise<void> {
    for (;;) {
      while (this.#running) await this.#running
      const advancing = this.#advancing
      await advancing
      if (!this.#running && this.#advancing === advancing) break
    }
    action()
  }

  async #flush(): Promise<void> {
    const { activeSegment: segment, appendedBytes, endOffset } = this.#host
    const place = this.#placeWanted ? this.#place() : undefined
    this.#placeWanted = false
    const sealed = this.#recoveryPoint.takeSealed()
    try {
      for (const entry of sealed) await this.#recoveryPoint.close(entry)
      if (this.#made) {
        await this.#made()
        this.#made = undefined
      }
      if (this.#folderChanged) {
        this.#folderChanged = false
        await this.#fs.syncDirectory(this.#host.folder)
      }
      if (segment.file.unsynced) await segment.file.sync()
      if (this.#failed) return
      if (endOffset > this.flushedOffset) this.flushedOffset = endOffset
      const bytes = appendedBytes - this.#flushedBytes
      this.#flushedBytes = appendedBytes
      this.#host.afterFlush(bytes)
      this.#acks.release(endOffset, ErrorCode.NONE)
      if (sealed.length > 0 || place) this.#advance(sealed, place)
    } catch (cause) {
      this.#giveUp(cause as Error)
    }
  }

  #advance(sealed: ReturnType<RecoveryPoint['takeSealed']>, place: SyncedPlace | undefined): void {
    this.#advancing = this.#advancing.then(async () => {
      if (this.#failed) return
      try {
        for (const entry of sealed) await this.#recoveryPoint.advancePast(entry)
        if (place) await this.#recoveryPoint.advanceInto(place)
      } catch (cause) {
        this.#giveUp(cause as Error)
      }
    })
  }

  #giveUp(cause: Error): void {
    this.fail()
    this.#host.flushFailed(cause)
  }
}
