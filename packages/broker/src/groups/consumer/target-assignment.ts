import type { AssignableMember, Partitions, TopicKey } from '../assignors/assignor.ts'
import { type AssignorName, assignors } from '../assignors/index.ts'
import { filledTableSize, inJavaOrder, stringHash } from '../assignors/java-order.ts'
import type { TopicsImage } from '../topics-image.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerMember } from './consumer-member.ts'
import { type ConsumerGroupRecord, memberTargetRecord, targetRecord } from './consumer-records.ts'

export interface TargetInput {
  readonly group: ConsumerGroup
  /** The member that has come or changed; the group does not know it yet as it is here. */
  readonly updated: ConsumerMember
  readonly epoch: number
  readonly assignor: AssignorName
  readonly isHomogeneous: boolean
  readonly topics: TopicsImage
  readonly nowMs: number
}

/** A new target assignment for a whole group: what the member that has changed is to have, and the records. */
export function computeTarget(input: TargetInput): { target: Partitions | undefined; records: ConsumerGroupRecord[] } {
  const { group, updated, epoch, topics, nowMs } = input
  const members = new Map<string, AssignableMember>()
  for (const [memberId, member] of group.members) members.set(memberId, assignable(input, member, memberId))
  // A static member that is back under another id takes what the one was to have whose place it takes.
  const replacedId = updated.instanceId === null ? undefined : group.staticMembers.get(updated.instanceId)
  members.set(updated.memberId, assignable(input, updated, replacedId ?? updated.memberId))
  if (replacedId !== undefined && replacedId !== updated.memberId) members.delete(replacedId)
  const assigned = assignors[input.assignor]({
    members,
    isHomogeneous: input.isHomogeneous,
    partitionsOf: (key) => topics.getByKey(key)?.partitions ?? 0,
  })
  const records: ConsumerGroupRecord[] = []
  for (const memberId of inJavaOrder(members.keys(), stringHash, filledTableSize)) {
    const target = assigned.get(memberId) ?? new Map()
    const before = group.targets.get(memberId)
    if (!before || !samePartitions(before, target)) records.push(memberTargetRecord(group.id, memberId, target))
  }
  records.push(targetRecord(group.id, { epoch, timestamp: nowMs }))
  return { target: assigned.get(updated.memberId), records }
}

function assignable({ group, topics }: TargetInput, member: ConsumerMember, targetOf: string): AssignableMember {
  return {
    instanceId: member.instanceId,
    topics: topicKeys(group.subscriptions.topicsOf(member), topics),
    target: group.targetOf(targetOf),
  }
}

/** The ids of those topics that there are. */
export function topicKeys(names: Iterable<string>, topics: TopicsImage): ReadonlySet<TopicKey> {
  const keys = new Set<TopicKey>()
  for (const name of names) {
    const topic = topics.get(name)
    if (topic) keys.add(topic.key)
  }
  return keys
}

function samePartitions(a: Partitions, b: Partitions): boolean {
  if (a.size !== b.size) return false
  for (const [topic, partitions] of a) {
    const others = b.get(topic)
    if (others?.length !== partitions.length || partitions.some((partition, i) => partition !== others[i])) return false
  }
  return true
}
