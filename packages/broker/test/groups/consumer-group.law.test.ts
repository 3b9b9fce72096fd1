import { uuidToString } from '@millrace/std'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConsumerGroup } from '../../src/groups/consumer/consumer-group.ts'
import type { GroupShard } from '../../src/groups/group-shard.ts'
import { ConsumerClient, type Subscription } from './consumer-client.ts'
import { ShardHarness } from './fixture.ts'

type Step =
  | { do: 'join' | 'heartbeat' | 'lostAnswer' | 'reconcile' | 'leave' | 'awayAndBack'; who: number }
  | { do: 'subscribe'; who: number; subscription: Subscription }
  | { do: 'grow'; topic: string; by: number }
  | { do: 'deleteTopic'; topic: string }
  | { do: 'advance'; ms: number }
  | { do: 'everyone' | 'restart' }

const members = 5
const who = fc.integer({ min: 0, max: members - 1 })
const topic = fc.constantFrom('apples', 'beans', 'corn', 'dates')
const subscription: fc.Arbitrary<Subscription> = fc.oneof(
  fc.record({ topics: fc.uniqueArray(topic, { maxLength: 3 }), assignor: fc.constantFrom('uniform', 'range') }),
  fc.record({ regex: fc.constantFrom('a.*', '(apples|beans)', '.*s', 'nothing') }),
  fc.record({ topics: fc.uniqueArray(topic, { maxLength: 2 }), regex: fc.constantFrom('c.*', '.*') }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constantFrom('heartbeat' as const, 'reconcile' as const), who }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('everyone' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('join' as const, 'lostAnswer' as const), who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('leave' as const, 'awayAndBack' as const), who }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('subscribe' as const), who, subscription }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('grow' as const), topic, by: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('deleteTopic' as const), topic }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(0, 5_000, 11_000, 50_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
)
const run = fc.array(step, { maxLength: 60, size: 'max' })

/** A group with its clients, one of them static. */
class World {
  harness = new ShardHarness({})
  readonly clients: ConsumerClient[]
  #names = members

  constructor() {
    for (const name of ['apples', 'beans']) this.harness.topics.set(name, 3)
    this.clients = Array.from({ length: members }, (_, i) =>
      this.#newClient(i, `m${i}`, { topics: ['apples', 'beans'] }),
    )
  }

  #newClient(who: number, memberId: string, subscription: Subscription): ConsumerClient {
    return new ConsumerClient(memberId, subscription, who === 0 ? { instanceId: 'zero' } : {})
  }

  get group(): ConsumerGroup | undefined {
    const group = this.harness.shard.groups.get('g')
    return group instanceof ConsumerGroup ? group : undefined
  }

  take(step: Step): void {
    const { harness } = this
    switch (step.do) {
      case 'join':
        return void this.#client(step.who).join(harness)
      case 'heartbeat':
        return void this.#client(step.who).heartbeat(harness)
      case 'lostAnswer':
        return void this.#client(step.who).heartbeat(harness, { loseAnswer: true })
      case 'reconcile':
        return this.#client(step.who).reconcile()
      case 'leave':
        return this.#client(step.who).leave(harness)
      case 'awayAndBack': {
        const client = this.#client(step.who)
        client.leave(harness, { toComeBack: client.instanceId !== null })
        this.clients[step.who] = this.#newClient(step.who, `m${this.#names++}`, client.subscription)
        return void this.#client(step.who).join(harness)
      }
      case 'subscribe':
        return void this.#client(step.who).heartbeat(harness, { news: step.subscription })
      case 'grow': {
        const key = harness.topics
        const known = [...key.topics()].find(({ name }) => name === step.topic)
        return void key.set(step.topic, (known?.partitions ?? 0) + step.by)
      }
      case 'deleteTopic':
        return harness.topics.delete(step.topic)
      case 'advance':
        return harness.clock.advance(step.ms)
      case 'everyone':
        for (const client of this.clients) {
          client.heartbeat(harness)
          client.reconcile()
        }
        return harness.clock.advance(0)
      case 'restart':
        this.harness = harness.restarted()
        return
    }
  }

  #client(who: number): ConsumerClient {
    return this.clients[who] as ConsumerClient
  }

  /** Clients that the group counts as members and that have not given up. */
  live(): ConsumerClient[] {
    return this.clients.filter((client) => client.isMember && this.group?.members.has(client.memberId))
  }
}

test('no partition is read by two members, whatever happens; and the group gets to its target', () => {
  fc.assert(
    fc.property(run, (steps) => {
      const world = new World()
      for (const each of steps) {
        world.take(each)
        expectOneOwner(world)
      }
      // Topics and members stay as they are now: everyone gets what it is to have, a static member that did not leave properly
      // once its session is over.
      world.harness.clock.advance(11_000)
      for (let round = 0; round < 24; round++) {
        world.take({ do: 'everyone' })
        world.harness.clock.advance(3_000)
        expectOneOwner(world)
      }
      expectConverged(world)
    }),
    { numRuns: 100 },
  )
})

test('replaying the records, or a snapshot, yields the group as it is', () => {
  fc.assert(
    fc.property(run, (steps) => {
      const world = new World()
      for (const each of steps) world.take(each)
      const expected = durableState(world.harness.shard)
      expect(durableState(world.harness.recovered())).toEqual(expected)
      expect(durableState(world.harness.fromSnapshot())).toEqual(expected)
    }),
    { numRuns: 100 },
  )
})

function expectOneOwner(world: World): void {
  const owners = new Map<string, string>()
  for (const { memberId, owned } of world.live()) {
    for (const name of owned ?? []) {
      expect(owners.get(name), `${name} has two owners`).toBeUndefined()
      owners.set(name, memberId)
    }
  }
}

function expectConverged({ group, clients, harness }: World): void {
  expect(group?.state).toBe('Stable')
  const keys = new Map([...harness.topics.topics()].map(({ name, id }) => [name, uuidToString(id)]))
  const wanted = new Set<string>()
  const owned: string[] = []
  for (const client of clients) {
    const { topics = [], regex } = client.subscription
    const pattern = new RegExp(`^(?:${regex ?? '$^'})$`)
    const names = new Set(harness.topics.names().filter((name) => topics.includes(name) || pattern.test(name)))
    const subscribed = new Set([...names].map((name) => keys.get(name)))
    for (const { name, partitions } of harness.topics.topics()) {
      if (names.has(name)) for (let i = 0; i < partitions; i++) wanted.add(`${keys.get(name)}/${i}`)
    }
    for (const name of client.owned ?? []) {
      expect(subscribed.has(name.split('/')[0]), `${client.memberId} is not subscribed to ${name}`).toBe(true)
      owned.push(name)
    }
  }
  expect(owned.sort()).toEqual([...wanted].sort())
}

/** All that a consumer group is. */
function durableState(shard: GroupShard) {
  return [...shard.groups.values()].map((group) => {
    if (!(group instanceof ConsumerGroup)) return group.id
    const { id, epoch, metadataHash, target, members, targets, staticMembers, subscriptions, state } = group
    return {
      id,
      epoch,
      metadataHash,
      target,
      state,
      members: byKey(members),
      targets: byKey(targets),
      staticMembers: byKey(staticMembers),
      regexes: byKey(subscriptions.regexes),
      resolved: byKey(subscriptions.resolved),
      topics: [...subscriptions.topics()].sort(),
    }
  })
}

function byKey<V>(map: ReadonlyMap<string, V>): [string, V][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}
