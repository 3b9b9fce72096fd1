import type { Partitions, TopicKey } from '../assignors/assignor.ts'
import { Refused } from '../refused.ts'
import {
  type ConsumerMember,
  type MemberState,
  memberStates,
  nothingOwned,
  type OwnedPartitions,
} from './consumer-member.ts'

export interface ReconcileInput {
  readonly member: ConsumerMember
  /** The target assignment to get to, and the epoch that it is of. */
  readonly target: Partitions
  readonly targetEpoch: number
  /** The subscription has changed just now: topics that are gone from it are given up, whatever the target says. */
  readonly hasSubscriptionChanged: boolean
  readonly isSubscribedTo: (topic: TopicKey) => boolean
  /** Whether somebody has the partition. */
  readonly isOwned: (topic: TopicKey, partition: number) => boolean
  /** What the member says it has; null when it does not say. */
  readonly reported: Partitions | null
}

/**
 * One step of a member towards the target assignment (KIP-848): it gives up what it is not to have, and only when it has said
 * that it did, moves to the target's epoch and gets what is free. Nothing is given to it that another still has. Returns the
 * same member when there is no step to take.
 */
export function reconcile(input: ReconcileInput): ConsumerMember {
  const { member, targetEpoch, hasSubscriptionChanged, reported } = input
  switch (member.state) {
    case memberStates.stable:
      if (member.memberEpoch !== targetEpoch) return next(input, member.memberEpoch)
      return hasSubscriptionChanged ? withoutUnsubscribed(input) : member
    case memberStates.unrevokedPartitions:
      if (!stillHas(reported, member.revoking)) return next(input, member.memberEpoch)
      return hasSubscriptionChanged ? withoutUnsubscribed(input) : member
    case memberStates.unreleasedPartitions:
      return next(input, member.memberEpoch)
    case memberStates.unknown:
      // A record of a later version of Kafka: only a member that owns nothing can go on from here.
      if (!reported || reported.size > 0) {
        throw new Refused(
          'FENCED_MEMBER_EPOCH',
          'The consumer group member is in a unknown state. The member must abandon all its partitions and rejoin.',
        )
      }
      return next(input, targetEpoch)
  }
}

/** Partitions of topics that the member is not subscribed to any more are to be given up; nothing else changes. */
function withoutUnsubscribed({ member, isSubscribedTo, reported }: ReconcileInput): ConsumerMember {
  const gone = [...member.assigned].filter(([topic]) => !isSubscribedTo(topic))
  if (gone.length === 0) return member
  const assigned = new Map([...member.assigned].filter(([topic]) => isSubscribedTo(topic)))
  const revoking = new Map(member.revoking)
  for (const [topic, partitions] of gone) revoking.set(topic, new Map([...(revoking.get(topic) ?? []), ...partitions]))
  const moved = { ...member, previousMemberEpoch: member.memberEpoch, assigned }
  // What the member has given up already need not be asked for.
  return stillHas(reported, revoking) ? { ...moved, state: memberStates.unrevokedPartitions, revoking } : moved
}

function next(input: ReconcileInput, epoch: number): ConsumerMember {
  const { member, targetEpoch, reported } = input
  const { kept, lost, gained, isWaiting } = compare(input)
  const step = (memberEpoch: number, state: MemberState, assigned: OwnedPartitions, revoking: OwnedPartitions) => ({
    ...member,
    memberEpoch,
    previousMemberEpoch: member.memberEpoch,
    state,
    assigned,
    revoking,
  })
  if (lost.size > 0 && stillHas(reported, lost)) return step(epoch, memberStates.unrevokedPartitions, kept, lost)
  for (const [topic, partitions] of gained) {
    const epochs = new Map(kept.get(topic))
    for (const partition of partitions) epochs.set(partition, targetEpoch)
    kept.set(topic, new Map([...epochs].sort(([a], [b]) => a - b)))
  }
  const state = isWaiting ? memberStates.unreleasedPartitions : memberStates.stable
  return step(targetEpoch, state, kept, nothingOwned)
}

/** What the member has and is to have: kept, to be given up, free to be taken, and whether some is not free yet. */
function compare({ member, target, isSubscribedTo, isOwned }: ReconcileInput) {
  const kept = new Map<TopicKey, ReadonlyMap<number, number>>()
  const lost = new Map<TopicKey, ReadonlyMap<number, number>>()
  const gained = new Map<TopicKey, number[]>()
  let isWaiting = false
  for (const topic of new Set([...target.keys(), ...member.assigned.keys()])) {
    const wanted = new Set(isSubscribedTo(topic) ? target.get(topic) : undefined)
    const has = member.assigned.get(topic)
    const keeps = new Map<number, number>()
    const loses = new Map<number, number>()
    for (const [partition, epoch] of has ?? []) (wanted.has(partition) ? keeps : loses).set(partition, epoch)
    const gains: number[] = []
    for (const partition of wanted) {
      if (keeps.has(partition)) continue
      // What it was giving up itself and is to have again is nobody else's.
      if (isOwned(topic, partition) && !member.revoking.get(topic)?.has(partition)) isWaiting = true
      else gains.push(partition)
    }
    if (keeps.size > 0) kept.set(topic, keeps)
    if (loses.size > 0) lost.set(topic, loses)
    if (gains.length > 0) gained.set(topic, gains)
  }
  return { kept, lost, gained, isWaiting }
}

/** Whether a member has some of these partitions, as far as it says. One that does not say may have all. */
function stillHas(reported: Partitions | null, partitions: OwnedPartitions): boolean {
  if (!reported) return true
  for (const [topic, indexes] of reported) {
    const of = partitions.get(topic)
    if (of && indexes.some((index) => of.has(index))) return true
  }
  return false
}
