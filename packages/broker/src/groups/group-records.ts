import { bytesEqual } from '@millrace/std'
import type { ConsumerGroupRecord } from './consumer/consumer-records.ts'

/** What is durable about groups: the contents of `__consumer_offsets`, as values. */

export interface OffsetKey {
  readonly group: string
  readonly topic: string
  readonly partition: number
}

export interface OffsetValue {
  readonly offset: number
  /** -1 when the client did not say. */
  readonly leaderEpoch: number
  readonly metadata: string
  /** Milliseconds since the epoch. */
  readonly commitTimestamp: number
  /** When the client asked for a retention of its own (OffsetCommit v2-4), the end of it; otherwise -1. */
  readonly expireTimestamp: number
  /** The topic that it is about, as one of this name may be deleted and created again; zeros when that is not known. */
  readonly topicId: Uint8Array
}

export const noTopicId = new Uint8Array(16)

/**
 * Whether a commit is this one once more: a snapshot that a crash has cut short repeats what lies before it, and must change
 * nothing.
 */
export function isSameCommit(a: OffsetValue, b: OffsetValue): boolean {
  return (
    a.offset === b.offset &&
    a.commitTimestamp === b.commitTimestamp &&
    a.leaderEpoch === b.leaderEpoch &&
    a.expireTimestamp === b.expireTimestamp &&
    a.metadata === b.metadata &&
    bytesEqual(a.topicId, b.topicId)
  )
}

/** A member of a generation that was completed. */
export interface MemberValue {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly sessionTimeoutMs: number
  /** The member's metadata for the protocol that was chosen. */
  readonly subscription: Uint8Array
  readonly assignment: Uint8Array
}

/** A generation of a group that was completed: with members, all have their assignment; without, the group is empty. */
export interface GroupValue {
  readonly protocolType: string
  readonly generation: number
  readonly protocol: string | null
  readonly leader: string | null
  /** When the generation was completed, milliseconds since the epoch. */
  readonly stateTimestamp: number
  readonly members: readonly MemberValue[]
}

/** One record. A value of null deletes what is there (a tombstone). */
export type GroupRecord =
  | { readonly kind: 'offset'; readonly key: OffsetKey; readonly value: OffsetValue | null }
  | { readonly kind: 'group'; readonly group: string; readonly value: GroupValue | null }
  | ConsumerGroupRecord

export function offsetRecord(key: OffsetKey, value: OffsetValue | null): GroupRecord {
  return { kind: 'offset', key, value }
}

export function groupRecord(group: string, value: GroupValue | null): GroupRecord {
  return { kind: 'group', group, value }
}
