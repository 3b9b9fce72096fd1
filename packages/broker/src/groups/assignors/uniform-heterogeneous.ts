import { type AssignableMember, type AssignorInput, type Draft, finishDrafts, type Partitions } from './assignor.ts'
import { compareUuids, filledTableSize, inJavaOrder, stringHash } from './java-order.ts'
import { MemberLoads } from './member-loads.ts'

/** Rounds over all topics in which partitions are moved from members with many to members with few. */
const maxRounds = 16
const nobody = -1

interface Topic {
  readonly id: string
  /** Positions of the members that are subscribed to it. */
  readonly subscribers: number[]
  /** The position of each partition's owner. */
  readonly owners: number[]
}

/**
 * The assignor `uniform` for members with different subscriptions: members keep what they had, what is free goes to the
 * subscribers with the fewest partitions, and then partitions move from who has the most to who has the fewest until no move
 * makes the loads of a topic's subscribers more even.
 */
export function assignUniformHeterogeneous({ members, partitionsOf }: AssignorInput): ReadonlyMap<string, Partitions> {
  const memberIds = inJavaOrder(members.keys(), stringHash, filledTableSize)
  const topics = new Map<string, Topic>()
  for (const [position, memberId] of memberIds.entries()) {
    for (const id of (members.get(memberId) as AssignableMember).topics) {
      const topic = topics.get(id)
      if (topic) topic.subscribers.push(position)
      else topics.set(id, { id, subscribers: [position], owners: new Array(partitionsOf(id)).fill(nobody) })
    }
  }
  if (topics.size === 0) return new Map()
  const sizes: number[] = new Array(memberIds.length).fill(0)
  keepTargets(members, memberIds, topics, sizes)
  const ordered = [...topics.values()].sort(compareTopics)
  const loads = new MemberLoads(sizes)
  for (const topic of ordered) assignFree(topic, loads, sizes)
  balance(
    ordered.filter(({ subscribers }) => subscribers.length > 1),
    loads,
    sizes,
  )
  return collect(memberIds, ordered)
}

function keepTargets(
  members: AssignorInput['members'],
  memberIds: readonly string[],
  topics: ReadonlyMap<string, Topic>,
  sizes: number[],
): void {
  for (const [position, memberId] of memberIds.entries()) {
    const member = members.get(memberId) as AssignableMember
    for (const [id, partitions] of member.target) {
      const topic = topics.get(id)
      if (!topic || !member.topics.has(id)) continue
      for (const partition of partitions) topic.owners[partition] = position
      sizes[position] = (sizes[position] as number) + partitions.length
    }
  }
}

/** Topics with the most partitions for a subscriber first: their partitions are the hardest to place. */
function compareTopics(a: Topic, b: Topic): number {
  return (
    b.owners.length / b.subscribers.length - a.owners.length / a.subscribers.length ||
    a.subscribers.length - b.subscribers.length ||
    compareUuids(a.id, b.id)
  )
}

function assignFree(topic: Topic, loads: MemberLoads, sizes: number[]): void {
  if (!topic.owners.includes(nobody)) return
  loads.begin(topic.subscribers)
  for (const [partition, owner] of topic.owners.entries()) {
    if (owner === nobody) give(topic, partition, loads.takeLeast(), sizes)
  }
}

function give(topic: Topic, partition: number, to: number, sizes: number[]): void {
  const from = topic.owners[partition] as number
  if (from !== nobody) sizes[from] = (sizes[from] as number) - 1
  sizes[to] = (sizes[to] as number) + 1
  topic.owners[partition] = to
}

function balance(topics: readonly Topic[], loads: MemberLoads, sizes: number[]): void {
  let lastMoved: Topic | undefined
  for (let round = 0; round < maxRounds; round++) {
    for (const topic of topics) {
      // Once around without a move since.
      if (topic === lastMoved) return
      const moved = balanceTopic(topic, loads, sizes)
      if (moved || !lastMoved) lastMoved = topic
    }
  }
}

/** Returns whether a partition has moved. */
function balanceTopic(topic: Topic, loads: MemberLoads, sizes: number[]): boolean {
  if (loads.begin(topic.subscribers) <= 1) return false
  const owned = new Map<number, number[]>()
  for (const [partition, owner] of topic.owners.entries()) {
    const partitions = owned.get(owner)
    if (partitions) partitions.push(partition)
    else owned.set(owner, [partition])
  }
  let moved = false
  while (!loads.isBalanced) {
    const partition = takeFromMost(loads, owned)
    if (partition === undefined) break
    const least = loads.takeLeast()
    if (loads.isBalanced) break
    give(topic, partition, least, sizes)
    moved = true
  }
  return moved
}

/** The last partition of the member with the most partitions that has one of this topic. */
function takeFromMost(loads: MemberLoads, owned: ReadonlyMap<number, number[]>): number | undefined {
  for (let most = loads.takeMost(); most !== undefined; most = loads.takeMost()) {
    const partition = owned.get(most)?.pop()
    if (partition !== undefined) return partition
    loads.excludeMost()
  }
  return undefined
}

function collect(memberIds: readonly string[], topics: readonly Topic[]): ReadonlyMap<string, Partitions> {
  const drafts = memberIds.map((): Draft => new Map())
  for (const { id, owners } of topics) {
    for (const [partition, owner] of owners.entries()) {
      const draft = drafts[owner] as Draft
      const partitions = draft.get(id)
      if (partitions) partitions.push(partition)
      else draft.set(id, [partition])
    }
  }
  return finishDrafts(new Map(memberIds.map((memberId, position) => [memberId, drafts[position] as Draft])))
}
