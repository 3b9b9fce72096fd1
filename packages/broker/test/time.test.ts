// What a broker does as time passes, over sockets, with a clock that the test moves.
import {
  CreateTopics,
  DescribeGroups,
  ErrorCode,
  Fetch,
  type FetchRequestInput,
  Heartbeat,
  JoinGroup,
  ListOffsets,
  OffsetCommit,
  OffsetFetch,
  Produce,
  SyncGroup,
} from '@millrace/kafka'
import { MemoryFileSystem, systemTimers, type Timers, utf8 } from '@millrace/std'
import { ManualClock } from '@millrace/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from '../src/index.ts'
import { batchOf, RawClient } from './support/raw-client.ts'

const start = 1_700_000_000_000
const minute = 60_000
let clock: ManualClock
let fileSystem: MemoryFileSystem
let broker: Broker
let client: RawClient

beforeEach(async () => {
  clock = new ManualClock({ now: start })
  fileSystem = new MemoryFileSystem({ clock })
  // Sockets live in real time: what is to happen at once does, what is to wait waits for the test.
  const timers: Timers = {
    schedule: (delayMs, callback) => clock.schedule(delayMs, callback),
    scheduleBackground: (delayMs, callback) => clock.scheduleBackground(delayMs, callback),
    immediate: (callback) => systemTimers.immediate(callback),
    cancel: (handle) => {
      clock.cancel(handle)
      systemTimers.cancel(handle)
    },
  }
  broker = await startBroker({
    port: 0,
    data: '/data',
    system: { clock, timers, fileSystem },
    config: {
      'log.retention.check.interval.ms': minute,
      'offsets.retention.minutes': 60,
      'connections.max.idle.ms': -1,
    },
  })
  client = await RawClient.connect(broker)
})
afterEach(async () => {
  client.close()
  const closing = broker.close()
  // Clients get a moment for their last answers.
  await clock.advanceAsync(1_000)
  await closing
})

async function create(configs: Record<string, string>): Promise<void> {
  const given = Object.entries(configs).map(([name, value]) => ({ name, value }))
  const topic = { name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: given }
  expect((await client.call(CreateTopics, 7, { topics: [topic] })).topics[0]?.errorCode).toBe(0)
}

async function produce(value: string): Promise<number> {
  const topicData = [{ name: 't', partitionData: [{ index: 0, records: batchOf([value], clock.now()) }] }]
  const { responses } = await client.call(Produce, 9, { acks: -1, timeoutMs: 0, topicData })
  expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(0)
  return responses[0]?.partitionResponses[0]?.baseOffset as number
}

async function offsetAt(timestamp: number): Promise<number | undefined> {
  const topics = [{ name: 't', partitions: [{ partitionIndex: 0, timestamp }] }]
  return (await client.call(ListOffsets, 7, { replicaId: -1, topics })).topics[0]?.partitions[0]?.offset
}

async function fetch(fetchOffset: number, options: Partial<FetchRequestInput> = {}, from = client) {
  const topics = [{ topic: 't', partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 100_000 }] }]
  const request = { maxWaitMs: 0, minBytes: 1, topics, forgottenTopicsData: [], ...options }
  return (await from.call(Fetch, 12, request)).responses[0]?.partitions[0]
}

const logFiles = () => fileSystem.list('/data/t-0').filter((name) => name.includes('.log'))

describe('retention', () => {
  test('by time: whole segments go when their newest record is too old, files a little later', async () => {
    await create({ 'retention.ms': `${10 * minute}`, 'segment.ms': `${4 * minute}`, 'file.delete.delay.ms': '30000' })
    for (let i = 0; i < 10; i++) {
      expect(await produce(`${i}`)).toBe(i)
      await clock.advanceAsync(minute)
    }
    expect(await offsetAt(-2)).toBe(0)
    const segments = logFiles().length
    expect(segments).toBeGreaterThan(1)
    await clock.advanceAsync(5 * minute)
    const first = (await offsetAt(-2)) as number
    expect(first).toBeGreaterThan(0)
    expect(first).toBeLessThan(10)
    expect((await fetch(first - 1))?.errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    expect(await fetch(first)).toMatchObject({ errorCode: 0, logStartOffset: first, highWatermark: 10 })
    await clock.advanceAsync(30_000)
    expect(logFiles().length).toBeLessThan(segments)
    // All is too old in the end; offsets go on.
    await clock.advanceAsync(20 * minute)
    expect([await offsetAt(-2), await offsetAt(-1), await offsetAt(0)]).toEqual([10, 10, -1])
    expect(await produce('after')).toBe(10)
  })

  test('by size: the oldest segments go while more than retention.bytes is left', async () => {
    await create({ 'segment.bytes': '1024', 'retention.bytes': '3000', 'file.delete.delay.ms': '0' })
    for (let i = 0; i < 20; i++) await produce('x'.repeat(400))
    await clock.advanceAsync(minute)
    const first = (await offsetAt(-2)) as number
    const kept = fileSystem.list('/data/t-0').filter((name) => name.endsWith('.log'))
    const bytes = kept.reduce((sum, name) => sum + (fileSystem.stat(`/data/t-0/${name}`)?.size ?? 0), 0)
    expect(first).toBeGreaterThan(0)
    expect(bytes).toBeGreaterThanOrEqual(3_000)
    expect(bytes).toBeLessThan(3_000 + 1_024)
    expect(await fetch(first)).toMatchObject({ errorCode: 0, logStartOffset: first })
  })
})

describe('a fetch that waits', () => {
  test('is answered when its time is over, with what there is', async () => {
    await create({})
    await produce('x')
    let answer: Awaited<ReturnType<typeof fetch>> | undefined
    const waiter = await RawClient.connect(broker)
    const waiting = fetch(0, { maxWaitMs: 500, minBytes: 10_000 }, waiter).then((partition) => {
      answer = partition
    })
    // It waits: it has come before the answer to what was asked later on another connection.
    await produce('y')
    await clock.advanceAsync(499)
    expect(await offsetAt(-1)).toBe(2)
    expect(answer).toBeUndefined()
    await clock.advanceAsync(1)
    await waiting
    expect(answer).toMatchObject({ errorCode: 0, highWatermark: 2 })
    expect(answer?.records?.byteLength).toBeGreaterThan(0)
    waiter.close()
  })
})

describe('groups', () => {
  const request = {
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: utf8('m') }],
  }

  async function join() {
    const { memberId } = await client.call(JoinGroup, 9, request)
    const joined = await client.call(JoinGroup, 9, { ...request, memberId })
    expect(joined.errorCode).toBe(0)
    const assignments = [{ memberId, assignment: utf8('all') }]
    const { generationId } = joined
    const synced = await client.call(SyncGroup, 5, { groupId: 'g', generationId, memberId, assignments })
    expect(synced.errorCode).toBe(0)
    return { groupId: 'g', memberId, generationId }
  }

  const stateOf = async () => (await client.call(DescribeGroups, 5, { groups: ['g'] })).groups[0]?.groupState

  test('keep a member while it beats, and lose it when its session is over', async () => {
    const member = await join()
    for (let i = 0; i < 5; i++) {
      await clock.advanceAsync(9_000)
      expect((await client.call(Heartbeat, 4, member)).errorCode).toBe(0)
    }
    await clock.advanceAsync(10_000)
    expect((await client.call(Heartbeat, 4, member)).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
    expect(await stateOf()).toBe('Empty')
  })

  test('keep their offsets while they have members and for the retention time after that', async () => {
    await create({})
    const member = await join()
    const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: '' }]
    const { memberId, generationId } = member
    const commit = {
      groupId: 'g',
      memberId,
      generationIdOrMemberEpoch: generationId,
      topics: [{ name: 't', partitions }],
    }
    expect((await client.call(OffsetCommit, 8, commit)).topics[0]?.partitions[0]?.errorCode).toBe(0)
    const committed = async () => {
      const { groups } = await client.call(OffsetFetch, 8, { groups: [{ groupId: 'g', topics: null }] })
      return groups[0]?.topics[0]?.partitions[0]?.committedOffset
    }
    for (let i = 0; i < 30; i++) {
      await clock.advanceAsync(9_000)
      await client.call(Heartbeat, 4, member)
    }
    await clock.advanceAsync(50 * minute)
    expect(await stateOf()).toBe('Empty')
    expect(await committed()).toBe(7)
    await clock.advanceAsync(25 * minute)
    expect(await committed()).toBeUndefined()
    expect(await stateOf()).toBe('Dead')
  })
})
