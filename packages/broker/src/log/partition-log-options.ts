import type { Clock, Timers } from '@millrace/std'
import type { FlushScheduler } from './flush-scheduler.ts'
import type { LogConfig } from './log-config.ts'
import type { LogEvent } from './log-event.ts'
import type { PartitionLog } from './partition-log.ts'
import type { SegmentHome } from './segment.ts'
import type { TailCacheBudget } from './tail-cache.ts'

/** Hears about a log, besides its answers. Called synchronously: do little. */
export interface LogListener {
  /** Consumers may see more. */
  highWatermarkAdvanced?(log: PartitionLog): void
  /** `log` is undefined for what concerns the data folder as a whole. */
  event?(log: PartitionLog | undefined, event: LogEvent): void
}

/** Writes down the recovery points of all logs. */
export interface Checkpoints {
  /** Durable when it resolves. */
  now(): Promise<void>
  /** Within a second: many ask for it while they are written to. */
  soon(): void
  /** So many bytes more are on the device. */
  flushed(bytes: number): void
}

export interface PartitionLogOptions {
  readonly topic: string
  readonly partition: number
  readonly home: SegmentHome
  readonly config: LogConfig
  readonly clock: Clock
  readonly timers: Timers
  readonly flushes: FlushScheduler
  readonly tailBudget: TailCacheBudget
  readonly listener: LogListener
  readonly checkpoints: Checkpoints
  /** See `LogManagerOptions`. */
  readonly recoveryPointBytes: number
  /** The broker was shut down in order. */
  readonly clean: boolean
  /** From the data folder's checkpoints; 0 when there is none. */
  readonly recoveryPoint: number
  readonly logStartOffset: number
  /** The log was compacted before, whatever its policy is now. */
  readonly compacted: boolean
  /**
   * For a log that has no folder yet: makes it, and its first file by `createLog`, before the first write. See
   * `PartitionMaker`.
   */
  readonly make?: (createLog: () => void) => () => Promise<void>
}
