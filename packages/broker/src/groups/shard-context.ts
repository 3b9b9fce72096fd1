import type { Clock, Random, TimerHandle } from '@millrace/std'
import type { AssignorName } from './assignors/index.ts'
import type { GroupRecord } from './group-records.ts'
import type { TopicsImage } from './topics-image.ts'

/** A step of the state machine: the records it yields become durable, and are replayed, before anyone sees an answer. */
export type Command = () => readonly GroupRecord[]

/** Timers whose callbacks are commands. */
export interface CommandTimers {
  schedule(delayMs: number, command: Command): TimerHandle
  cancel(handle: TimerHandle): void
}

/** Which way a group may change its protocol while it has members (group.consumer.migration.policy). */
export type MigrationPolicy = 'bidirectional' | 'upgrade' | 'downgrade' | 'disabled'

/** How KIP-848 groups are timed; groups may have their own. */
export interface ConsumerGroupTiming {
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  /** The least time between two target assignments. */
  readonly assignmentIntervalMs: number
}

export interface ConsumerGroupSettings {
  readonly maxSize: number
  /** The first is the one that is used when members ask for none. */
  readonly assignors: readonly AssignorName[]
  readonly migrationPolicy: MigrationPolicy
  readonly regexRefreshIntervalMs: number
  readonly timingOf: (groupId: string) => ConsumerGroupTiming
}

export interface GroupSettings {
  readonly minSessionTimeoutMs: number
  readonly maxSessionTimeoutMs: number
  readonly initialRebalanceDelayMs: number
  readonly maxSize: number
  readonly offsetMetadataMaxBytes: number
  readonly offsetsRetentionMs: number
  readonly consumer: ConsumerGroupSettings
}

/** What the state machine may use of the outside world. */
export interface ShardContext {
  readonly clock: Clock
  readonly random: Random
  readonly timers: CommandTimers
  readonly settings: GroupSettings
  readonly topics: TopicsImage
  /**
   * Runs a command when the records of the one that runs now are replayed, before anything else happens; not at all when the
   * log does not take them.
   */
  readonly defer: (command: Command) => void
  /** Forgets what the command that runs now has deferred. */
  readonly dropDeferred: () => void
}

export const noRecords: readonly GroupRecord[] = []
