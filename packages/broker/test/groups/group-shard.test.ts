import { ConsumerProtocolSubscription, encodeStruct } from '@millrace/kafka'
import { utf8 } from '@millrace/std'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ClassicGroup } from '../../src/groups/classic-group.ts'
import type { GroupShard } from '../../src/groups/group-shard.ts'
import type { JoinRequest, JoinResponse, MemberRequest, SyncResponse } from '../../src/groups/protocol.ts'
import { ConsumerClient } from './consumer-client.ts'
import { settings, ShardHarness, topicId } from './fixture.ts'

function classicGroups(shard: GroupShard): ClassicGroup[] {
  return [...shard.groups.values()].filter((group) => group instanceof ClassicGroup)
}

/** What must survive a restart. Groups of which nothing is durable are left out. */
function durableState(shard: GroupShard) {
  const groups = classicGroups(shard)
    .map(({ id, durable }) => ({
      id,
      durable,
      offsets: [...shard.committed.of(id)]
        .map(([topic, partitions]) => [topic, [...partitions].sort(([a], [b]) => a - b)] as const)
        .sort(),
    }))
    .filter(({ durable, offsets }) => durable !== null || offsets.length > 0)
  return groups.sort((a, b) => a.id.localeCompare(b.id))
}

type Step =
  | { do: 'join'; who: number; instance: boolean; protocols: string[]; session: number }
  | { do: 'sync' | 'heartbeat' | 'leave' | 'commit'; who: number }
  | { do: 'simpleCommit'; offset: number }
  | { do: 'delete' | 'expire' | 'forgetTopic' | 'everyoneJoins' | 'everyoneSyncs' }
  | { do: 'advance'; ms: number }

const who = fc.integer({ min: 0, max: 2 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      who,
      instance: fc.boolean(),
      protocols: fc.subarray(['range', 'sticky', 'robin'], { minLength: 1 }),
      session: fc.constantFrom(20, 50, 5),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('sync' as const, 'heartbeat' as const), who }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('everyoneJoins' as const, 'everyoneSyncs' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('leave' as const, 'commit' as const), who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('simpleCommit' as const), offset: fc.nat(100) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'expire' as const, 'forgetTopic' as const) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 15, 40, 6_000) }) },
)

/** Drives a group with members that behave as clients do, more or less. */
class Members {
  readonly harness: ShardHarness
  readonly #ids = ['', '', '']
  readonly #generations = [-1, -1, -1]
  /** Requests without an answer so far. */
  open = 0

  constructor(harness: ShardHarness) {
    this.harness = harness
  }

  take(step: Step): void {
    const { shard } = this.harness
    switch (step.do) {
      case 'join':
        return this.#join(step)
      case 'everyoneJoins':
        for (let i = 0; i < 3; i++) {
          this.#join({ do: 'join', who: i, instance: false, protocols: ['range'], session: 50 })
          if (this.#generations[i] === -1 && this.#ids[i] !== '')
            this.#join({ do: 'join', who: i, instance: false, protocols: ['range'], session: 50 })
        }
        return
      case 'everyoneSyncs':
        for (let i = 0; i < 3; i++) this.#sync(i)
        return
      case 'sync':
        return this.#sync(step.who)
      case 'heartbeat':
        shard.membership.heartbeat(this.#member(step.who))
        return
      case 'leave': {
        const { memberId } = this.#member(step.who)
        this.open++
        this.harness.run(() =>
          shard.membership.leave({ groupId: 'g', members: [{ memberId, groupInstanceId: null }] }, () => this.open--),
        )
        return
      }
      case 'commit':
        return this.#commit(this.#member(step.who), 1)
      case 'simpleCommit':
        return this.#commit({ groupId: 's', memberId: '', groupInstanceId: null, generationId: -1 }, step.offset)
      case 'delete':
        return this.harness.run(() => shard.offsets.deleteGroup('g').records)
      case 'expire':
        return this.harness.run(() => shard.offsets.expire())
      case 'forgetTopic':
        return this.harness.run(() => shard.offsets.forgetTopic('t', topicId))
      case 'advance':
        return this.harness.clock.advance(step.ms)
    }
  }

  #member(who: number) {
    return {
      groupId: 'g',
      memberId: this.#ids[who] as string,
      groupInstanceId: null,
      generationId: this.#generations[who] as number,
    }
  }

  #join({ who, instance, protocols, session }: Extract<Step, { do: 'join' }>): void {
    const request: JoinRequest = {
      groupId: 'g',
      memberId: this.#ids[who] as string,
      groupInstanceId: instance ? `i${who}` : null,
      clientId: `c${who}`,
      clientHost: '/here',
      sessionTimeoutMs: session,
      rebalanceTimeoutMs: 30,
      protocolType: 'consumer',
      protocols: protocols.map((name) => ({ name, metadata: utf8(`${name}${who}`) })),
      requiresMemberId: !instance,
      canSkipAssignment: true,
    }
    this.open++
    const reply = ({ error, memberId, generationId }: JoinResponse) => {
      this.open--
      if (error === 'UNKNOWN_MEMBER_ID' || error === 'FENCED_INSTANCE_ID') this.#ids[who] = ''
      else this.#ids[who] = memberId
      this.#generations[who] = generationId
    }
    this.harness.run(() => this.harness.shard.membership.join(request, reply))
  }

  #sync(who: number): void {
    this.open++
    const group = classicGroups(this.harness.shard).find(({ id }) => id === 'g')
    const assignments = [...(group?.members.keys() ?? [])].map((memberId) => ({
      memberId,
      assignment: utf8(`for ${memberId}`),
    }))
    const reply = (_response: SyncResponse) => void this.open--
    this.harness.run(() =>
      this.harness.shard.membership.sync(
        { ...this.#member(who), protocolType: null, protocolName: null, assignments },
        reply,
      ),
    )
  }

  #commit(member: MemberRequest, offset: number): void {
    this.harness.run(() => {
      const offsets = [{ topic: 't', partition: offset % 3, offset, leaderEpoch: -1, metadata: 'm', topicId }]
      const request = { ...member, retentionTimeMs: -1, version: 8, isTransactional: false, offsets }
      return this.harness.shard.offsets.commit(request).records
    })
  }
}

describe('GroupShard', () => {
  test('replaying the records of any run yields what is durable, and so does replaying its snapshot', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const harness = new ShardHarness()
        const members = new Members(harness)
        for (const each of steps) members.take(each)
        const expected = durableState(harness.shard)
        expect(durableState(harness.recovered())).toEqual(expected)
        expect(durableState(harness.fromSnapshot())).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  test('in any run: a stable group is as it is durable, and every request is answered in time', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const harness = new ShardHarness()
        const members = new Members(harness)
        for (const each of steps) {
          members.take(each)
          for (const group of classicGroups(harness.shard)) {
            // While members gather, one that has not come back does not count; a static one keeps its place all the same.
            const dynamic = [...group.members.values()].filter(({ groupInstanceId }) => groupInstanceId === null)
            if (group.state !== 'PreparingRebalance') expect(dynamic.length).toBeLessThanOrEqual(settings.maxSize)
            for (const [instance, memberId] of group.staticMembers) {
              expect(group.members.get(memberId)?.groupInstanceId).toBe(instance)
            }
            if (group.state === 'Empty') expect(group.members.size).toBe(0)
            if (group.state !== 'Stable') continue
            expect(group.leader === null || group.members.has(group.leader)).toBe(true)
            expect(group.durable?.members.map(({ memberId }) => memberId)).toEqual([...group.members.keys()])
            expect(group.durable?.generation).toBe(group.generation)
          }
        }
        // Whoever does not come any more is given up: then nobody waits for it.
        harness.clock.advance(1_000_000)
        expect(members.open).toBe(0)
      }),
      { numRuns: 500 },
    )
  })

  test('an empty group loses its offsets after the retention time, and then itself', () => {
    const harness = new ShardHarness()
    const members = new Members(harness)
    members.take({ do: 'simpleCommit', offset: 1 })
    harness.clock.advance(4_999)
    members.take({ do: 'expire' })
    expect(harness.shard.groups.size).toBe(1)
    harness.clock.advance(1)
    members.take({ do: 'expire' })
    expect(harness.shard.groups.size).toBe(0)
    expect(harness.recovered().groups.size).toBe(0)
  })

  test('with an initial delay, members that come soon share the first generation', () => {
    const harness = new ShardHarness({ initialRebalanceDelayMs: 100 })
    const joined: JoinResponse[] = []
    for (const name of ['a', 'b']) {
      harness.run(() =>
        harness.shard.membership.join(
          {
            groupId: 'g',
            memberId: '',
            groupInstanceId: name,
            clientId: name,
            clientHost: '/',
            sessionTimeoutMs: 10_000,
            rebalanceTimeoutMs: 10_000,
            protocolType: 'consumer',
            protocols: [{ name: 'range', metadata: new Uint8Array(0) }],
            requiresMemberId: true,
            canSkipAssignment: true,
          },
          (response) => joined.push(response),
        ),
      )
    }
    expect(joined).toEqual([])
    harness.clock.advance(200)
    expect(joined.map(({ generationId, error }) => [generationId, error])).toEqual([
      [1, 'NONE'],
      [1, 'NONE'],
    ])
  })

  test('offsets of topics that a consumer group is subscribed to do not expire, others do, and an empty group with them', () => {
    const harness = new ShardHarness()
    harness.topics.set('read', 1)
    const client = new ConsumerClient('a', { topics: ['read'] })
    client.join(harness)
    for (const topic of ['read', 'left']) {
      const value = {
        offset: 1,
        leaderEpoch: -1,
        metadata: '',
        commitTimestamp: harness.clock.now(),
        expireTimestamp: -1,
        topicId,
      }
      harness.run(() => [{ kind: 'offset', key: { group: 'g', topic, partition: 0 }, value }])
    }
    const topics = () => [...harness.shard.committed.of('g').keys()]
    harness.clock.advance(4_999)
    harness.run(() => harness.shard.offsets.expire())
    expect(topics()).toEqual(['read', 'left'])
    harness.clock.advance(1)
    harness.run(() => harness.shard.offsets.expire())
    expect(topics()).toEqual(['read'])
    client.leave(harness)
    harness.run(() => harness.shard.offsets.expire())
    expect(topics()).toEqual([])
    expect(harness.shard.groups.size).toBe(0)
    expect(harness.recovered().groups.size).toBe(0)
  })

  test('a classic group of consumers keeps the offsets of what it reads, and loses those of what it has left', () => {
    const harness = new ShardHarness()
    const metadata = encodeStruct(ConsumerProtocolSubscription, 1, { topics: ['t'], ownedPartitions: [] })
    const request = {
      groupId: 'g',
      memberId: '',
      groupInstanceId: 'i',
      clientId: 'c',
      clientHost: '/',
      sessionTimeoutMs: 50_000,
      rebalanceTimeoutMs: 50_000,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata }],
      requiresMemberId: true,
      canSkipAssignment: true,
    }
    const { membership, offsets, committed } = harness.shard
    let memberId = ''
    harness.run(() => membership.join(request, (response) => void (memberId = response.memberId)))
    const member = { groupId: 'g', memberId, groupInstanceId: 'i', generationId: 1 }
    harness.run(() => membership.sync({ ...member, protocolType: null, protocolName: null, assignments: [] }, () => {}))
    const committedOffsets = ['t', 'left'].map((topic) => ({
      topic,
      partition: 0,
      offset: 1,
      leaderEpoch: -1,
      metadata: '',
      topicId,
    }))
    const commit = { ...member, retentionTimeMs: -1, version: 8, isTransactional: false, offsets: committedOffsets }
    harness.run(() => offsets.commit(commit).records)
    harness.clock.advance(6_000)
    harness.run(() => offsets.expire())
    expect([...committed.of('g').keys()]).toEqual(['t'])
    const removed = offsets.deleteOffsets('g', [{ topic: 't', partition: 0 }])
    expect(removed.response).toEqual({ error: 'NONE', errors: ['GROUP_SUBSCRIBED_TO_TOPIC'] })
  })
})
