import { ErrorCode } from '@millrace/kafka'
import type { FileSystem } from '@millrace/std'
import { AckQueue, type FlushWaiter } from './ack-queue.ts'
import { syncFile, writeFile } from './durable-file.ts'
import type { Flushable, FlushScheduler } from './flush-scheduler.ts'
import type { LogConfig } from './log-config.ts'
import { LogSuffix, segmentFile } from './log-files.ts'
import type { Segment } from './segment.ts'
import { isOutOfRoom } from './storage-error.ts'

/** The log whose data is flushed. */
export interface FlushHost {
  readonly folder: string
  readonly config: LogConfig
  readonly endOffset: number
  readonly activeSegment: Segment
  /** Called after each flush, before those who wait are answered. */
  afterFlush(): void
  /** The flush failed; what it covered is in an unknown state. */
  flushFailed(cause: Error): void
}

/** A segment that was closed by a roll and is not yet known to be on the device. */
interface SealedSegment {
  readonly segment: Segment
  /** Base offset of the next segment, and the producers as of there. */
  readonly nextBase: number
  readonly snapshot: Uint8Array
}

/**
 * Brings a log to the device. Whoever waits shares the next flush; one runs at a time.
 *
 * After a roll the old segment is synced, then its indexes and the producer snapshot of the new base are written and
 * the folder is synced, then the new segment: so a snapshot named after a segment proves that all before it was on the
 * device before anything in it was acknowledged. Recovery relies on that.
 */
export class LogFlusher implements Flushable {
  readonly #fs: FileSystem
  readonly #scheduler: FlushScheduler
  readonly #host: FlushHost
  readonly #acks = new AckQueue()
  #sealed: SealedSegment[] = []
  #folderChanged: boolean
  #failed = false
  #running: Promise<void> | undefined
  /** Acks up to here wait for a flush although the mode is `none`: flush.messages was reached. */
  #requiredTo = -1
  /** Wall clock of the first append after the last flush, or -1. */
  #unflushedSince = -1
  /** What lies before is on the device. */
  flushedOffset: number
  /** Segments that end at or before need no check after a crash: their indexes and snapshots are on the device too. */
  recoveryPoint: number

  constructor(options: {
    fileSystem: FileSystem
    scheduler: FlushScheduler
    host: FlushHost
    flushedOffset: number
    recoveryPoint: number
    folderChanged: boolean
  }) {
    this.#fs = options.fileSystem
    this.#scheduler = options.scheduler
    this.#host = options.host
    this.flushedOffset = options.flushedOffset
    this.recoveryPoint = options.recoveryPoint
    this.#folderChanged = options.folderChanged
  }

  /** Something was appended: asks for a flush if the mode, or flush.messages, wants one. */
  appended(now: number): void {
    const { config, endOffset } = this.#host
    if (this.#unflushedSince < 0) this.#unflushedSince = now
    if (config.flush === 'sync') {
      this.#request()
    } else if (endOffset - this.flushedOffset >= config.flushMessages) {
      this.#requiredTo = endOffset
      this.#request()
    }
  }

  /** Asks for a flush if what was written waits for one for `forMs` milliseconds. */
  requestIfOlder(forMs: number, now: number): void {
    if (this.#unflushedSince >= 0 && now - this.#unflushedSince >= forMs) this.#request()
  }

  /** Calls `waiter` once when what lies before `endOffset` may be acknowledged, or when it never will be. */
  wait(endOffset: number, waiter: FlushWaiter): void {
    if (this.#failed) {
      waiter.flushed(ErrorCode.KAFKA_STORAGE_ERROR)
    } else if (
      endOffset <= this.flushedOffset ||
      (this.#host.config.flush === 'none' && endOffset > this.#requiredTo)
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

  /** The active segment was closed and a new one made. */
  sealed(segment: Segment, nextBase: number, snapshot: Uint8Array): void {
    this.#sealed.push({ segment, nextBase, snapshot })
    this.#folderChanged = true
    this.#request()
  }

  /** No flush succeeds any more: answers all who wait. */
  fail(): void {
    this.#failed = true
    this.#acks.release(Number.POSITIVE_INFINITY, ErrorCode.KAFKA_STORAGE_ERROR)
  }

  /** The log was cut off at `endOffset`, by order: what was synced before it stays so. */
  truncated(endOffset: number): void {
    this.flushedOffset = Math.min(this.flushedOffset, endOffset)
    this.recoveryPoint = Math.min(this.recoveryPoint, endOffset)
    this.#sealed = this.#sealed.filter((sealed) => sealed.nextBase <= endOffset)
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

  /** Resolves when no flush runs. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running
  }

  async #flush(): Promise<void> {
    const target = this.#host.endOffset
    const active = this.#host.activeSegment.file
    const sealed = this.#sealed
    this.#sealed = []
    try {
      for (const entry of sealed) await this.#closeFiles(entry)
      if (this.#folderChanged) {
        this.#folderChanged = false
        await this.#fs.syncDirectory(this.#host.folder)
      }
      if (active.unsynced) await active.sync()
      if (this.#failed) return
      this.#unflushedSince = -1
      if (target > this.flushedOffset) this.flushedOffset = target
      this.#host.afterFlush()
      this.#acks.release(target, ErrorCode.NONE)
      for (const entry of sealed) await this.#advanceRecoveryPoint(entry)
    } catch (cause) {
      this.fail()
      this.#host.flushFailed(cause as Error)
    }
  }

  async #closeFiles(entry: SealedSegment): Promise<void> {
    const { segment } = entry
    if (segment.removed) return
    if (segment.file.unsynced) await segment.file.sync()
    if (segment.removed) return
    try {
      segment.writeIndexes()
      writeFile(this.#fs, segmentFile(this.#host.folder, entry.nextBase, LogSuffix.snapshot), entry.snapshot)
    } catch (cause) {
      if (!isOutOfRoom(cause)) throw cause
      // They can be rebuilt from the log; until they are written, the recovery point stays.
      this.#sealed.push(entry)
    }
  }

  async #advanceRecoveryPoint(entry: SealedSegment): Promise<void> {
    if (entry.segment.removed || this.#sealed.includes(entry)) return
    await entry.segment.syncIndexes()
    if (entry.segment.removed) return
    const path = segmentFile(this.#host.folder, entry.nextBase, LogSuffix.snapshot)
    if (this.#fs.stat(path)) await syncFile(this.#fs, path)
    if (!entry.segment.removed) entry.segment.releaseIndexes()
    if (entry.nextBase > this.recoveryPoint) this.recoveryPoint = entry.nextBase
  }
}
