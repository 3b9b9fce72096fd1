import { readFileSync } from 'node:fs'
import { uuidToString } from '@millrace/std'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AssignableMember, Partitions } from '../../src/groups/assignors/assignor.ts'
import { type AssignorName, assignors } from '../../src/groups/assignors/index.ts'

interface Golden {
  readonly assignor: AssignorName
  readonly homogeneous: boolean
  readonly topics: Readonly<Record<string, number>>
  readonly members: Readonly<Record<string, { instanceId: string | null; topics: string[]; target: Targets }>>
  readonly result: Readonly<Record<string, Targets>>
}

type Targets = Readonly<Record<string, readonly number[]>>

const golden = readFileSync(new URL('golden/assignors.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Golden)

test.each(['uniform', 'range'] as const)('%s assigns as Apache Kafka does', (name) => {
  const cases = golden.filter(({ assignor }) => assignor === name)
  expect(cases.length).toBeGreaterThan(50)
  for (const { homogeneous, topics, members, result } of cases) {
    const assigned = assignors[name]({
      members: new Map(
        Object.entries(members).map(([memberId, { instanceId, topics: subscribed, target }]) => [
          memberId,
          { instanceId, topics: new Set(subscribed), target: new Map(Object.entries(target)) },
        ]),
      ),
      isHomogeneous: homogeneous,
      partitionsOf: (topic) => topics[topic] as number,
    })
    const named = Object.keys(members).map((memberId) => [memberId, asObject(assigned.get(memberId))])
    expect(Object.fromEntries(named)).toEqual(result)
  }
})

function asObject(partitions: Partitions | undefined): Targets {
  return Object.fromEntries(partitions ?? [])
}

/** A group that changes: members come and go, topics grow, subscriptions change. */
class Group {
  readonly members = new Map<string, AssignableMember>()
  readonly sizes = new Map<string, number>()
  readonly #name: AssignorName
  readonly #sameTopics: boolean

  constructor(name: AssignorName, sameTopics: boolean) {
    this.#name = name
    this.#sameTopics = sameTopics
  }

  assign(): void {
    const assigned = assignors[this.#name]({
      members: this.members,
      isHomogeneous: this.#sameTopics,
      partitionsOf: (topic) => this.sizes.get(topic) ?? 0,
    })
    for (const [memberId, member] of this.members) {
      this.members.set(memberId, { ...member, target: assigned.get(memberId) ?? new Map() })
    }
  }

  take(step: Step): void {
    switch (step.do) {
      case 'join': {
        const topics = this.#sameTopics ? this.#sharedTopics() : new Set(step.topics.map(keyOf))
        for (const topic of topics) if (!this.sizes.has(topic)) this.sizes.set(topic, 1)
        const instanceId = step.isStatic ? `instance-${step.who}` : null
        const target = this.members.get(`m${step.who}`)?.target ?? new Map()
        this.members.set(`m${step.who}`, { instanceId, topics, target })
        return
      }
      case 'leave':
        this.members.delete(`m${step.who}`)
        return
      case 'grow':
        this.sizes.set(keyOf(step.topic), (this.sizes.get(keyOf(step.topic)) ?? 0) + step.by)
        return
    }
  }

  #sharedTopics(): Set<string> {
    const shared = new Set([0, 1, 2].map(keyOf))
    for (const topic of shared) if (!this.sizes.has(topic)) this.sizes.set(topic, 3)
    return shared
  }
}

type Step =
  | { do: 'join'; who: number; topics: number[]; isStatic: boolean }
  | { do: 'leave'; who: number }
  | { do: 'grow'; topic: number; by: number }

const topicNumber = fc.integer({ min: 0, max: 5 })
const who = fc.integer({ min: 0, max: 9 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      who,
      topics: fc.uniqueArray(topicNumber, { maxLength: 4 }),
      isStatic: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), who }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('grow' as const), topic: topicNumber, by: fc.integer({ min: 1, max: 7 }) }),
  },
)

function keyOf(topic: number): string {
  return uuidToString(new Uint8Array(16).fill(topic + 1))
}

/** Every partition that somebody is subscribed to has one owner, who is subscribed to it. */
function checkOwners({ members, sizes }: Group): void {
  const owners = new Map<string, string>()
  for (const [memberId, { topics, target }] of members) {
    for (const [topic, partitions] of target) {
      expect(topics.has(topic)).toBe(true)
      expect(partitions).toEqual(partitions.toSorted((a, b) => a - b))
      for (const partition of partitions) {
        const key = `${topic}-${partition}`
        expect(owners.has(key)).toBe(false)
        owners.set(key, memberId)
      }
    }
  }
  const subscribed = new Set([...members.values()].flatMap(({ topics }) => [...topics]))
  const wanted = [...subscribed].reduce((count, topic) => count + (sizes.get(topic) ?? 0), 0)
  expect(owners.size).toBe(wanted)
}

function loadsOf(members: Iterable<AssignableMember>): number[] {
  return Array.from(members, ({ target }) => [...target.values()].reduce((count, { length }) => count + length, 0))
}

const steps = fc.array(step, { minLength: 1, maxLength: 25, size: 'max' })

describe('in any run of a group', () => {
  test.each([
    ['uniform', true],
    ['uniform', false],
    ['range', true],
    ['range', false],
  ] as const)('%s (all subscribed alike: %s) gives every partition to one subscriber', (name, sameTopics) => {
    fc.assert(
      fc.property(steps, (run) => {
        const group = new Group(name, sameTopics)
        for (const each of run) {
          group.take(each)
          group.assign()
          checkOwners(group)
        }
      }),
      { numRuns: 80 },
    )
  })

  test('uniform is balanced to one partition, and moves no more than it has to', () => {
    fc.assert(
      fc.property(steps, (run) => {
        const group = new Group('uniform', true)
        for (const each of run) {
          group.take(each)
          const before = new Map(group.members)
          group.assign()
          const loads = loadsOf(group.members.values())
          if (loads.length === 0) continue
          const most = Math.max(...loads)
          expect(most - Math.min(...loads)).toBeLessThanOrEqual(1)
          // Who had no more than a fair share keeps all of it.
          const fewest = Math.min(...loads)
          for (const [memberId, { topics, target }] of before) {
            const [had] = loadsOf([{ instanceId: null, topics, target }]) as [number]
            if (had > fewest) continue
            const now = group.members.get(memberId)?.target
            for (const [topic, partitions] of target) {
              for (const partition of partitions) expect(now?.get(topic)).toContain(partition)
            }
          }
          // Assigned again without a change, nothing moves.
          const settled = new Map(group.members)
          group.assign()
          expect(group.members).toEqual(settled)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('uniform with different subscriptions: no move of one partition makes the loads more even', () => {
    fc.assert(
      fc.property(steps, (run) => {
        const group = new Group('uniform', false)
        for (const each of run) {
          group.take(each)
          group.assign()
        }
        const members = [...group.members.values()]
        const loads = loadsOf(members)
        for (const [i, { target }] of members.entries()) {
          for (const topic of target.keys()) {
            for (const [j, { topics }] of members.entries()) {
              if (topics.has(topic)) expect((loads[i] as number) - (loads[j] as number)).toBeLessThanOrEqual(1)
            }
          }
        }
      }),
      { numRuns: 100 },
    )
  })

  test('range gives partitions of the same number to the same member, whatever order members have come in', () => {
    fc.assert(
      fc.property(fc.uniqueArray(who, { minLength: 1 }), fc.integer({ min: 1, max: 30 }), (joined, partitions) => {
        const group = new Group('range', true)
        for (let topic = 0; topic < 3; topic++) group.sizes.set(keyOf(topic), partitions)
        for (const each of joined) group.take({ do: 'join', who: each, topics: [], isStatic: false })
        group.assign()
        for (const { target } of group.members.values()) {
          const ranges = [0, 1, 2].map((topic) => target.get(keyOf(topic)))
          expect(ranges[1]).toEqual(ranges[0])
          expect(ranges[2]).toEqual(ranges[0])
        }
      }),
    )
  })
})

test('a static member that comes back under another id has its range again', () => {
  const sizes = new Map([[keyOf(0), 6]])
  const assign = (ids: readonly string[]) =>
    assignors.range({
      members: new Map(
        ids.map((id, i) => [id, { instanceId: `i${i}`, topics: new Set(sizes.keys()), target: new Map() }]),
      ),
      isHomogeneous: true,
      partitionsOf: (topic) => sizes.get(topic) ?? 0,
    })
  const before = assign(['x', 'y', 'z'])
  const after = assign(['x', 'another', 'z'])
  expect(after.get('another')).toEqual(before.get('y'))
})
