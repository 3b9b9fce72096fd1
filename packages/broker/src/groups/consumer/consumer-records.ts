import type { Partitions } from '../assignors/assignor.ts'
import type { CurrentAssignment, MemberDescription } from './consumer-member.ts'

/** A group: it exists, its epoch grows with every change of members, subscriptions and topics. */
export interface ConsumerGroupValue {
  readonly epoch: number
  /** Covers the topics that are subscribed to (KIP-1101). */
  readonly metadataHash: bigint
}

/** The epoch that the target assignment is of, and when it was made: milliseconds since the epoch, 0 when not known. */
export interface TargetValue {
  readonly epoch: number
  readonly timestamp: number
}

/** The topics that a regular expression stood for at a version of the metadata and a time (ms since the epoch). */
export interface ResolvedRegex {
  readonly topics: readonly string[]
  readonly version: number
  readonly timestamp: number
}

/** The records of a KIP-848 group. A value of null deletes what is there (a tombstone). */
export type ConsumerGroupRecord =
  | { readonly kind: 'consumer-group'; readonly group: string; readonly value: ConsumerGroupValue | null }
  | {
      readonly kind: 'member'
      readonly group: string
      readonly memberId: string
      readonly value: MemberDescription | null
    }
  | { readonly kind: 'target'; readonly group: string; readonly value: TargetValue | null }
  | {
      readonly kind: 'member-target'
      readonly group: string
      readonly memberId: string
      readonly value: Partitions | null
    }
  | {
      readonly kind: 'member-assignment'
      readonly group: string
      readonly memberId: string
      readonly value: CurrentAssignment | null
    }
  | { readonly kind: 'regex'; readonly group: string; readonly regex: string; readonly value: ResolvedRegex | null }
  /** Written by Kafka before 4.1; only that it is there matters. */
  | { readonly kind: 'partition-metadata'; readonly group: string; readonly value: 'present' | null }

export function consumerGroupRecord(group: string, value: ConsumerGroupValue | null): ConsumerGroupRecord {
  return { kind: 'consumer-group', group, value }
}

export function memberRecord(group: string, memberId: string, value: MemberDescription | null): ConsumerGroupRecord {
  return { kind: 'member', group, memberId, value }
}

export function targetRecord(group: string, value: TargetValue | null): ConsumerGroupRecord {
  return { kind: 'target', group, value }
}

export function memberTargetRecord(group: string, memberId: string, value: Partitions | null): ConsumerGroupRecord {
  return { kind: 'member-target', group, memberId, value }
}

export function assignmentRecord(
  group: string,
  memberId: string,
  value: CurrentAssignment | null,
): ConsumerGroupRecord {
  return { kind: 'member-assignment', group, memberId, value }
}

export function regexRecord(group: string, regex: string, value: ResolvedRegex | null): ConsumerGroupRecord {
  return { kind: 'regex', group, regex, value }
}

/** The records that delete a member. */
export function memberTombstones(group: string, memberId: string): readonly ConsumerGroupRecord[] {
  return [
    assignmentRecord(group, memberId, null),
    memberTargetRecord(group, memberId, null),
    memberRecord(group, memberId, null),
  ]
}
