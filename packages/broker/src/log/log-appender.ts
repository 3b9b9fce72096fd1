import {
  batchSize,
  ErrorCode,
  lastOffsetDelta,
  maxTimestamp,
  NO_PRODUCER_ID,
  patchBaseOffset,
  patchLeaderEpoch,
  patchLogAppendTime,
  producerId,
} from '@millrace/kafka'
import { type AppendOptions, type AppendResult, checkRecords, rejected } from './append.ts'
import type { BatchRun } from './batch-run.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import type { LogMetrics } from './log-event.ts'
import { mustRecompress, recompress } from './recompression.ts'
import type { ProducerState } from './producer-state.ts'
import type { Segment } from './segment.ts'
import type { SegmentList } from './segment-list.ts'
import { mustRoll } from './segment-roll.ts'
import { isOutOfRoom } from './storage-error.ts'
import type { TailCache } from './tail-cache.ts'
import { WriteParts } from './write-parts.ts'

/** What the appender asks of the log it writes. */
export interface AppendHost {
  readonly config: LogConfig
  /** Closes the active segment and starts the next one at the end of the log. Throws what the file system throws. */
  roll(): void
  /** Makes the folder of a log that has none yet. Throws what the file system throws. */
  makeFolder(): void
  /** There is no room, or no descriptor: nothing has changed. */
  outOfRoom(file: string, cause: Error): void
  /** A write failed and could not be undone. */
  writeFailed(cause: Error): void
}

/** Writes batches to the end of a log: judges, stamps, writes, takes note. */
export class LogAppender {
  readonly #host: AppendHost
  readonly #segments: SegmentList
  readonly #producers: ProducerState
  readonly #epochs: LeaderEpochs
  readonly #cache: TailCache
  readonly #metrics: LogMetrics
  readonly #parts = new WriteParts()
  /** The offset that the next record gets. */
  endOffset: number

  constructor(options: {
    host: AppendHost
    segments: SegmentList
    producers: ProducerState
    epochs: LeaderEpochs
    cache: TailCache
    metrics: LogMetrics
  }) {
    this.#host = options.host
    this.#segments = options.segments
    this.#producers = options.producers
    this.#epochs = options.epochs
    this.#cache = options.cache
    this.#metrics = options.metrics
    this.endOffset = options.segments.active.endOffset
  }

  /** Appends the batches in order, in as few writes as possible. */
  appendRun(run: BatchRun, options: AppendOptions, now: number): void {
    run.logAppendTime = this.#host.config.messageTimestampType === 'LogAppendTime' ? now : -1
    let next = 0
    try {
      while (next < run.count) next = this.#appendSome(run, next, options, now)
    } finally {
      // Only where judging failed something is left to undo: what it had accepted before is not in the log.
      this.#producers.rollback()
    }
  }

  /**
   * Appends the batches from `first` on that fit the active segment and one write; answers the index of the first one
   * that is left. When the write fails, all of them are rejected and nothing has changed.
   */
  #appendSome(run: BatchRun, first: number, options: AppendOptions, now: number): number {
    const { bytes } = run
    const parts = this.#parts
    let offset = this.endOffset
    let pending = 0
    let next = first
    parts.begin()
    this.#producers.begin()
    for (; next < run.count; next++) {
      const start = run.start(next)
      const end = run.end(next)
      const refusal = this.#judge(bytes, start, end, options, now)
      if (refusal) {
        run.settle(next, refusal)
        continue
      }
      if (mustRecompress(bytes, start, this.#host.config) && options.origin !== 'coordinator' && !run.rewritten(next)) {
        const batch = recompress(bytes, start, this.#host.config)
        if ('errorCode' in batch) {
          this.#metrics.rejectedBatches++
          run.settle(next, batch)
          continue
        }
        run.rewrite(next, batch)
      }
      const batch = run.rewritten(next) ?? bytes
      const at = batch === bytes ? start : 0
      const size = batchSize(batch, at)
      const last = offset + lastOffsetDelta(batch, at)
      const obstacle = this.#rollIfDue(batch, at, pending, last, now)
      if (obstacle === 'write first') break
      if (obstacle) {
        run.settle(next, obstacle)
        continue
      }
      if (!parts.hasRoomFor(size)) break
      this.#stamp(batch, at, offset, options, now)
      if (producerId(batch, at) !== NO_PRODUCER_ID) this.#producers.update(batch, at, now)
      parts.add(batch, at, at + size)
      pending += size
      run.accept(next, offset, last)
      offset = last + 1
    }
    if (pending > 0) this.#write(run, first, next, options)
    for (const transaction of this.#producers.commit()) {
      if (transaction.isAborted) this.#segments.active.noteAborted(transaction)
    }
    return next
  }

  /** Writes what was gathered of the batches `[first, next)`. */
  #write(run: BatchRun, first: number, next: number, options: AppendOptions): void {
    const active = this.#segments.active
    const before = this.endOffset
    const parts = this.#parts.end()
    try {
      this.#host.makeFolder()
      active.file.get().writev(parts, active.size)
    } catch (cause) {
      this.#producers.rollback()
      const failure = this.#undo(active, cause as Error)
      // Duplicates of what was about to be written fail with it.
      for (let i = first; i < next; i++) if (run.baseOffset(i) >= before) run.settle(i, failure)
      return
    }
    active.file.unsynced = true
    const { indexIntervalBytes } = this.#host.config
    for (let i = first; i < next; i++) {
      if (run.baseOffset(i) < before || run.isDuplicate(i)) continue
      const rewritten = run.rewritten(i)
      const start = rewritten ? 0 : run.start(i)
      const size = rewritten ? rewritten.byteLength : run.end(i) - start
      active.noteBatch(rewritten ?? run.bytes, start, active.size, size, indexIntervalBytes)
      this.#metrics.appendedBatches++
      this.#metrics.appendedBytes += size
    }
    this.#epochs.assign(options.leaderEpoch, before)
    this.endOffset = active.endOffset
    for (const part of parts) this.#cache.append(part)
  }

  /** Why the batch may not be appended, or where it is already; undefined when it may. */
  #judge(bytes: Uint8Array, start: number, end: number, options: AppendOptions, now: number): AppendResult | undefined {
    const refusal = checkRecords(bytes, start, end, this.#host.config, options.origin ?? 'client', now)
    if (refusal) {
      this.#metrics.rejectedBatches++
      return refusal
    }
    if (producerId(bytes, start) === NO_PRODUCER_ID) return undefined
    const errorCode = this.#producers.check(bytes, start, options.origin, options.transactionVersion)
    if (errorCode !== ErrorCode.NONE) {
      this.#metrics.rejectedBatches++
      return rejected(errorCode, this.#producers.describe(bytes, start, errorCode))
    }
    const duplicate = this.#producers.duplicateOffset
    if (duplicate < 0) return undefined
    this.#metrics.duplicateBatches++
    return {
      errorCode,
      baseOffset: duplicate,
      lastOffset: duplicate + lastOffsetDelta(bytes, start),
      logAppendTime: this.#host.config.messageTimestampType === 'LogAppendTime' ? now : -1,
      duplicate: true,
      message: undefined,
    }
  }

  /** Does the batch at `start` belong into the next segment? `pending` bytes of others come before it. */
  #mustRoll(bytes: Uint8Array, start: number, pending: number, last: number, now: number): boolean {
    const { config } = this.#host
    const timestamp = config.messageTimestampType === 'LogAppendTime' ? now : maxTimestamp(bytes, start)
    return mustRoll(
      this.#segments.active,
      { size: batchSize(bytes, start), pendingBytes: pending, lastOffset: last, timestamp },
      now,
      config,
    )
  }

  /** Starts the next segment if the batch belongs there; `write first`: when the `pending` bytes are in the active one. */
  #rollIfDue(
    bytes: Uint8Array,
    start: number,
    pending: number,
    last: number,
    now: number,
  ): AppendResult | 'write first' | undefined {
    try {
      // Reads the segment's indexes and first batch where they are not in memory.
      if (!this.#mustRoll(bytes, start, pending, last, now)) return undefined
      if (pending > 0) return 'write first'
      this.#host.roll()
      return undefined
    } catch (cause) {
      return this.#failed(cause as Error, this.#segments.active.file.path)
    }
  }

  #stamp(bytes: Uint8Array, start: number, offset: number, options: AppendOptions, now: number): void {
    patchBaseOffset(bytes, start, offset)
    patchLeaderEpoch(bytes, start, options.leaderEpoch)
    if (this.#host.config.messageTimestampType === 'LogAppendTime') patchLogAppendTime(bytes, start, now)
  }

  /** Takes a failed write back: the file ends again where the log does. */
  #undo(active: Segment, cause: Error): AppendResult {
    try {
      if (active.file.isOpen) {
        active.file.get().truncate(active.size)
        active.file.unsynced = true
      }
    } catch {
      this.#host.writeFailed(cause)
      return rejected(ErrorCode.KAFKA_STORAGE_ERROR, cause.message)
    }
    return this.#failed(cause, active.file.path)
  }

  #failed(cause: Error, file: string): AppendResult {
    if (isOutOfRoom(cause)) this.#host.outOfRoom(file, cause)
    else this.#host.writeFailed(cause)
    this.#metrics.rejectedBatches++
    return rejected(ErrorCode.KAFKA_STORAGE_ERROR, cause.message)
  }
}
