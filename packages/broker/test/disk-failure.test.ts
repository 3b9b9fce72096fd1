// What clients are told while the disk is full, and after a sync has failed.
import {
  CreatePartitions,
  CreateTopics,
  DeleteGroups,
  DeleteTopics,
  DescribeGroups,
  ErrorCode,
  Fetch,
  InitProducerId,
  JoinGroup,
  LeaveGroup,
  ListGroups,
  ListOffsets,
  Metadata,
  OffsetCommit,
  OffsetFetch,
  Produce,
  SyncGroup,
} from '@millrace/kafka'
import { seededRandom, systemClock, utf8 } from '@millrace/std'
import { SimulatedDisk } from '@millrace/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from '../src/index.ts'
import { batchOf, RawClient } from './support/raw-client.ts'

let disk: SimulatedDisk
let broker: Broker
let client: RawClient
let said: string[]

async function open(): Promise<void> {
  const keep = (message: string) => void said.push(message)
  broker = await startBroker({
    port: 0,
    data: '/data',
    system: { fileSystem: disk },
    config: { 'offsets.topic.num.partitions': 1 },
    logger: { info: () => {}, warn: keep, error: keep },
  })
  client = await RawClient.connect(broker)
}

async function close(): Promise<void> {
  client.close()
  await broker.close()
}

beforeEach(async () => {
  said = []
  disk = new SimulatedDisk({ clock: systemClock, random: seededRandom(3) })
  await open()
  expect(await create('t')).toBe(0)
  expect(await create('u')).toBe(0)
  expect(await produce('t', 'first')).toMatchObject({ errorCode: 0, baseOffset: 0 })
  expect(await commit(1)).toBe(0)
})
afterEach(close)

async function create(name: string) {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
  return (await client.call(CreateTopics, 7, { topics: [topic] })).topics[0]?.errorCode
}

async function produce(name: string, value: string, acks = -1, index = 0) {
  const topicData = [{ name, partitionData: [{ index, records: batchOf([value]) }] }]
  const { responses } = await client.call(Produce, 9, { acks, timeoutMs: 0, topicData })
  return responses[0]?.partitionResponses[0]
}

async function commit(committedOffset: number) {
  const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: '' }]
  const answer = await client.call(OffsetCommit, 8, { groupId: 'g', memberId: '', topics: [{ name: 't', partitions }] })
  return answer.topics[0]?.partitions[0]?.errorCode
}

async function committed() {
  const { groups } = await client.call(OffsetFetch, 8, { groups: [{ groupId: 'g', topics: null }] })
  return groups[0]?.errorCode || groups[0]?.topics[0]?.partitions[0]?.committedOffset
}

async function grow(name: string, count: number) {
  const topics = [{ name, count, assignments: null }]
  const { results } = await client.call(CreatePartitions, 3, { topics, timeoutMs: 0, validateOnly: false })
  return results[0]?.errorCode
}

async function end(topic: string) {
  const partitions = [{ partitionIndex: 0, timestamp: -1 }]
  const { topics } = await client.call(ListOffsets, 7, { replicaId: -1, topics: [{ name: topic, partitions }] })
  return topics[0]?.partitions[0]?.offset
}

const joinRequest = {
  groupId: 'members',
  sessionTimeoutMs: 30_000,
  rebalanceTimeoutMs: 30_000,
  memberId: '',
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: utf8('m') }],
}

describe('a full disk', () => {
  beforeEach(() => {
    disk.capacity = disk.usedBytes
  })

  test('refuses what would be written, says so, answers the rest, and goes on when there is room', async () => {
    expect((await produce('t', 'second'))?.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect((await produce('t', 'second', 1))?.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(await commit(2)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    expect(await create('more')).not.toBe(ErrorCode.NONE)
    const deleted = await client.call(DeleteTopics, 5, { topicNames: ['u'], timeoutMs: 100 })
    expect(deleted.responses[0]?.errorCode).not.toBe(ErrorCode.NONE)
    expect(await end('t')).toBe(1)
    expect(await committed()).toBe(1)
    expect(said.join('\n')).toContain('the disk is full')
    const listed = async () => (await client.call(Metadata, 9, { topics: null })).topics.map(({ name }) => name).sort()
    expect(await listed()).toEqual(['__consumer_offsets', 't', 'u'])

    disk.capacity = Number.POSITIVE_INFINITY
    expect(await produce('t', 'second')).toMatchObject({ errorCode: 0, baseOffset: 1 })
    expect(await commit(2)).toBe(0)
    expect(await create('more')).toBe(0)
    await close()
    disk.restart()
    await open()
    expect(await end('t')).toBe(2)
    expect(await committed()).toBe(2)
    expect(await listed()).toEqual(['__consumer_offsets', 'more', 't', 'u'])
  })

  test.each(Array.from({ length: 30 }, (_, i) => i * 41))(
    'with room for %d bytes: what is begun is brought to its end when there is more',
    async (room) => {
      disk.capacity = disk.usedBytes + room
      expect([ErrorCode.NONE, ErrorCode.KAFKA_STORAGE_ERROR]).toContain(await create('more'))
      expect([ErrorCode.NONE, ErrorCode.COORDINATOR_NOT_AVAILABLE]).toContain(await commit(2))
      expect([ErrorCode.NONE, ErrorCode.KAFKA_STORAGE_ERROR]).toContain(await grow('t', 4))
      disk.capacity = Number.POSITIVE_INFINITY
      expect([ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS]).toContain(await create('more'))
      expect([ErrorCode.NONE, ErrorCode.INVALID_PARTITIONS]).toContain(await grow('t', 4))
      const works = async () => {
        expect((await produce('more', 'x'))?.errorCode).toBe(0)
        expect((await produce('t', 'x', -1, 3))?.errorCode).toBe(0)
        expect(await commit(3)).toBe(0)
      }
      await works()
      await close()
      disk.restart()
      said = []
      await open()
      await works()
      expect(said).toEqual([])
    },
  )

  test('a topic that fits into the metadata is there; its partitions get their folders when there is room', async () => {
    let name = ''
    for (let room = 100, before = disk.usedBytes; disk.usedBytes === before; room += 20) {
      disk.capacity = before + room
      name = `with-${room}`
      await create(name)
    }
    disk.capacity = disk.usedBytes
    expect(await create(name)).toBe(ErrorCode.TOPIC_ALREADY_EXISTS)
    expect((await produce(name, 'x'))?.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(await end(name)).toBe(0)
    expect(said.join('\n')).toContain('the disk is full')
    disk.capacity = Number.POSITIVE_INFINITY
    expect(await produce(name, 'x')).toMatchObject({ errorCode: 0, baseOffset: 0 })
  })

  const join = async () => {
    const { memberId } = await client.call(JoinGroup, 9, joinRequest)
    const { errorCode, generationId } = await client.call(JoinGroup, 9, { ...joinRequest, memberId })
    expect(errorCode).toBe(0)
    return { groupId: 'members', memberId, generationId }
  }
  const listed = async () => (await client.call(ListGroups, 5, {})).groups.map(({ groupId }) => groupId)

  test('lets no group begin, as in Apache Kafka, and leaves nothing of it', async () => {
    for (let i = 0; i < 3; i++) {
      const refused = await client.call(JoinGroup, 9, joinRequest)
      expect(refused.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE)
      expect(await listed()).toEqual(['g'])
    }
    disk.capacity = Number.POSITIVE_INFINITY
    await join()
    expect(await listed()).toEqual(['g', 'members'])
  })

  test('holds up a group, which goes on when there is room', async () => {
    disk.capacity = Number.POSITIVE_INFINITY
    const { groupId, memberId, generationId } = await join()
    disk.capacity = disk.usedBytes
    const sync = () =>
      client.call(SyncGroup, 5, {
        groupId,
        generationId,
        memberId,
        assignments: [{ memberId, assignment: utf8('all') }],
      })
    expect((await sync()).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    disk.capacity = Number.POSITIVE_INFINITY
    expect(await sync()).toMatchObject({ errorCode: 0 })
  })

  test('does not keep a group from becoming empty when its last member leaves', async () => {
    disk.capacity = Number.POSITIVE_INFINITY
    const member = await join()
    const { memberId } = member
    const assignments = [{ memberId, assignment: utf8('all') }]
    expect((await client.call(SyncGroup, 5, { ...member, assignments })).errorCode).toBe(0)
    disk.capacity = disk.usedBytes
    const leave = { groupId: 'members', members: [{ memberId }] }
    expect((await client.call(LeaveGroup, 5, leave)).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    disk.capacity = Number.POSITIVE_INFINITY
    const state = async () => (await client.call(DescribeGroups, 5, { groups: ['members'] })).groups[0]?.groupState
    await expect.poll(state, { timeout: 10_000 }).toBe('Empty')
    const deleted = await client.call(DeleteGroups, 2, { groupsNames: ['members'] })
    expect(deleted.results[0]?.errorCode).toBe(0)
  })
})

describe('after a sync that failed', () => {
  test('a partition acknowledges nothing any more, shows nothing of it, and others go on', async () => {
    disk.failNext('sync')
    expect((await produce('t', 'lost'))?.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    for (const acks of [-1, 1])
      expect((await produce('t', 'next', acks))?.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(await produce('u', 'fine')).toMatchObject({ errorCode: 0, baseOffset: 0 })
    expect(said.join('\n')).toContain('/data/t-0 takes no more writes')
    const topics = [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }] }]
    const fetched = await client.call(Fetch, 12, { maxWaitMs: 0, minBytes: 1, topics, forgottenTopicsData: [] })
    const partition = fetched.responses[0]?.partitions[0]
    expect([ErrorCode.NONE, ErrorCode.KAFKA_STORAGE_ERROR]).toContain(partition?.errorCode)
    expect(partition?.highWatermark).toBeLessThanOrEqual(1)
    await close()
    disk.restart()
    await open()
    expect(await end('t')).toBeGreaterThanOrEqual(1)
    expect((await produce('t', 'again'))?.errorCode).toBe(0)
  })

  test('of the offsets, none is acknowledged any more until the restart', async () => {
    disk.failNext('sync')
    expect(await commit(2)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    expect(await commit(3)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    expect(await produce('t', 'fine')).toMatchObject({ errorCode: 0, baseOffset: 1 })
    await close()
    disk.restart()
    await open()
    expect(await committed()).toBeGreaterThanOrEqual(1)
    expect(await commit(4)).toBe(0)
    expect(await committed()).toBe(4)
  })

  test('of the metadata, no topic and no block of producer ids is promised', async () => {
    disk.failNext('sync')
    expect(await create('promised')).not.toBe(0)
    expect(await create('promised-too')).not.toBe(0)
    const init = { transactionalId: null, transactionTimeoutMs: 0 }
    expect((await client.call(InitProducerId, 4, init)).errorCode).not.toBe(0)
    expect(await produce('t', 'fine')).toMatchObject({ errorCode: 0, baseOffset: 1 })
    await close()
    disk.restart()
    await open()
    expect(await create('later')).toBe(0)
    expect((await client.call(InitProducerId, 4, init)).errorCode).toBe(0)
  })
})
