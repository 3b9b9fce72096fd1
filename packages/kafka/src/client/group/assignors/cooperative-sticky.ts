import {
  type Assignment,
  type AssignmentInput,
  compare,
  compareMembers,
  type GroupMember,
  type PartitionAssignor,
  subscribedTopics,
  type TopicPartition,
} from './assignor.ts'

/** A partition and who may have it. */
interface Candidate {
  readonly topic: string
  readonly partition: number
  readonly subscribers: readonly Holder[]
  holder: Holder | undefined
}

interface Holder {
  readonly member: GroupMember
  readonly topics: ReadonlySet<string>
  load: number
}

/**
 * As balanced as the subscriptions allow, with as few moves as that takes: no partition is with a member that has two or
 * more partitions above another member that could have it.
 */
function assignSticky(input: AssignmentInput): Candidate[] {
  const holders: Holder[] = [...input.members]
    .sort(compareMembers)
    .map((member) => ({ member, topics: new Set(member.topics), load: 0 }))
  const candidates: Candidate[] = []
  const byTopic = new Map<string, Candidate[]>()
  for (const topic of subscribedTopics(input)) {
    const subscribers = holders.filter((holder) => holder.topics.has(topic))
    const count = input.partitionCounts.get(topic) as number
    const ofTopic: Candidate[] = []
    for (let partition = 0; partition < count; partition++) {
      ofTopic.push({ topic, partition, subscribers, holder: undefined })
    }
    byTopic.set(topic, ofTopic)
    candidates.push(...ofTopic)
  }
  keepOwned(holders, byTopic)
  for (const candidate of candidates) {
    if (!candidate.holder) give(candidate, leastLoaded(candidate.subscribers))
  }
  // Each move lowers the sum of the squared loads by at least two, so this ends.
  for (let moved = true; moved; ) {
    moved = false
    for (const candidate of candidates) {
      const least = leastLoaded(candidate.subscribers)
      if (candidate.holder && least.load + 1 < candidate.holder.load) {
        give(candidate, least)
        moved = true
      }
    }
  }
  return candidates
}

/** Members keep what they own; of two that claim the same, the later generation is right, and of equal ones neither. */
function keepOwned(holders: readonly Holder[], byTopic: ReadonlyMap<string, readonly Candidate[]>): void {
  const claims = new Map<Candidate, { generation: number; disputed: boolean }>()
  for (const holder of holders) {
    for (const { topic, partition } of holder.member.ownedPartitions) {
      const candidate = holder.topics.has(topic) ? byTopic.get(topic)?.[partition] : undefined
      if (!candidate || candidate.holder === holder) continue
      const generation = holder.member.generationId
      const rival = claims.get(candidate)
      if (rival && rival.generation > generation) continue
      const disputed = rival !== undefined && rival.generation === generation
      claims.set(candidate, { generation, disputed })
      if (disputed) take(candidate)
      else give(candidate, holder)
    }
  }
}

function take(candidate: Candidate): void {
  if (candidate.holder) candidate.holder.load--
  candidate.holder = undefined
}

function give(candidate: Candidate, holder: Holder): void {
  take(candidate)
  candidate.holder = holder
  holder.load++
}

function leastLoaded(holders: readonly Holder[]): Holder {
  let least = holders[0] as Holder
  for (const holder of holders) if (holder.load < least.load) least = holder
  return least
}

/**
 * Sticky assignment in two steps (KIP-429): a partition that must move from one member to another is given to nobody now;
 * its owner sees that it lost it, gives it up and joins again, and only then the other one gets it.
 */
export const cooperativeStickyAssignor: PartitionAssignor = {
  name: 'cooperative-sticky',
  protocol: 'cooperative',
  assign: (input: AssignmentInput): Assignment => {
    const owners = new Map<string, string[]>()
    for (const member of input.members) {
      for (const { topic, partition } of member.ownedPartitions) {
        const key = `${topic}-${partition}`
        const claimants = owners.get(key)
        if (claimants) claimants.push(member.memberId)
        else owners.set(key, [member.memberId])
      }
    }
    const assignment: Assignment = new Map(input.members.map((member) => [member.memberId, []]))
    for (const { topic, partition, holder } of assignSticky(input)) {
      const memberId = holder?.member.memberId as string
      const claimants = owners.get(`${topic}-${partition}`)
      if (!claimants || claimants.every((claimant) => claimant === memberId)) {
        assignment.get(memberId)?.push({ topic, partition })
      }
    }
    for (const partitions of assignment.values()) partitions.sort(comparePartitions)
    return assignment
  },
}

function comparePartitions(a: TopicPartition, b: TopicPartition): number {
  return compare(a.topic, b.topic) || a.partition - b.partition
}
