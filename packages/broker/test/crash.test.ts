import {
  CreatePartitions,
  CreateTopics,
  DeleteTopics,
  ErrorCode,
  Fetch,
  InitProducerId,
  Metadata,
  OffsetCommit,
  OffsetFetch,
  Produce,
} from '@millrace/kafka'
import { seededRandom, systemClock } from '@millrace/std'
import { SimulatedDisk } from '@millrace/testing'
import { describe, expect, test } from 'vitest'
import { type Broker, startBroker } from '../src/index.ts'
import { batchOf, RawClient } from './support/raw-client.ts'

/** What the broker has acknowledged, and what it was asked for without an answer. */
interface Told {
  topics: Map<string, { partitions: number; isAsked: boolean }>
  gone: Set<string>
  records: number
  committed: number
  producerId: number
}

function nothingTold(): Told {
  return { topics: new Map(), gone: new Set(), records: 0, committed: -1, producerId: -1 }
}

function newTopic(name: string, numPartitions: number) {
  return { topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }] }
}

/** Everything that is durable, step by step. A request without an answer, or with an error, ends it. */
async function live(client: RawClient, told: Told): Promise<void> {
  const expectOk = (errorCode: number | undefined) => {
    if (errorCode !== ErrorCode.NONE) throw new Error(`error ${errorCode}`)
  }
  for (const name of ['a', 'b', 'c']) {
    told.topics.set(name, { partitions: 2, isAsked: true })
    expectOk((await client.call(CreateTopics, 7, newTopic(name, 2))).topics[0]?.errorCode)
    told.topics.set(name, { partitions: 2, isAsked: false })
    const sent = await client.call(Produce, 9, {
      acks: -1,
      timeoutMs: 0,
      topicData: [{ name: 'a', partitionData: [{ index: 1, records: batchOf([name]) }] }],
    })
    expectOk(sent.responses[0]?.partitionResponses[0]?.errorCode)
    told.records++
    const offset = told.committed + 1
    const committed = await client.call(OffsetCommit, 8, {
      groupId: 'g',
      memberId: '',
      topics: [{ name: 'a', partitions: [{ partitionIndex: 1, committedOffset: offset, committedMetadata: name }] }],
    })
    expectOk(committed.topics[0]?.partitions[0]?.errorCode)
    told.committed = offset
  }
  const { producerId, errorCode } = await client.call(InitProducerId, 4, {
    transactionalId: null,
    transactionTimeoutMs: 0,
  })
  expectOk(errorCode)
  told.producerId = producerId
  told.topics.set('b', { partitions: 2, isAsked: true })
  const grown = await client.call(CreatePartitions, 3, {
    topics: [{ name: 'b', count: 3, assignments: null }],
    timeoutMs: 0,
    validateOnly: false,
  })
  expectOk(grown.results[0]?.errorCode)
  told.topics.set('b', { partitions: 3, isAsked: false })
  told.topics.set('c', { partitions: 2, isAsked: true })
  expectOk((await client.call(DeleteTopics, 5, { topicNames: ['c'], timeoutMs: 0 })).responses[0]?.errorCode)
  told.topics.delete('c')
  told.gone.add('c')
}

async function check(client: RawClient, told: Told): Promise<void> {
  const { topics } = await client.call(Metadata, 9, { topics: null })
  const found = new Map(topics.map(({ name, partitions }) => [name as string, partitions.length]))
  for (const [name, { partitions, isAsked }] of told.topics) {
    if (!isAsked) expect(found.get(name)).toBe(partitions)
  }
  for (const name of told.gone) expect(found.has(name)).toBe(false)
  if (told.records > 0) {
    const fetched = await client.call(Fetch, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topic: 'a', partitions: [{ partition: 1, fetchOffset: 0, partitionMaxBytes: 100_000 }] }],
      forgottenTopicsData: [],
    })
    expect(fetched.responses[0]?.partitions[0]?.highWatermark).toBeGreaterThanOrEqual(told.records)
  }
  const { groups } = await client.call(OffsetFetch, 8, { groups: [{ groupId: 'g', topics: null }] })
  const committed = groups[0]?.topics[0]?.partitions[0]?.committedOffset ?? -1
  expect(committed).toBeGreaterThanOrEqual(told.committed)
  // What survives is usable: the next id was never given out.
  const next = await client.call(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 })
  expect(next.errorCode).toBe(0)
  expect(next.producerId).toBeGreaterThan(told.producerId)
}

async function run(disk: SimulatedDisk, work: (client: RawClient) => Promise<void>): Promise<void> {
  const config = { 'offsets.topic.num.partitions': 1 }
  const broker: Broker = await startBroker({ port: 0, data: '/data', config, system: { fileSystem: disk } })
  const client = await RawClient.connect(broker)
  try {
    await work(client)
  } finally {
    client.close()
    await broker.close().catch(() => {})
  }
}

describe('a broker whose machine loses power', () => {
  test('at any operation of the disk has what it acknowledged when it is back', async () => {
    const whole = new SimulatedDisk({ clock: systemClock, random: seededRandom(0) })
    const all = nothingTold()
    await run(whole, (client) => live(client, all))
    await run(whole, (client) => check(client, all))
    expect(all.records).toBe(3)
    for (let n = 1; n < whole.operations; n += 1 + (n % 3)) {
      const disk = new SimulatedDisk({ clock: systemClock, random: seededRandom(n) })
      const told = nothingTold()
      disk.crashAfter(n)
      await run(disk, (client) => live(client, told)).catch(() => {})
      disk.restart()
      await run(disk, (client) => check(client, told)).catch((cause: unknown) => {
        throw new Error(`after a crash at operation ${n}`, { cause })
      })
    }
  })
})
