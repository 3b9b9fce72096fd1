import { JoinGroup, type JoinGroupResponse, SyncGroup } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { PartitionAssignor, TopicPartition } from './assignors/assignor.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { ResolvedConsumerOptions } from '../consumer/consumer-options.ts'
import type { GroupCoordinator } from './group-coordinator.ts'
import {
  CONSUMER_PROTOCOL_TYPE,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './group-protocol.ts'

/** Time beyond the rebalance timeout that the coordinator gets to answer a JoinGroup. */
const JOIN_GRACE_MS = 5_000

export interface JoiningMember {
  /** Empty for a new one. */
  readonly memberId: string
  readonly topics: readonly string[]
  readonly ownedPartitions: readonly TopicPartition[]
  /** Of the last time it was in the group. */
  readonly generationId: number
  /** Told what the coordinator calls this member, also when joining fails after that; generation -1: none yet. */
  onMember(memberId: string, generationId: number): void
}

export interface Joined {
  readonly assignor: PartitionAssignor
  readonly partitions: TopicPartition[]
  /** As leader: the partition counts that the assignment was made for. */
  readonly assignedFor: ReadonlyMap<string, number> | undefined
}

/**
 * One attempt to join a classic group: JoinGroup, as leader the assignment, SyncGroup.
 *
 * @throws {KafkaError} MEMBER_ID_REQUIRED (try again with the id that `onMember` got) and all that the coordinator answers
 */
export async function joinGroup(
  cluster: Cluster,
  coordinator: GroupCoordinator,
  options: ResolvedConsumerOptions,
  member: JoiningMember,
): Promise<Joined> {
  const { groupId } = coordinator
  const { sessionTimeoutMs, maxPollIntervalMs: rebalanceTimeoutMs, assignors } = options
  const groupInstanceId = options.groupInstanceId ?? null
  const protocols = assignors.map((assignor) => ({
    name: assignor.name,
    metadata: encodeSubscription(assignor, member),
  }))
  const { memberId } = member
  const protocolType = CONSUMER_PROTOCOL_TYPE
  const join = await coordinator.send(
    JoinGroup,
    { groupId, sessionTimeoutMs, rebalanceTimeoutMs, memberId, groupInstanceId, protocolType, protocols },
    (answer) => answer.errorCode,
    { timeoutMs: Math.max(options.requestTimeoutMs, rebalanceTimeoutMs + JOIN_GRACE_MS) },
  )
  if (join.errorCode === ErrorCode.MEMBER_ID_REQUIRED) member.onMember(join.memberId, -1)
  if (join.errorCode !== ErrorCode.NONE) throw new KafkaError(join.errorCode, `Joining group ${groupId}`)
  member.onMember(join.memberId, join.generationId)
  const assignor = assignors.find(({ name }) => name === join.protocolName)
  if (!assignor) {
    const reason = `the group uses ${join.protocolName}`
    throw new KafkaError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, `Joining group ${groupId}`, reason)
  }
  const led = join.leader === join.memberId ? await assignAsLeader(cluster, assignor, join) : undefined
  const sync = await coordinator.send(
    SyncGroup,
    {
      groupId,
      generationId: join.generationId,
      memberId: join.memberId,
      groupInstanceId,
      protocolType,
      protocolName: assignor.name,
      assignments: led?.assignments ?? [],
    },
    (answer) => answer.errorCode,
  )
  if (sync.errorCode !== ErrorCode.NONE) throw new KafkaError(sync.errorCode, `Joining group ${groupId} (sync)`)
  return { assignor, partitions: decodeAssignment(sync.assignment), assignedFor: led?.counts }
}

/** Divides the partitions among the members. */
async function assignAsLeader(cluster: Cluster, assignor: PartitionAssignor, join: JoinGroupResponse) {
  const members = join.members.map((m) => decodeSubscription(m.memberId, m.groupInstanceId, m.metadata))
  const topics = new Set(members.flatMap((member) => member.topics))
  const isNew = cluster.follow(topics)
  if (isNew || [...topics].some((topic) => !cluster.metadata.topics.has(topic))) await cluster.refresh()
  const counts = new Map<string, number>()
  const existing = new Map<string, number>()
  for (const topic of topics) {
    const count = cluster.metadata.topics.get(topic)?.partitions.length ?? 0
    counts.set(topic, count)
    if (count > 0) existing.set(topic, count)
  }
  // A static leader that came back in time: the assignment stands, it only keeps watch (KIP-814).
  if (join.skipAssignment) return { assignments: [], counts }
  const assignment = assignor.assign({ members, partitionCounts: existing })
  const assignments = [...assignment].map(([memberId, partitions]) => {
    return { memberId, assignment: encodeAssignment(partitions) }
  })
  return { assignments, counts }
}
