/**
 * Partition assignors: pure functions that the leader of a classic group runs on what all members said of themselves.
 * Their names, and what they do with equal input, are those of Kafka's Java client, so that groups may mix clients.
 */

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** What one member brings into a rebalance. */
export interface GroupMember {
  readonly memberId: string
  /** Set for static members (KIP-345). */
  readonly groupInstanceId: string | null
  /** Topics that it subscribes to. */
  readonly topics: readonly string[]
  /** What it holds at present; used by sticky assignors only. */
  readonly ownedPartitions: readonly TopicPartition[]
  /** The generation in which it got these; -1 when unknown. An older claim loses against a newer one. */
  readonly generationId: number
}

export interface AssignmentInput {
  readonly members: readonly GroupMember[]
  /** Number of partitions of each topic that exists. */
  readonly partitionCounts: ReadonlyMap<string, number>
}

/** Partitions by member id; every member has an entry. */
export type Assignment = Map<string, TopicPartition[]>

export type RebalanceProtocol = 'eager' | 'cooperative'

export interface PartitionAssignor {
  /** What members announce in JoinGroup. */
  readonly name: string
  /** Cooperative ones (KIP-429) let members keep their partitions while a rebalance runs. */
  readonly protocol: RebalanceProtocol
  assign(input: AssignmentInput): Assignment
}

/** Static members come in the order of their instance ids, which outlive restarts; the others by member id. */
export function compareMembers(a: GroupMember, b: GroupMember): number {
  if (a.groupInstanceId !== null && b.groupInstanceId !== null) return compare(a.groupInstanceId, b.groupInstanceId)
  if (a.groupInstanceId !== null) return -1
  if (b.groupInstanceId !== null) return 1
  return compare(a.memberId, b.memberId)
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export function emptyAssignment(members: readonly GroupMember[]): Assignment {
  return new Map(members.map((member) => [member.memberId, []]))
}

/** The topics that somebody subscribes to and that exist, in order. */
export function subscribedTopics({ members, partitionCounts }: AssignmentInput): string[] {
  const topics = new Set<string>()
  for (const member of members) for (const topic of member.topics) if (partitionCounts.has(topic)) topics.add(topic)
  return [...topics].sort(compare)
}
