import {
  ConsumerGroupDescribe,
  ConsumerGroupHeartbeat,
  CreatePartitions,
  CreateTopics,
  DeleteGroups,
  DeleteTopics,
  DescribeGroups,
  ErrorCode,
  FindCoordinator,
  Heartbeat,
  JoinGroup,
  type JoinGroupRequestInput,
  LeaveGroup,
  ListGroups,
  OffsetCommit,
  OffsetFetch,
  SyncGroup,
} from '@millrace/kafka'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { utf8 } from '@millrace/std'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from '../../src/index.ts'
import { RawClient } from '../support/raw-client.ts'

let broker: Broker
let clients: RawClient[]

async function newClient(): Promise<RawClient> {
  const client = await RawClient.connect(broker)
  clients.push(client)
  return client
}

beforeEach(async () => {
  clients = []
  broker = await startBroker({ port: 0, data: 'memory', config: { 'group.min.session.timeout.ms': 10 } })
  const client = await newClient()
  await client.call(CreateTopics, 7, {
    topics: [{ name: 'lines', numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
  })
})

afterEach(async () => {
  for (const client of clients) client.close()
  await broker.close()
})

function joinRequest(options: Partial<JoinGroupRequestInput> = {}): JoinGroupRequestInput {
  return {
    groupId: 'readers',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: utf8('meta') }],
    ...options,
  }
}

/** Joins as a new dynamic member does: once for an id, once with it. */
async function joinGroup(client: RawClient, options: Partial<JoinGroupRequestInput> = {}) {
  const first = await client.call(JoinGroup, 9, joinRequest(options))
  if (first.errorCode !== ErrorCode.MEMBER_ID_REQUIRED) return first
  return client.call(JoinGroup, 9, joinRequest({ ...options, memberId: first.memberId }))
}

function sync(
  client: RawClient,
  member: { memberId: string; generationId: number },
  assignments: Record<string, string> = {},
) {
  return client.call(SyncGroup, 5, {
    groupId: 'readers',
    generationId: member.generationId,
    memberId: member.memberId,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: Object.entries(assignments).map(([memberId, text]) => ({ memberId, assignment: utf8(text) })),
  })
}

async function heartbeat(client: RawClient, { memberId, generationId }: { memberId: string; generationId: number }) {
  return (await client.call(Heartbeat, 4, { groupId: 'readers', memberId, generationId })).errorCode
}

describe('the classic group protocol', () => {
  test('one member joins, syncs, beats, leaves', async () => {
    const client = await newClient()
    const coordinator = await client.call(FindCoordinator, 4, { coordinatorKeys: ['readers'] })
    expect(coordinator.coordinators[0]).toMatchObject({ errorCode: 0, port: broker.port })
    const member = await joinGroup(client)
    expect(member).toMatchObject({ errorCode: 0, generationId: 1, protocolName: 'range', leader: member.memberId })
    expect(member.members.map(({ memberId }) => memberId)).toEqual([member.memberId])
    const synced = await sync(client, member, { [member.memberId]: 'all' })
    expect(Buffer.from(synced.assignment).toString()).toBe('all')
    expect(await heartbeat(client, member)).toBe(0)
    expect(await heartbeat(client, { ...member, generationId: 7 })).toBe(ErrorCode.ILLEGAL_GENERATION)
    expect(await heartbeat(client, { ...member, memberId: 'who' })).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
    const left = await client.call(LeaveGroup, 5, { groupId: 'readers', members: [{ memberId: member.memberId }] })
    expect(left.members[0]?.errorCode).toBe(0)
    expect(await heartbeat(client, member)).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
    const described = await client.call(DescribeGroups, 5, { groups: ['readers'] })
    expect(described.groups[0]?.groupState).toBe('Empty')
  })

  test('a second member makes the first join again; each gets what the leader says', async () => {
    const a = await newClient()
    const b = await newClient()
    const first = await joinGroup(a)
    await sync(a, first, { [first.memberId]: 'all' })
    const second = joinGroup(b)
    while ((await heartbeat(a, first)) !== ErrorCode.REBALANCE_IN_PROGRESS);
    const again = await a.call(JoinGroup, 9, joinRequest({ memberId: first.memberId }))
    const joined = await second
    expect(again.generationId).toBe(2)
    expect(joined).toMatchObject({ generationId: 2, leader: first.memberId, members: [] })
    expect(again.members).toHaveLength(2)
    // The follower waits for the leader's assignments.
    const followerSync = sync(b, joined)
    const leaderSync = await sync(a, again, { [first.memberId]: 'left', [joined.memberId]: 'right' })
    expect(Buffer.from(leaderSync.assignment).toString()).toBe('left')
    expect(Buffer.from((await followerSync).assignment).toString()).toBe('right')
    const described = await a.call(DescribeGroups, 5, { groups: ['readers'] })
    expect(described.groups[0]).toMatchObject({ groupState: 'Stable', protocolType: 'consumer', protocolData: 'range' })
    expect(described.groups[0]?.members).toHaveLength(2)
  })

  test('a static member that comes back takes its place without a rebalance; the old one is fenced', async () => {
    const a = await newClient()
    const b = await newClient()
    const leader = await joinGroup(a, { groupInstanceId: 'one' })
    expect(leader.errorCode).toBe(0)
    await sync(a, leader, { [leader.memberId]: 'kept' })
    const back = await joinGroup(b, { groupInstanceId: 'one' })
    expect(back).toMatchObject({ errorCode: 0, generationId: leader.generationId, skipAssignment: true })
    expect(back.memberId).not.toBe(leader.memberId)
    const synced = await sync(b, back)
    expect(Buffer.from(synced.assignment).toString()).toBe('kept')
    const fenced = await a.call(Heartbeat, 4, {
      groupId: 'readers',
      memberId: leader.memberId,
      groupInstanceId: 'one',
      generationId: leader.generationId,
    })
    expect(fenced.errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID)
  })

  test('a member without protocols in common is refused', async () => {
    const a = await newClient()
    await joinGroup(a)
    const b = await newClient()
    const other = await joinGroup(b, { protocols: [{ name: 'sticky', metadata: utf8('x') }] })
    expect(other.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    const type = await joinGroup(b, { protocolType: 'connect' })
    expect(type.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
  })

  test('old versions work as well: no member id first, one member to leave', async () => {
    const client = await newClient()
    const joined = await client.call(JoinGroup, 2, joinRequest())
    expect(joined).toMatchObject({ errorCode: 0, generationId: 1 })
    const left = await client.call(LeaveGroup, 1, { groupId: 'readers', memberId: joined.memberId })
    expect(left.errorCode).toBe(0)
  })

  test('a member whose session ends without a heartbeat is gone', async () => {
    const client = await newClient()
    const member = await joinGroup(client, { sessionTimeoutMs: 30 })
    await sync(client, member, {})
    for (;;) {
      const described = await client.call(DescribeGroups, 5, { groups: ['readers'] })
      if (described.groups[0]?.groupState === 'Empty') break
    }
    expect(await heartbeat(client, member)).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
  })
})

describe('a restart of the broker', () => {
  test('leaves a stable group as it was', async () => {
    const data = mkdtempSync(join(tmpdir(), 'millrace-groups-'))
    await broker.close()
    broker = await startBroker({ port: 0, data })
    const before = await newClient()
    const member = await joinGroup(before)
    await sync(before, member, { [member.memberId]: 'mine' })
    await broker.close()
    broker = await startBroker({ port: 0, data })
    const after = await newClient()
    expect(await heartbeat(after, member)).toBe(0)
    const synced = await sync(after, member)
    expect(Buffer.from(synced.assignment).toString()).toBe('mine')
    const { groups } = await after.call(DescribeGroups, 5, { groups: ['readers'] })
    expect(groups[0]).toMatchObject({ groupState: 'Stable', protocolData: 'range' })
    rmSync(data, { recursive: true })
  })
})

describe('offsets', () => {
  function commit(
    client: RawClient,
    groupId: string,
    offset: number,
    options: { memberId?: string; generation?: number; metadata?: string | null; topic?: string } = {},
  ) {
    const { memberId = '', generation = -1, metadata = null, topic = 'lines' } = options
    return client.call(OffsetCommit, 8, {
      groupId,
      memberId,
      generationIdOrMemberEpoch: generation,
      topics: [
        { name: topic, partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: metadata }] },
      ],
    })
  }

  async function fetchAll(client: RawClient, groupId: string) {
    const { groups } = await client.call(OffsetFetch, 8, { groups: [{ groupId, topics: null }] })
    return groups[0]?.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ committedOffset, metadata }) => ({ name, committedOffset, metadata })),
    )
  }

  test.each(['plain', '', 'a/b'])("of the group '%s' come back, with their metadata unchanged", async (groupId) => {
    const client = await newClient()
    const metadata = 'späte Grüße \u{1f980}'
    const committed = await commit(client, groupId, 42, { metadata })
    expect(committed.topics[0]?.partitions[0]?.errorCode).toBe(0)
    expect(await fetchAll(client, groupId)).toEqual([{ name: 'lines', committedOffset: 42, metadata }])
    const one = await client.call(OffsetFetch, 7, { groupId, topics: [{ name: 'lines', partitionIndexes: [0, 1] }] })
    expect(one.topics[0]?.partitions.map(({ committedOffset }) => committedOffset)).toEqual([42, -1])
  })

  test('of a group with members are committed by its members only', async () => {
    const client = await newClient()
    const member = await joinGroup(client)
    const early = await commit(client, 'readers', 1, { memberId: member.memberId, generation: 1 })
    expect(early.topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS)
    await sync(client, member, {})
    const cases = [
      [{}, ErrorCode.UNKNOWN_MEMBER_ID],
      [{ memberId: 'who', generation: 1 }, ErrorCode.UNKNOWN_MEMBER_ID],
      [{ memberId: member.memberId, generation: 2 }, ErrorCode.ILLEGAL_GENERATION],
      [{ memberId: member.memberId, generation: 1 }, ErrorCode.NONE],
    ] as const
    for (const [options, expected] of cases) {
      const answer = await commit(client, 'readers', 5, options)
      expect(answer.topics[0]?.partitions[0]?.errorCode).toBe(expected)
    }
  })

  test('a metadata string that is too long, or a topic that is not there, is refused', async () => {
    const client = await newClient()
    const long = await commit(client, 'g', 1, { metadata: 'x'.repeat(4_097) })
    expect(long.topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.OFFSET_METADATA_TOO_LARGE)
    const unknown = await commit(client, 'g', 1, { topic: 'nothing' })
    expect(unknown.topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  })

  test('go with their group, which is deleted only without members', async () => {
    const client = await newClient()
    await commit(client, 'simple', 3)
    const member = await joinGroup(client)
    const listed = await client.call(ListGroups, 5, { statesFilter: [], typesFilter: [] })
    expect(listed.groups.map(({ groupId }) => groupId).sort()).toEqual(['readers', 'simple'])
    const deleted = await client.call(DeleteGroups, 2, { groupsNames: ['simple', 'readers', 'nobody'] })
    expect(deleted.results.map(({ errorCode }) => errorCode)).toEqual([
      ErrorCode.NONE,
      ErrorCode.NON_EMPTY_GROUP,
      ErrorCode.GROUP_ID_NOT_FOUND,
    ])
    expect(await fetchAll(client, 'simple')).toEqual([])
    expect(member.errorCode).toBe(0)
  })

  test('of a topic that was deleted are not those of the next one of its name', async () => {
    const client = await newClient()
    await commit(client, 'readers', 7)
    await client.call(DeleteTopics, 6, { topics: [{ name: 'lines', topicId: new Uint8Array(16) }], timeoutMs: 5_000 })
    expect(await fetchAll(client, 'readers')).toEqual([])
    await client.call(CreateTopics, 7, {
      topics: [{ name: 'lines', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    })
    expect(await fetchAll(client, 'readers')).toEqual([])
    const { groups } = await client.call(OffsetFetch, 8, {
      groups: [{ groupId: 'readers', topics: [{ name: 'lines', partitionIndexes: [0] }] }],
    })
    expect(groups[0]?.topics[0]?.partitions[0]).toMatchObject({ committedOffset: -1, errorCode: 0 })
  })
})

describe('groups of both protocols', () => {
  const heartbeatOf = (memberEpoch: number) => ({
    groupId: 'new',
    memberId: 'm',
    memberEpoch,
    rebalanceTimeoutMs: 30_000,
    subscribedTopicNames: ['lines'],
    topicPartitions: [],
  })

  test('are listed by state and type, and survive a restart', async () => {
    const data = mkdtempSync(join(tmpdir(), 'millrace-groups-'))
    await broker.close()
    broker = await startBroker({ port: 0, data })
    const before = await newClient()
    await before.call(CreateTopics, 7, {
      topics: [{ name: 'lines', numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
    })
    const joined = await before.call(ConsumerGroupHeartbeat, 1, heartbeatOf(0))
    expect(joined).toMatchObject({ errorCode: 0, memberEpoch: 2, heartbeatIntervalMs: 5_000 })
    expect(joined.assignment?.topicPartitions[0]?.partitions).toEqual([0, 1])
    await joinGroup(before)
    const list = async (client: RawClient, statesFilter: string[], typesFilter: string[]) =>
      (await client.call(ListGroups, 5, { statesFilter, typesFilter })).groups.map(({ groupId }) => groupId)
    expect((await list(before, [], [])).sort()).toEqual(['new', 'readers'])
    expect(await list(before, [], ['Consumer'])).toEqual(['new'])
    expect(await list(before, [], ['classic'])).toEqual(['readers'])
    expect(await list(before, ['stable'], [])).toEqual(['new'])
    expect(await list(before, ['Stable'], ['classic'])).toEqual([])
    expect(await list(before, [], ['share'])).toEqual([])
    await broker.close()
    broker = await startBroker({ port: 0, data })
    const after = await newClient()
    const again = await after.call(ConsumerGroupHeartbeat, 1, { ...heartbeatOf(2), topicPartitions: [] })
    expect(again).toMatchObject({ errorCode: 0, memberEpoch: 2 })
    expect(again.assignment?.topicPartitions[0]?.partitions).toEqual([0, 1])
    const { groups } = await after.call(ConsumerGroupDescribe, 1, {
      groupIds: ['new'],
      includeAuthorizedOperations: true,
    })
    expect(groups[0]).toMatchObject({ groupState: 'Stable', groupEpoch: 2, assignorName: 'uniform' })
    await broker.close()
    broker = await startBroker({ port: 0, data: 'memory' })
    rmSync(data, { recursive: true })
  })

  test("a topic that grows is assigned with its reader's next heartbeat", async () => {
    const client = await newClient()
    const config = { 'group.consumer.assignment.interval.ms': 0 }
    await broker.close()
    broker = await startBroker({ port: 0, data: 'memory', config })
    const next = await newClient()
    client.close()
    await next.call(CreateTopics, 7, {
      topics: [{ name: 'lines', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    })
    await next.call(ConsumerGroupHeartbeat, 1, heartbeatOf(0))
    await next.call(CreatePartitions, 3, {
      topics: [{ name: 'lines', count: 3, assignments: null }],
      timeoutMs: 5_000,
      validateOnly: false,
    })
    const beat = { ...heartbeatOf(2), rebalanceTimeoutMs: -1, subscribedTopicNames: null, topicPartitions: null }
    const grown = await next.call(ConsumerGroupHeartbeat, 1, beat)
    expect(grown).toMatchObject({ errorCode: 0, memberEpoch: 3 })
    expect(grown.assignment?.topicPartitions[0]?.partitions).toEqual([0, 1, 2])
  })
})
