import { bytesEqual } from '@millrace/std'
import type { Partitions, TopicKey } from '../assignors/assignor.ts'
import type { Protocol } from '../protocol.ts'

/** Partitions that a member has, by topic: each with the member epoch at which it got it (KIP-1251). */
export type OwnedPartitions = ReadonlyMap<TopicKey, ReadonlyMap<number, number>>

export const nothingOwned: OwnedPartitions = new Map()

/**
 * Where a member is on its way to the target assignment, by the numbers of Kafka's records: it has got there; it has to give up
 * partitions first; it waits for partitions that others have not given up yet; a state of a later version of Kafka.
 */
export const memberStates = { stable: 0, unrevokedPartitions: 1, unreleasedPartitions: 2, unknown: 127 } as const

export type MemberState = (typeof memberStates)[keyof typeof memberStates]

/** Epochs that are none: a member that leaves, and a static member that leaves to come back. */
export const leaveEpoch = -1
export const leaveStaticEpoch = -2

/** What a member says of itself. */
export interface MemberDescription {
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly rebalanceTimeoutMs: number
  readonly clientId: string
  readonly clientHost: string
  /** Ascending, each once. */
  readonly subscribedTopicNames: readonly string[]
  /** Empty or null: none. */
  readonly subscribedTopicRegex: string | null
  readonly serverAssignor: string | null
  /** Set when it speaks the classic protocol. */
  readonly classic: ClassicMetadata | null
}

/** How a member that speaks the classic protocol joined. */
export interface ClassicMetadata {
  readonly sessionTimeoutMs: number
  readonly protocols: readonly Protocol[]
}

/** What a member has, and where it is on its way. */
export interface CurrentAssignment {
  readonly memberEpoch: number
  readonly previousMemberEpoch: number
  readonly state: MemberState
  readonly assigned: OwnedPartitions
  /** What it still has and is to give up. */
  readonly revoking: OwnedPartitions
}

/** A member of a consumer group. It never changes: a change makes a new one. */
export interface ConsumerMember extends MemberDescription, CurrentAssignment {
  readonly memberId: string
}

export function newMember(memberId: string): ConsumerMember {
  return {
    memberId,
    memberEpoch: 0,
    previousMemberEpoch: -1,
    state: memberStates.stable,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: -1,
    clientId: '',
    clientHost: '',
    subscribedTopicNames: [],
    subscribedTopicRegex: '',
    serverAssignor: null,
    classic: null,
    assigned: nothingOwned,
    revoking: nothingOwned,
  }
}

/** The part of a member that its metadata record holds. */
export function descriptionOf(member: MemberDescription): MemberDescription {
  const { instanceId, rackId, rebalanceTimeoutMs, clientId, clientHost } = member
  const { subscribedTopicNames, subscribedTopicRegex, serverAssignor, classic } = member
  return {
    instanceId,
    rackId,
    rebalanceTimeoutMs,
    clientId,
    clientHost,
    subscribedTopicNames,
    subscribedTopicRegex,
    serverAssignor,
    classic,
  }
}

/** The part of a member that its assignment record holds. */
export function assignmentOf(member: CurrentAssignment): CurrentAssignment {
  const { memberEpoch, previousMemberEpoch, state, assigned, revoking } = member
  return { memberEpoch, previousMemberEpoch, state, assigned, revoking }
}

/** The regular expression that a member is subscribed with, or undefined. */
export function regexOf(member: MemberDescription | undefined): string | undefined {
  return member?.subscribedTopicRegex || undefined
}

export function isReconciledTo(member: CurrentAssignment, targetEpoch: number): boolean {
  return member.state === memberStates.stable && member.memberEpoch === targetEpoch
}

/** The epoch at which a member got a partition that it has, or is giving up. */
export function assignmentEpoch(member: CurrentAssignment, topic: TopicKey, partition: number): number | undefined {
  return member.assigned.get(topic)?.get(partition) ?? member.revoking.get(topic)?.get(partition)
}

export function sameDescription(a: MemberDescription, b: MemberDescription): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.rackId === b.rackId &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    a.subscribedTopicRegex === b.subscribedTopicRegex &&
    a.serverAssignor === b.serverAssignor &&
    sameNames(a.subscribedTopicNames, b.subscribedTopicNames) &&
    sameClassic(a.classic, b.classic)
  )
}

export function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, i) => name === b[i]))
}

export function sameAssignment(a: CurrentAssignment, b: CurrentAssignment): boolean {
  return (
    a.memberEpoch === b.memberEpoch &&
    a.previousMemberEpoch === b.previousMemberEpoch &&
    a.state === b.state &&
    sameOwned(a.assigned, b.assigned) &&
    sameOwned(a.revoking, b.revoking)
  )
}

export function sameOwned(a: OwnedPartitions, b: OwnedPartitions): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  for (const [topic, partitions] of a) {
    const others = b.get(topic)
    if (others?.size !== partitions.size) return false
    for (const [partition, epoch] of partitions) if (others.get(partition) !== epoch) return false
  }
  return true
}

function sameClassic(a: ClassicMetadata | null, b: ClassicMetadata | null): boolean {
  if (!a || !b) return a === b
  return (
    a.sessionTimeoutMs === b.sessionTimeoutMs &&
    a.protocols.length === b.protocols.length &&
    a.protocols.every(({ name, metadata }, i) => {
      const other = b.protocols[i]
      return other?.name === name && bytesEqual(other.metadata, metadata)
    })
  )
}

/** What a member has, what it is about to give up included: it answers for that until it has. */
export function heldBy({ assigned, revoking }: CurrentAssignment): Partitions {
  const held = new Map<string, number[]>()
  for (const owned of [assigned, revoking]) {
    for (const [topic, partitions] of owned) held.set(topic, [...(held.get(topic) ?? []), ...partitions.keys()])
  }
  return held
}
