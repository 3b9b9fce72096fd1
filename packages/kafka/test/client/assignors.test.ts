import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Assignment, AssignmentInput, GroupMember, TopicPartition } from '../../src/client/index.ts'
import { cooperativeStickyAssignor, rangeAssignor, roundRobinAssignor } from '../../src/client/index.ts'

const TOPICS = ['a', 'b', 'c', 'd']
const counts = fc
  .tuple(...TOPICS.map(() => fc.nat(9)))
  .map((list) => new Map(TOPICS.map((topic, i) => [topic, list[i] as number])))

function member(
  memberId: string,
  topics: readonly string[],
  owned: readonly TopicPartition[] = [],
  generationId = -1,
): GroupMember {
  return { memberId, groupInstanceId: null, topics, ownedPartitions: owned, generationId }
}

function key({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

function sizes(assignment: Assignment): number[] {
  return [...assignment.values()].map((partitions) => partitions.length)
}

/** All partitions of subscribed topics are with exactly one member, which subscribes to the topic. */
function expectComplete({ members, partitionCounts }: AssignmentInput, assignment: Assignment): void {
  const expected = [...partitionCounts]
    .filter(([topic]) => members.some((m) => m.topics.includes(topic)))
    .flatMap(([topic, count]) => Array.from({ length: count }, (_, partition) => key({ topic, partition })))
  expect([...assignment.values()].flat().map(key).sort()).toEqual(expected.sort())
  for (const m of members) {
    for (const { topic } of assignment.get(m.memberId) ?? []) expect(m.topics).toContain(topic)
  }
}

/** The state of the group after the members have taken what they were given. */
function settled(members: readonly GroupMember[], assignment: Assignment, generation: number): GroupMember[] {
  return members.map((m) => member(m.memberId, m.topics, assignment.get(m.memberId), generation))
}

/** Rebalances until nothing moves; a cooperative group needs two rounds. */
function converge(members: readonly GroupMember[], partitionCounts: Map<string, number>) {
  let now = [...members]
  for (let generation = 1; generation <= 3; generation++) {
    const assignment = cooperativeStickyAssignor.assign({ members: now, partitionCounts })
    // What a member does not get again it gives up; only then others get it.
    now = settled(now, assignment, generation)
  }
  return { members: now, assignment: cooperativeStickyAssignor.assign({ members: now, partitionCounts }) }
}

const anyMembers = fc
  .array(fc.subarray(TOPICS), { minLength: 1, maxLength: 6 })
  .map((lists) => lists.map((topics, i) => member(`m${i}`, topics)))
const sameMembers = fc
  .tuple(fc.integer({ min: 1, max: 7 }), fc.subarray(TOPICS, { minLength: 1 }))
  .map(([n, topics]) => Array.from({ length: n }, (_, i) => member(`m${i}`, topics)))

describe.each([rangeAssignor, roundRobinAssignor, cooperativeStickyAssignor])('$name', (assignor) => {
  it('gives each partition to exactly one subscriber, whatever the order of the members', () => {
    fc.assert(
      fc.property(anyMembers, counts, (members, partitionCounts) => {
        const assignment = assignor.assign({ members, partitionCounts })
        expectComplete({ members, partitionCounts }, assignment)
        const reversed = assignor.assign({ members: [...members].reverse(), partitionCounts })
        for (const { memberId } of members) expect(reversed.get(memberId)).toEqual(assignment.get(memberId))
      }),
    )
  })
})

describe('range', () => {
  it('gives consecutive partitions, the first members one more', () => {
    const members = ['x', 'y', 'z'].map((id) => member(id, ['a', 'b']))
    const assignment = rangeAssignor.assign({
      members,
      partitionCounts: new Map([
        ['a', 7],
        ['b', 2],
      ]),
    })
    const of = (id: string) => assignment.get(id)?.map(key).join()
    expect([of('x'), of('y'), of('z')]).toEqual(['a-0,a-1,a-2,b-0', 'a-3,a-4,b-1', 'a-5,a-6'])
  })

  it('keeps static members in the order of their instance ids', () => {
    const members = [
      { ...member('z-restarted', ['a']), groupInstanceId: '1' },
      { ...member('b', ['a']), groupInstanceId: '2' },
    ]
    const assignment = rangeAssignor.assign({ members, partitionCounts: new Map([['a', 2]]) })
    expect(assignment.get('z-restarted')?.map(key)).toEqual(['a-0'])
  })
})

describe('roundrobin', () => {
  it('deals all partitions in turn', () => {
    const members = ['x', 'y'].map((id) => member(id, ['a', 'b']))
    const assignment = roundRobinAssignor.assign({
      members,
      partitionCounts: new Map([
        ['a', 3],
        ['b', 3],
      ]),
    })
    expect(assignment.get('x')?.map(key)).toEqual(['a-0', 'a-2', 'b-1'])
  })
})

describe('cooperative-sticky', () => {
  it('is balanced when all subscribe to the same', () => {
    fc.assert(
      fc.property(sameMembers, counts, (members, partitionCounts) => {
        const loads = sizes(cooperativeStickyAssignor.assign({ members, partitionCounts }))
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('is as balanced as subscriptions allow: nobody could take from one that has two more', () => {
    fc.assert(
      fc.property(anyMembers, counts, (members, partitionCounts) => {
        const assignment = cooperativeStickyAssignor.assign({ members, partitionCounts })
        for (const giver of members) {
          const given = assignment.get(giver.memberId) as TopicPartition[]
          for (const taker of members) {
            const taken = assignment.get(taker.memberId) as TopicPartition[]
            if (given.some(({ topic }) => taker.topics.includes(topic)))
              expect(given.length - taken.length).toBeLessThan(2)
          }
        }
      }),
    )
  })

  it('moves nothing when nothing changed', () => {
    fc.assert(
      fc.property(anyMembers, counts, (members, partitionCounts) => {
        const first = converge(members, partitionCounts)
        expect(first.assignment).toEqual(new Map(first.members.map((m) => [m.memberId, m.ownedPartitions])))
      }),
    )
  })

  it('never gives away in one step what a member still holds', () => {
    fc.assert(
      fc.property(anyMembers, anyMembers, counts, counts, (before, after, countsBefore, countsAfter) => {
        const old = converge(before, countsBefore).members
        const held = new Map(old.map((m) => [m.memberId, m.ownedPartitions]))
        const members = after.map((m) => member(m.memberId, m.topics, held.get(m.memberId), 9))
        const assignment = cooperativeStickyAssignor.assign({ members, partitionCounts: countsAfter })
        for (const [memberId, partitions] of assignment) {
          for (const partition of partitions) {
            const holder = members.find((m) => m.ownedPartitions.some((p) => key(p) === key(partition)))
            if (holder) expect(holder.memberId).toBe(memberId)
          }
        }
        const end = converge(members, countsAfter)
        expectComplete({ members, partitionCounts: countsAfter }, end.assignment)
      }),
    )
  })

  it('takes from members only what a newcomer needs, and leaves alone what those that stay have', () => {
    fc.assert(
      fc.property(sameMembers, counts, (members, partitionCounts) => {
        const before = converge(members, partitionCounts).members
        const joined = converge([...before, member('new', members[0]?.topics ?? [])], partitionCounts)
        const [newcomer] = joined.members.slice(-1)
        for (const m of before) {
          const now = new Set(joined.assignment.get(m.memberId)?.map(key))
          const lost = m.ownedPartitions.map(key).filter((k) => !now.has(k))
          for (const k of lost) expect(newcomer?.ownedPartitions.map(key)).toContain(k)
        }
        const left = converge(before.slice(1), partitionCounts)
        for (const m of before.slice(1)) {
          for (const partition of m.ownedPartitions) expect(left.assignment.get(m.memberId)).toContainEqual(partition)
        }
      }),
    )
  })

  it('believes the later of two claims', () => {
    const partition = { topic: 'a', partition: 0 }
    const members = [member('old', ['a'], [partition], 3), member('new', ['a'], [partition], 4)]
    const first = cooperativeStickyAssignor.assign({ members, partitionCounts: new Map([['a', 1]]) })
    expect(sizes(first)).toEqual([0, 0])
    const second = cooperativeStickyAssignor.assign({
      members: [member('old', ['a'], [], 5), member('new', ['a'], [partition], 5)],
      partitionCounts: new Map([['a', 1]]),
    })
    expect(second.get('new')).toEqual([partition])
  })
})
