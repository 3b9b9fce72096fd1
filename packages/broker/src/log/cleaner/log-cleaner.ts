import type { Clock, Random, TimerHandle, Timers } from '@millrace/std'
import { partitionFolder } from '../log-files.ts'
import type { LogListener } from '../partition-log-options.ts'
import type { PartitionLog } from '../partition-log.ts'
import { isOutOfRoom } from '../storage-error.ts'
import { type CleanableRange, cleanableRange, isDirty } from './cleanable-range.ts'
import type { CleanerConfig } from './cleaner-config.ts'
import { CleaningAborted, LogCompactor } from './log-compactor.ts'
import { Pace } from './pace.ts'

/** `cleaner-offset-checkpoint`: up to where each log is compacted, by the name of its folder. */
export interface CleanerOffsets {
  cleanerOffset(partition: string): number | undefined
  /** Durable when it resolves. */
  setCleanerOffset(partition: string, offset: number): Promise<void>
}

export interface LogCleanerOptions {
  readonly logs: () => Iterable<PartitionLog>
  readonly offsets: CleanerOffsets
  readonly config: () => CleanerConfig
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly listener: LogListener
}

/**
 * Compacts the logs of a data folder, the dirtiest first, one at a time (Kafka's `LogCleaner` with one thread).
 *
 * @example
 * const cleaner = new LogCleaner({ logs: () => logs, offsets, config: () => defaultCleanerConfig, clock, timers, random, listener: {} })
 * cleaner.start()
 * await cleaner.stop()
 */
export class LogCleaner {
  readonly #options: LogCleanerOptions
  /** Damaged ones: left alone until the broker starts again. */
  readonly #uncleanable = new WeakSet<PartitionLog>()
  #timer: TimerHandle | undefined
  #running: Promise<unknown> = Promise.resolve()
  #stopped = false

  constructor(options: LogCleanerOptions) {
    this.#options = options
  }

  /** Looks for work every `log.cleaner.backoff.ms`, and at once after some was found. */
  start(): void {
    const { backoffMs, enabled } = this.#options.config()
    if (enabled) this.#wait(backoffMs)
  }

  /** Resolves when no log is being compacted any more. A round that runs is given up. */
  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer) this.#options.timers.cancel(this.#timer)
    await this.#running
  }

  /** Compacts the dirtiest log, if any is dirty enough; answers which. Rounds run one after the other. */
  cleanOne(): Promise<PartitionLog | undefined> {
    const round = this.#running.then(() => this.#cleanDirtiest())
    this.#running = round.catch(() => {})
    return round
  }

  #wait(ms: number): void {
    this.#timer = this.#options.timers.scheduleBackground(ms, () => {
      this.#timer = undefined
      this.cleanOne().then((log) => {
        if (!this.#stopped) this.#wait(log ? 0 : this.#options.config().backoffMs)
      })
    })
  }

  async #cleanDirtiest(): Promise<PartitionLog | undefined> {
    if (this.#stopped) return undefined
    let dirtiest: { log: PartitionLog; range: CleanableRange } | undefined
    const now = this.#options.clock.now()
    for (const log of this.#options.logs()) {
      if (!log.config.cleanupPolicy.includes('compact') || log.config.compactsItself) continue
      if (log.state !== 'online' || log.segmentCount === 1 || this.#uncleanable.has(log)) continue
      const range = this.#rangeOf(log, now)
      if (!range || !isDirty(range, log.config)) continue
      if (!dirtiest || range.ratio > dirtiest.range.ratio) dirtiest = { log, range }
    }
    if (!dirtiest) return undefined
    return (await this.#clean(dirtiest.log, dirtiest.range)) ? dirtiest.log : undefined
  }

  #rangeOf(log: PartitionLog, now: number): CleanableRange | undefined {
    try {
      return cleanableRange(
        {
          config: log.config,
          segments: [...log.segments],
          logStartOffset: log.logStartOffset,
          endOffset: log.endOffset,
          lastStableOffset: log.lastStableOffset,
          recoveryPoint: log.recoveryPoint,
          cleanerOffset: this.#options.offsets.cleanerOffset(nameOf(log)),
        },
        now,
      )
    } catch (cause) {
      this.#failed(log, cause as Error)
      return undefined
    }
  }

  /** False when it came to nothing. */
  async #clean(log: PartitionLog, range: CleanableRange): Promise<boolean> {
    const { clock, listener, offsets, random, timers } = this.#options
    const config = this.#options.config()
    const name = nameOf(log)
    const pace = new Pace({ clock, timers, bytesPerSecond: config.maxBytesPerSecond })
    const isWanted = () => !this.#stopped && log.state === 'online'
    const started = clock.monotonic()
    try {
      // From now on a start knows that offsets may be missing in this log.
      await offsets.setCleanerOffset(name, offsets.cleanerOffset(name) ?? range.firstDirtyOffset)
      const compactor = new LogCompactor({ log, range, config, pace, clock, random, isWanted })
      const result = await compactor.run()
      if (!isWanted()) return false
      await offsets.setCleanerOffset(name, result.endOffset)
      log.metrics.cleanings++
      listener.event?.(log, {
        kind: 'compacted',
        folder: log.folder,
        firstOffset: range.firstDirtyOffset,
        ms: Math.round(clock.monotonic() - started),
        ...result,
      })
      return true
    } catch (cause) {
      if (!(cause instanceof CleaningAborted)) this.#failed(log, cause as Error)
      return false
    }
  }

  #failed(log: PartitionLog, cause: Error): void {
    // With more room the next round may succeed; damage, or a defect, does not go away.
    const isFinal = !isOutOfRoom(cause)
    if (isFinal) this.#uncleanable.add(log)
    if (log.state !== 'online') return
    this.#options.listener.event?.(log, { kind: 'compaction-failed', folder: log.folder, isFinal, cause })
  }
}

function nameOf(log: PartitionLog): string {
  return partitionFolder(log.topic, log.partition)
}
