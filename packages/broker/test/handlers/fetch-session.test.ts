import { CreateTopics, ErrorCode, Fetch, type FetchRequestInput, Metadata, Produce } from '@millrace/kafka'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from '../../src/index.ts'
import { batchOf, RawClient } from '../support/raw-client.ts'

let broker: Broker
let client: RawClient
let topicId: Uint8Array

async function start(slots: number): Promise<void> {
  broker = await startBroker({
    port: 0,
    data: 'memory',
    config: { 'max.incremental.fetch.session.cache.slots': slots },
  })
  client = await RawClient.connect(broker)
  const topics = [{ name: 't', numPartitions: 3, replicationFactor: 1, assignments: [], configs: [] }]
  await client.call(CreateTopics, 7, { topics })
  const metadata = await client.call(Metadata, 12, { topics: [{ name: 't' }] })
  topicId = metadata.topics[0]?.topicId as Uint8Array
}

beforeEach(() => start(10))
afterEach(async () => {
  client.close()
  await broker.close()
})

const at = (partition: number, fetchOffset = 0) => ({ partition, fetchOffset, partitionMaxBytes: 100_000 })

/** Asks in version 12 (by name) and answers which partitions came back, with their errors. */
async function fetch(
  sessionId: number,
  sessionEpoch: number,
  partitions: ReturnType<typeof at>[],
  options: Partial<FetchRequestInput> = {},
) {
  const topics = partitions.length > 0 ? [{ topic: 't', partitions }] : []
  const body = { maxWaitMs: 0, minBytes: 1, sessionId, sessionEpoch, topics, forgottenTopicsData: [], ...options }
  const answer = await client.call(Fetch, 12, body)
  return {
    errorCode: answer.errorCode,
    sessionId: answer.sessionId,
    partitions: answer.responses.flatMap((topic) => topic.partitions.map(({ partitionIndex }) => partitionIndex)),
  }
}

function produce(partition: number) {
  return client.call(Produce, 9, {
    acks: -1,
    timeoutMs: 0,
    topicData: [{ name: 't', partitionData: [{ index: partition, records: batchOf(['x']) }] }],
  })
}

describe('fetch sessions', () => {
  test('tell everything once and then what has changed', async () => {
    const first = await fetch(0, 0, [at(0), at(1), at(2)])
    expect(first).toMatchObject({ errorCode: 0, partitions: [0, 1, 2] })
    expect(first.sessionId).toBeGreaterThan(0)
    const id = first.sessionId
    expect(await fetch(id, 1, [])).toEqual({ errorCode: 0, sessionId: id, partitions: [] })
    await produce(1)
    expect((await fetch(id, 2, [])).partitions).toEqual([1])
    // The records are still to come until the client says that it has them.
    expect((await fetch(id, 3, [])).partitions).toEqual([1])
    expect((await fetch(id, 4, [at(1, 1)])).partitions).toEqual([])
  })

  test('read first what was not answered with records the last time', async () => {
    const { sessionId } = await fetch(0, 0, [at(0), at(1)])
    await produce(0)
    await produce(1)
    // At least one batch, and no more than that.
    expect((await fetch(sessionId, 1, [], { maxBytes: 1 })).partitions).toContain(0)
    const answer = await client.call(Fetch, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1,
      sessionId,
      sessionEpoch: 2,
      topics: [],
      forgottenTopicsData: [],
    })
    const withRecords = answer.responses[0]?.partitions.filter(({ records }) => (records?.byteLength ?? 0) > 0)
    expect(withRecords?.map(({ partitionIndex }) => partitionIndex)).toEqual([1])
  })

  test('forget partitions and take new ones', async () => {
    const { sessionId } = await fetch(0, 0, [at(0)])
    await produce(0)
    await produce(2)
    const forgottenTopicsData = [{ topic: 't', partitions: [0] }]
    expect((await fetch(sessionId, 1, [at(2)], { forgottenTopicsData })).partitions).toEqual([2])
  })

  test('wait for partitions that only the session knows', async () => {
    const { sessionId } = await fetch(0, 0, [at(0), at(1)])
    const waiting = fetch(sessionId, 1, [], { maxWaitMs: 30_000 })
    const other = await RawClient.connect(broker)
    const own = client
    client = other
    await produce(1)
    client = own
    expect((await waiting).partitions).toEqual([1])
    other.close()
  })

  test('refuse a wrong epoch, an unknown id and names in place of ids', async () => {
    const { sessionId } = await fetch(0, 0, [at(0)])
    expect((await fetch(sessionId, 5, [])).errorCode).toBe(ErrorCode.INVALID_FETCH_SESSION_EPOCH)
    expect((await fetch(sessionId + 1, 1, [])).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
    const byId = { maxWaitMs: 0, minBytes: 1, sessionId, sessionEpoch: 1, forgottenTopicsData: [] }
    const answer = await client.call(Fetch, 13, { ...byId, topics: [{ topicId, partitions: [at(0)] }] })
    expect(answer.errorCode).toBe(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR)
  })

  test('end with the last epoch', async () => {
    const { sessionId } = await fetch(0, 0, [at(0)])
    expect(await fetch(sessionId, -1, [at(0)])).toEqual({ errorCode: 0, sessionId: 0, partitions: [0] })
    expect((await fetch(sessionId, 1, [])).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
  })

  test('are not kept when there is no room: id 0 tells the client so', async () => {
    await broker.close()
    await start(1)
    expect((await fetch(0, 0, [at(0)])).sessionId).toBeGreaterThan(0)
    expect(await fetch(0, 0, [at(0)])).toEqual({ errorCode: 0, sessionId: 0, partitions: [0] })
  })
})
