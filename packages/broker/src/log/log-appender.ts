import {
  ErrorCode,
  lastOffset,
  lastOffsetDelta,
  maxTimestamp,
  NO_PRODUCER_ID,
  patchBaseOffset,
  patchLeaderEpoch,
  patchLogAppendTime,
  producerId,
} from '@millrace/kafka'
import { type AppendOptions, type AppendResult, checkRecords, rejected } from './append.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import type { LogMetrics } from './log-event.ts'
import type { ProducerState } from './producer-state.ts'
import type { Segment } from './segment.ts'
import type { SegmentList } from './segment-list.ts'
import { isOutOfRoom } from './storage-error.ts'
import type { TailCache } from './tail-cache.ts'

/** What the appender asks of the log it writes. */
export interface AppendHost {
  readonly config: LogConfig
  /** Closes the active segment and starts the next one at the end of the log. Throws what the file system throws. */
  roll(): void
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

  /** One batch: what most requests bring. */
  append(records: Uint8Array, options: AppendOptions, now: number): AppendResult {
    const refusal = this.#judge(records, options, now)
    if (refusal) return refusal
    if (this.#mustRoll(records, this.endOffset, 0, now)) {
      const failure = this.#roll()
      if (failure) return failure
    }
    this.#stamp(records, this.endOffset, options, now)
    const active = this.#segments.active
    try {
      active.file.get().write(records, active.size)
    } catch (cause) {
      return this.#undo(active, cause as Error)
    }
    active.file.unsynced = true
    if (producerId(records, 0) !== NO_PRODUCER_ID) this.#producers.update(records, 0, now)
    return this.#written(active, records, options, now)
  }

  /** Several, in order, in as few writes as possible. */
  appendAll(batches: readonly Uint8Array[], options: AppendOptions, now: number): AppendResult[] {
    if (batches.length === 1) return [this.append(batches[0] as Uint8Array, options, now)]
    const results: AppendResult[] = []
    let next = 0
    while (next < batches.length) next = this.#appendRun(batches, next, options, now, results)
    return results
  }

  /**
   * Appends the batches from `first` on that fit the active segment, in one write; answers the index of the first one
   * that is left. When the write fails, all of them are rejected and nothing has changed.
   */
  #appendRun(
    batches: readonly Uint8Array[],
    first: number,
    options: AppendOptions,
    now: number,
    results: AppendResult[],
  ): number {
    const accepted: Uint8Array[] = []
    const indexes: number[] = []
    /** Duplicates of batches that are about to be written: they fail with them. */
    const dependents: number[] = []
    let offset = this.endOffset
    let bytes = 0
    let next = first
    this.#producers.begin()
    for (; next < batches.length; next++) {
      const records = batches[next] as Uint8Array
      const refusal = this.#judge(records, options, now)
      if (refusal) {
        results[next] = refusal
        if (refusal.baseOffset >= this.endOffset) dependents.push(next)
        continue
      }
      if (this.#mustRoll(records, offset, bytes, now)) {
        if (accepted.length > 0) break
        const failure = this.#roll()
        if (failure) {
          results[next] = failure
          continue
        }
      }
      this.#stamp(records, offset, options, now)
      if (producerId(records, 0) !== NO_PRODUCER_ID) this.#producers.update(records, 0, now)
      offset = lastOffset(records, 0) + 1
      bytes += records.byteLength
      accepted.push(records)
      indexes.push(next)
    }
    if (accepted.length > 0) {
      const failure = this.#write(accepted, indexes, options, now, results)
      if (failure) for (const i of [...indexes, ...dependents]) results[i] = failure
    }
    this.#producers.commit()
    return next
  }

  #write(
    accepted: readonly Uint8Array[],
    indexes: readonly number[],
    options: AppendOptions,
    now: number,
    results: AppendResult[],
  ): AppendResult | undefined {
    const active = this.#segments.active
    try {
      active.file.get().writev(accepted, active.size)
    } catch (cause) {
      this.#producers.rollback()
      return this.#undo(active, cause as Error)
    }
    active.file.unsynced = true
    for (let k = 0; k < accepted.length; k++) {
      results[indexes[k] as number] = this.#written(active, accepted[k] as Uint8Array, options, now)
    }
    return undefined
  }

  /** Why the batch may not be appended, or where it is already; undefined when it may. */
  #judge(records: Uint8Array, options: AppendOptions, now: number): AppendResult | undefined {
    const refusal = checkRecords(records, this.#host.config, options.origin ?? 'client', now)
    if (refusal) {
      this.#metrics.rejectedBatches++
      return refusal
    }
    if (producerId(records, 0) === NO_PRODUCER_ID) return undefined
    const errorCode = this.#producers.check(records, 0)
    if (errorCode !== ErrorCode.NONE) {
      this.#metrics.rejectedBatches++
      return rejected(errorCode, this.#producers.describe(records, 0))
    }
    const duplicate = this.#producers.duplicateOffset
    if (duplicate < 0) return undefined
    this.#metrics.duplicateBatches++
    return {
      errorCode,
      baseOffset: duplicate,
      lastOffset: duplicate + lastOffsetDelta(records, 0),
      logAppendTime: this.#host.config.messageTimestampType === 'LogAppendTime' ? now : -1,
      duplicate: true,
      message: undefined,
    }
  }

  #mustRoll(records: Uint8Array, offset: number, pendingBytes: number, now: number): boolean {
    const { config } = this.#host
    const timestamp = config.messageTimestampType === 'LogAppendTime' ? now : maxTimestamp(records, 0)
    const last = offset + lastOffsetDelta(records, 0)
    return this.#segments.active.mustRollFor(
      { size: records.byteLength, pendingBytes, lastOffset: last, timestamp },
      now,
      config,
    )
  }

  #roll(): AppendResult | undefined {
    try {
      this.#host.roll()
      return undefined
    } catch (cause) {
      return this.#failed(cause as Error, this.#segments.active.file.path)
    }
  }

  #stamp(records: Uint8Array, offset: number, options: AppendOptions, now: number): void {
    patchBaseOffset(records, 0, offset)
    patchLeaderEpoch(records, 0, options.leaderEpoch)
    if (this.#host.config.messageTimestampType === 'LogAppendTime') patchLogAppendTime(records, 0, now)
  }

  #written(active: Segment, records: Uint8Array, options: AppendOptions, now: number): AppendResult {
    const { config } = this.#host
    const offset = this.endOffset
    active.noteBatch(records, 0, active.size, records.byteLength, config.indexIntervalBytes)
    this.#epochs.assign(options.leaderEpoch, offset)
    this.#cache.append(records, options.owned ?? false)
    this.endOffset = active.endOffset
    this.#metrics.appendedBatches++
    this.#metrics.appendedBytes += records.byteLength
    return {
      errorCode: ErrorCode.NONE,
      baseOffset: offset,
      lastOffset: this.endOffset - 1,
      logAppendTime: config.messageTimestampType === 'LogAppendTime' ? now : -1,
      duplicate: false,
      message: undefined,
    }
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
