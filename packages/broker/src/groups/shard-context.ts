import type { Clock, Random, TimerHandle } from '@millrace/std'
import type { GroupRecord } from './group-records.ts'

/** A step of the state machine: the records it yields become durable, and are replayed, before anyone sees an answer. */
export type Command = () => readonly GroupRecord[]

/** Timers whose callbacks are commands. */
export interface CommandTimers {
  schedule(delayMs: number, command: Command): TimerHandle
  cancel(handle: TimerHandle): void
}

export interface GroupSettings {
  readonly minSessionTimeoutMs: number
  readonly maxSessionTimeoutMs: number
  readonly initialRebalanceDelayMs: number
  readonly maxSize: number
  readonly offsetMetadataMaxBytes: number
  readonly offsetsRetentionMs: number
}

/** What the state machine may use of the outside world. */
export interface ShardContext {
  readonly clock: Clock
  readonly random: Random
  readonly timers: CommandTimers
  readonly settings: GroupSettings
}

export const noRecords: readonly GroupRecord[] = []
