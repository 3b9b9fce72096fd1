import { type AssignableMember, type AssignorInput, type Draft, finishDrafts, type Partitions } from './assignor.ts'
import { copiedTableSize, filledTableSize, inJavaOrder, integerHash, stringHash, uuidHash } from './java-order.ts'

interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/**
 * The assignor `uniform` for members that are all subscribed to the same topics: every member has as many partitions as any
 * other, or one more, and keeps of what it had as much as that allows.
 */
export function assignUniformHomogeneous({ members, partitionsOf }: AssignorInput): ReadonlyMap<string, Partitions> {
  const [first] = members.values()
  if (!first || first.topics.size === 0) return new Map()
  const taken = takenPartitions(members)
  const free: TopicPartition[] = []
  let total = 0
  for (const topic of inJavaOrder(first.topics, uuidHash, copiedTableSize)) {
    const count = partitionsOf(topic)
    total += count
    const owned = taken.get(topic)
    for (let partition = 0; partition < count; partition++) {
      if (!owned?.has(partition)) free.push({ topic, partition })
    }
  }
  const quota = Math.floor(total / members.size)
  /** So many members get one partition more. */
  let extras = total % members.size
  const drafts = new Map<string, Draft>()
  const unfilled: { draft: Draft; missing: number }[] = []
  const memberIds = inJavaOrder(members.keys(), stringHash, filledTableSize)
  for (const [index, memberId] of memberIds.entries()) {
    const { target } = members.get(memberId) as AssignableMember
    let hasExtra = extras > 0
    const { draft, room } = keep(target, first.topics, quota + (hasExtra ? 1 : 0), free)
    let missing = room
    // It had no use for one more: others may, as long as enough of them are left.
    if (missing > 0 && hasExtra && members.size - index > extras) {
      missing--
      hasExtra = false
    }
    if (missing > 0) unfilled.push({ draft, missing })
    if (hasExtra) extras--
    drafts.set(memberId, draft)
  }
  let next = 0
  for (const { draft, missing } of unfilled) {
    for (const { topic, partition } of free.slice(next, next + missing)) {
      const partitions = draft.get(topic)
      if (partitions) partitions.push(partition)
      else draft.set(topic, [partition])
    }
    next += missing
  }
  return finishDrafts(drafts)
}

function takenPartitions(members: AssignorInput['members']): ReadonlyMap<string, ReadonlySet<number>> {
  const taken = new Map<string, Set<number>>()
  for (const { target } of members.values()) {
    for (const [topic, partitions] of target) {
      let of = taken.get(topic)
      if (!of) taken.set(topic, (of = new Set()))
      for (const partition of partitions) of.add(partition)
    }
  }
  return taken
}

/** As much of what a member had as `quota` allows; the rest of it becomes free. */
function keep(target: Partitions, topics: ReadonlySet<string>, quota: number, free: TopicPartition[]) {
  const draft: Draft = new Map()
  let room = quota
  for (const topic of inJavaOrder(target.keys(), uuidHash, filledTableSize)) {
    if (!topics.has(topic)) continue
    const partitions = target.get(topic) as readonly number[]
    if (partitions.length <= room) {
      draft.set(topic, [...partitions])
      room -= partitions.length
      continue
    }
    const ordered = inJavaOrder(partitions, integerHash, copiedTableSize)
    draft.set(topic, ordered.slice(0, room))
    for (const partition of ordered.slice(room)) free.push({ topic, partition })
    room = 0
  }
  return { draft, room }
}
