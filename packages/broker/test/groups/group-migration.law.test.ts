import { ConsumerProtocolAssignment, ConsumerProtocolSubscription, decodeStruct, encodeStruct } from '@millrace/kafka'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ClassicGroup } from '../../src/groups/classic-group.ts'
import { ConsumerGroup } from '../../src/groups/consumer/consumer-group.ts'
import type { JoinResponse, SyncResponse } from '../../src/groups/protocol.ts'
import { ConsumerClient } from './consumer-client.ts'
import { settings, ShardHarness, topicId } from './fixture.ts'

/**
 * A consumer that speaks the classic protocol and rebalances cooperatively. It leads when it is told to: then it gives the
 * partitions of a topic to the members in turn.
 */
class ClassicClient {
  owned = new Set<string>()
  memberId = ''
  #generation = -1
  #isJoining = false
  /** It has to join, or join again. */
  #hasToJoin = true
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  get isMember(): boolean {
    return this.memberId !== '' && !this.#hasToJoin
  }

  /** Does what is due: joins, syncs or beats. */
  act(harness: ShardHarness): void {
    if (this.#isJoining) return
    if (this.#hasToJoin) this.#join(harness)
    else this.#beat(harness)
  }

  leave(harness: ShardHarness): void {
    if (this.memberId === '') return
    const members = [{ memberId: this.memberId, groupInstanceId: null }]
    harness.run(() => harness.shard.membership.leave({ groupId: 'g', members }, () => {}))
    this.#forget()
  }

  #forget(): void {
    this.owned = new Set()
    this.memberId = ''
    this.#hasToJoin = true
    this.#isJoining = false
  }

  #join(harness: ShardHarness): void {
    this.#isJoining = true
    const ownedPartitions = [{ topic: 'apples', partitions: Array.from(this.owned, (name) => Number(name)) }]
    const metadata = encodeStruct(ConsumerProtocolSubscription, 1, { topics: ['apples'], ownedPartitions })
    const request = {
      groupId: 'g',
      memberId: this.memberId,
      groupInstanceId: null,
      clientId: this.#name,
      clientHost: '/here',
      sessionTimeoutMs: 20_000,
      rebalanceTimeoutMs: 10_000,
      protocolType: 'consumer',
      protocols: [{ name: 'cooperative', metadata }],
      requiresMemberId: true,
      canSkipAssignment: true,
    }
    harness.run(() => harness.shard.membership.join(request, (response) => this.#joined(harness, response)))
  }

  #joined(harness: ShardHarness, { error, memberId, generationId, leader, members }: JoinResponse): void {
    this.#isJoining = false
    if (error === 'MEMBER_ID_REQUIRED') this.memberId = memberId
    if (error === 'UNKNOWN_MEMBER_ID') this.#forget()
    if (error !== 'NONE') return
    this.memberId = memberId
    this.#generation = generationId
    this.#hasToJoin = false
    const assignments = leader === memberId ? this.#assign(harness, members) : []
    // The answer comes while the command that gave it still runs.
    harness.clock.schedule(0, () => this.#sync(harness, assignments))
  }

  /** Cooperatively: nobody gets what another still has. */
  #assign(harness: ShardHarness, members: JoinResponse['members']) {
    const partitions = [...harness.topics.topics()].find(({ name }) => name === 'apples')?.partitions ?? 0
    const owners = new Map<number, string>()
    for (const { memberId, metadata } of members) {
      const { ownedPartitions } = decodeStruct(ConsumerProtocolSubscription, metadata).value
      for (const { partitions: owned } of ownedPartitions) for (const index of owned) owners.set(index, memberId)
    }
    const given = new Map(members.map(({ memberId }) => [memberId, [] as number[]]))
    for (let index = 0; index < partitions; index++) {
      const wanted = members[index % members.length]?.memberId as string
      const owner = owners.get(index)
      if (owner === undefined || owner === wanted) given.get(wanted)?.push(index)
    }
    return Array.from(given, ([memberId, indexes]) => ({
      memberId,
      assignment: encodeStruct(ConsumerProtocolAssignment, 1, {
        assignedPartitions: [{ topic: 'apples', partitions: indexes }],
      }),
    }))
  }

  #sync(harness: ShardHarness, assignments: readonly { memberId: string; assignment: Uint8Array }[]): void {
    const { memberId } = this
    const member = { groupId: 'g', memberId, groupInstanceId: null, generationId: this.#generation }
    const request = { ...member, protocolType: null, protocolName: null, assignments }
    harness.run(() => harness.shard.membership.sync(request, (response) => this.#synced(response, memberId)))
  }

  #synced({ error, assignment }: SyncResponse, memberId: string): void {
    if (this.memberId !== memberId) return
    if (error === 'UNKNOWN_MEMBER_ID') this.#forget()
    else if (error !== 'NONE') this.#hasToJoin = true
    if (error !== 'NONE') return
    const assigned =
      assignment.byteLength === 0 ? [] : decodeStruct(ConsumerProtocolAssignment, assignment).value.assignedPartitions
    const now = new Set(assigned.flatMap(({ partitions }) => partitions.map(String)))
    // Who gives something up says so by joining again.
    if ([...this.owned].some((name) => !now.has(name))) this.#hasToJoin = true
    this.owned = now
  }

  #beat(harness: ShardHarness): void {
    const member = { groupId: 'g', memberId: this.memberId, groupInstanceId: null, generationId: this.#generation }
    let error = 'NONE'
    harness.run(() => {
      error = harness.shard.membership.heartbeat(member)
      return []
    })
    if (error === 'UNKNOWN_MEMBER_ID') this.#forget()
    else if (error !== 'NONE') this.#hasToJoin = true
  }
}

type Step =
  | { do: 'classic' | 'classicLeaves' | 'consumer' | 'consumerLeaves'; who: number }
  | { do: 'everyone' | 'commit' }
  | { do: 'advance'; ms: number }

const partitions = 3
const who = fc.integer({ min: 0, max: 2 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('classic' as const, 'consumer' as const), who }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('everyone' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('classicLeaves' as const, 'consumerLeaves' as const), who }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('commit' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(0, 1_000, 9_000) }) },
)

class World {
  readonly harness = new ShardHarness({ maxSize: 10 })
  readonly classic = [0, 1, 2].map((i) => new ClassicClient(`classic${i}`))
  readonly consumers = [0, 1, 2].map((i) => new ConsumerClient(`consumer${i}`, { topics: ['apples'] }))
  /** Who is there, or wants to be. */
  readonly present = new Set<ClassicClient | ConsumerClient>()
  committed = -1

  constructor() {
    this.harness.topics.set('apples', partitions)
  }

  take(step: Step): void {
    const { harness } = this
    switch (step.do) {
      case 'classic':
        return this.#act(this.classic[step.who] as ClassicClient)
      case 'consumer':
        return this.#act(this.consumers[step.who] as ConsumerClient)
      case 'classicLeaves':
      case 'consumerLeaves': {
        const client = (step.do === 'classicLeaves' ? this.classic : this.consumers)[step.who] as ClassicClient
        client.leave(harness)
        this.present.delete(client)
        return
      }
      case 'everyone':
        for (const client of this.present) this.#act(client)
        return harness.clock.advance(0)
      case 'commit':
        return this.#commit()
      case 'advance':
        return harness.clock.advance(step.ms)
    }
  }

  #act(client: ClassicClient | ConsumerClient): void {
    this.present.add(client)
    if (client instanceof ClassicClient) client.act(this.harness)
    else {
      client.heartbeat(this.harness)
      client.reconcile()
    }
    this.harness.clock.advance(0)
  }

  /** As an administrator, through the back door: who may commit is not asked here. */
  #commit(): void {
    this.committed++
    const value = {
      offset: this.committed,
      leaderEpoch: -1,
      metadata: '',
      commitTimestamp: 0,
      expireTimestamp: -1,
      topicId,
    }
    this.harness.run(() => [{ kind: 'offset', key: { group: 'g', topic: 'apples', partition: 0 }, value }])
  }

  /** The partitions of those that the group counts as members. */
  owned(): string[] {
    const group = this.harness.shard.groups.get('g')
    if (!(group instanceof ConsumerGroup || group instanceof ClassicGroup)) return []
    return [...this.present]
      .filter(({ memberId }) => group.members.has(memberId))
      .flatMap(({ owned }) => Array.from(owned ?? [], (name) => name.split('/').at(-1) as string))
  }
}

test('a group whose members change their protocol: no partition has two owners, no offset is lost, all is assigned in the end', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50, size: 'max' }), (steps) => {
      const world = new World()
      for (const each of steps) {
        world.take(each)
        expectNoneTwice(world)
        if (world.committed >= 0) {
          expect(world.harness.shard.committed.of('g').get('apples')?.get(0)?.offset).toBe(world.committed)
        }
      }
      if (world.present.size === 0) return
      for (let round = 0; round < 30; round++) {
        world.take({ do: 'everyone' })
        world.harness.clock.advance(2_000)
        expectNoneTwice(world)
      }
      const group = world.harness.shard.groups.get('g')
      const hasConsumers = world.consumers.some((client) => world.present.has(client))
      expect(group?.type).toBe(hasConsumers ? 'consumer' : 'classic')
      expect(group?.state).toBe('Stable')
      expect(world.owned().sort()).toEqual(Array.from({ length: partitions }, (_, i) => `${i}`).sort())
    }),
    { numRuns: 150 },
  )
})

function expectNoneTwice(world: World): void {
  const owned = world.owned()
  expect(new Set(owned).size, `two owners: ${owned}`).toBe(owned.length)
}

test.each(['disabled', 'downgrade'] as const)(
  'with the policy %s a classic group with members stays one',
  (migrationPolicy) => {
    const harness = new ShardHarness({ consumer: { ...settings.consumer, migrationPolicy } })
    harness.topics.set('apples', 2)
    const classic = new ClassicClient('classic')
    for (let i = 0; i < 4; i++) {
      classic.act(harness)
      harness.clock.advance(0)
    }
    expect(new ConsumerClient('new', { topics: ['apples'] }).join(harness)).toBe('GROUP_ID_NOT_FOUND')
    expect(harness.shard.groups.get('g')?.type).toBe('classic')
  },
)

test('a member that is refused leaves the classic group that it would have changed as it was', () => {
  const harness = new ShardHarness()
  harness.topics.set('apples', 2)
  const classic = new ClassicClient('classic')
  for (let i = 0; i < 4; i++) {
    classic.act(harness)
    harness.clock.advance(0)
  }
  expect(classic.owned).toEqual(new Set(['0', '1']))
  const refused = new ConsumerClient('new', { regex: '[' })
  expect(refused.join(harness)).toBe('INVALID_REGULAR_EXPRESSION')
  classic.act(harness)
  expect(classic.isMember).toBe(true)
  // Its session still ends when it is not heard of.
  harness.clock.advance(20_000)
  expect(harness.shard.groups.get('g')).toMatchObject({ type: 'classic', state: 'Empty' })
})
