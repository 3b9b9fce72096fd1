import { type AssignableMember, type AssignorInput, type Draft, finishDrafts, type Partitions } from './assignor.ts'

interface Topic {
  /** Members that get one partition more than the others. */
  extra: number
  readonly quota: number
  readonly partitions: number
  next: number
}

/**
 * The server-side assignor `range`: every topic is cut in ranges, in the order of the members, so that partitions of the same
 * number in topics of the same size meet at one member (co-partitioning). Static members come first, by their instance ids: they
 * keep their ranges when they come back under another member id.
 */
export function assignRange({ members, partitionsOf }: AssignorInput): ReadonlyMap<string, Partitions> {
  const ordered = [...members].sort(compareMembers)
  const subscribers = new Map<string, number>()
  for (const { topics } of members.values()) {
    for (const topic of topics) subscribers.set(topic, (subscribers.get(topic) ?? 0) + 1)
  }
  const ranges = new Map<string, Topic>()
  for (const [topic, count] of subscribers) {
    const partitions = partitionsOf(topic)
    ranges.set(topic, { partitions, quota: Math.floor(partitions / count), extra: partitions % count, next: 0 })
  }
  const drafts = new Map<string, Draft>()
  for (const [memberId, { topics }] of ordered) {
    const draft: Draft = new Map()
    for (const topic of topics) {
      const range = ranges.get(topic) as Topic
      const end = range.next + range.quota + (range.extra > 0 ? 1 : 0)
      range.extra--
      const partitions: number[] = []
      for (; range.next < end; range.next++) partitions.push(range.next)
      draft.set(topic, partitions)
    }
    drafts.set(memberId, draft)
  }
  return finishDrafts(drafts)
}

function compareMembers([idA, a]: [string, AssignableMember], [idB, b]: [string, AssignableMember]): number {
  if (a.instanceId !== null && b.instanceId !== null) return compareText(a.instanceId, b.instanceId)
  if (a.instanceId !== null) return -1
  if (b.instanceId !== null) return 1
  return compareText(idA, idB)
}

/** By UTF-16 units, as Java compares. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
