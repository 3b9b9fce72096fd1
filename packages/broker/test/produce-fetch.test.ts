import {
  CreateTopics,
  ErrorCode,
  Fetch,
  type FetchRequestInput,
  iterateRecords,
  ListOffsets,
  Metadata,
  Produce,
} from '@millrace/kafka'
import { bytesToString } from '@millrace/std'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from '../src/index.ts'
import { batchOf, RawClient } from './support/raw-client.ts'

let broker: Broker
let client: RawClient

beforeEach(async () => {
  broker = await startBroker({ port: 0, data: 'memory' })
  client = await RawClient.connect(broker)
  await client.call(CreateTopics, 7, {
    topics: [{ name: 'lines', numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
  })
})

afterEach(async () => {
  client.close()
  await broker.close()
})

function produceTo(topic: string, partition: number, records: Uint8Array, acks = -1) {
  return { acks, timeoutMs: 1_000, topicData: [{ name: topic, partitionData: [{ index: partition, records }] }] }
}

function fetchFrom(topic: string, partition: number, fetchOffset: number, options: Partial<FetchRequestInput> = {}) {
  return {
    maxWaitMs: 0,
    minBytes: 1,
    topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: 1_048_576 }] }],
    forgottenTopicsData: [],
    ...options,
  }
}

function valuesOf(records: Uint8Array | null | undefined): string[] {
  return records ? [...iterateRecords(records)].map(({ value }) => bytesToString(value as Uint8Array)) : []
}

describe('produce and fetch', () => {
  test.each([3, 7, 9, 12])('version %d brings back what was sent', async (version) => {
    const sent = await client.call(Produce, version, produceTo('lines', 1, batchOf(['a', 'b', 'c'])))
    expect(sent.responses[0]?.partitionResponses[0]).toMatchObject({ index: 1, errorCode: 0, baseOffset: 0 })
    const again = await client.call(Produce, version, produceTo('lines', 1, batchOf(['d'])))
    expect(again.responses[0]?.partitionResponses[0]?.baseOffset).toBe(3)
    const fetched = await client.call(Fetch, Math.min(version + 1, 12), fetchFrom('lines', 1, 0))
    const partition = fetched.responses[0]?.partitions[0]
    expect(partition).toMatchObject({ errorCode: 0, highWatermark: 4, lastStableOffset: 4 })
    expect(valuesOf(partition?.records)).toEqual(['a', 'b', 'c', 'd'])
  })

  test('topics go by their ids from Produce 13 and Fetch 13 on', async () => {
    const metadata = await client.call(Metadata, 12, { topics: [{ name: 'lines' }] })
    const topicId = metadata.topics[0]?.topicId as Uint8Array
    await client.call(Produce, 13, {
      acks: 1,
      timeoutMs: 0,
      topicData: [{ topicId, partitionData: [{ index: 0, records: batchOf(['x']) }] }],
    })
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }]
    const fetched = await client.call(Fetch, 18, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topicId, partitions }],
      forgottenTopicsData: [],
    })
    expect(valuesOf(fetched.responses[0]?.partitions[0]?.records)).toEqual(['x'])
    const unknown = await client.call(Fetch, 18, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topicId: new Uint8Array(16).fill(9), partitions }],
      forgottenTopicsData: [],
    })
    expect(unknown.responses[0]?.partitions[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID)
  })

  test('a waiting fetch is answered by the next produce', async () => {
    const waiting = client.call(Fetch, 12, fetchFrom('lines', 0, 0, { maxWaitMs: 20_000 }))
    const producer = await RawClient.connect(broker)
    await producer.call(Produce, 9, produceTo('lines', 0, batchOf(['late'])))
    expect(valuesOf((await waiting).responses[0]?.partitions[0]?.records)).toEqual(['late'])
    producer.close()
  })

  test('a waiting fetch ends with its time, without records', async () => {
    const fetched = await client.call(Fetch, 12, fetchFrom('lines', 0, 0, { maxWaitMs: 20 }))
    expect(fetched.responses[0]?.partitions[0]?.errorCode).toBe(0)
    expect(fetched.responses[0]?.partitions[0]?.records?.byteLength).toBe(0)
  })

  test('a fetch waits until there are enough bytes', async () => {
    const batch = batchOf(['0123456789'])
    const waiting = client.call(
      Fetch,
      12,
      fetchFrom('lines', 0, 0, { maxWaitMs: 20_000, minBytes: batch.byteLength * 2 }),
    )
    const producer = await RawClient.connect(broker)
    await producer.call(Produce, 9, produceTo('lines', 0, batchOf(['0123456789'])))
    await producer.call(Produce, 9, produceTo('lines', 0, batchOf(['0123456789'])))
    expect(valuesOf((await waiting).responses[0]?.partitions[0]?.records)).toHaveLength(2)
    producer.close()
  })

  test('answers come in the order of the requests, however long one waits', async () => {
    const fetch = client.call(Fetch, 12, fetchFrom('lines', 0, 0, { maxWaitMs: 50 }))
    const metadata = client.call(Metadata, 9, { topics: [] })
    const produce = client.call(Produce, 9, produceTo('lines', 1, batchOf(['y'])))
    await Promise.all([fetch, metadata, produce])
    expect(client.answered).toEqual([...client.answered].sort((a, b) => a - b))
  })

  test('requests that arrive in one read are all answered, and what follows a produce sees it', async () => {
    const many = Array.from({ length: 500 }, (_, i) =>
      client.call(Produce, 9, produceTo('lines', 0, batchOf([`${i}`]))),
    )
    const offsets = client.call(ListOffsets, 7, {
      replicaId: -1,
      topics: [{ name: 'lines', partitions: [{ partitionIndex: 0, timestamp: -3 }] }],
    })
    const answers = await Promise.all(many)
    expect(answers.map(({ responses }) => responses[0]?.partitionResponses[0]?.baseOffset)).toEqual(
      many.map((_, i) => i),
    )
    expect((await offsets).topics[0]?.partitions[0]?.errorCode).toBe(0)
  })

  test('acks=0 has no answer, and the records are there', async () => {
    client.post(Produce, 9, produceTo('lines', 0, batchOf(['quiet']), 0))
    const fetched = await client.call(Fetch, 12, fetchFrom('lines', 0, 0, { maxWaitMs: 10_000 }))
    expect(valuesOf(fetched.responses[0]?.partitions[0]?.records)).toEqual(['quiet'])
  })

  test('every partition has its own error', async () => {
    const broken = batchOf(['broken'])
    broken[30] = (broken[30] as number) ^ 1
    const two = Uint8Array.from([...batchOf(['1']), ...batchOf(['2'])])
    const sent = await client.call(Produce, 9, {
      acks: -1,
      timeoutMs: 1_000,
      topicData: [
        {
          name: 'lines',
          partitionData: [
            { index: 0, records: broken },
            { index: 1, records: batchOf(['fine']) },
            { index: 2, records: batchOf(['nowhere']) },
          ],
        },
        { name: 'nothing', partitionData: [{ index: 0, records: batchOf(['x']) }] },
        { name: 'lines', partitionData: [{ index: 0, records: two }] },
      ],
    })
    const codes = sent.responses.map(({ partitionResponses }) => partitionResponses.map(({ errorCode }) => errorCode))
    expect(codes).toEqual([
      [ErrorCode.CORRUPT_MESSAGE, ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [ErrorCode.INVALID_RECORD],
    ])
  })

  test('acks must be -1, 0 or 1', async () => {
    const sent = await client.call(Produce, 9, produceTo('lines', 0, batchOf(['x']), 2))
    expect(sent.responses[0]?.partitionResponses[0]?.errorCode).toBe(ErrorCode.INVALID_REQUIRED_ACKS)
  })

  test('an offset outside of the log is out of range', async () => {
    const fetched = await client.call(Fetch, 12, fetchFrom('lines', 0, 7, { maxWaitMs: 10_000 }))
    expect(fetched.responses[0]?.partitions[0]?.errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
  })

  test('at least one batch comes back however small the limits', async () => {
    const long = 'x'.repeat(10_000)
    await client.call(Produce, 9, produceTo('lines', 0, batchOf([long])))
    await client.call(Produce, 9, produceTo('lines', 0, batchOf([long])))
    const fetched = await client.call(Fetch, 12, fetchFrom('lines', 0, 0, { maxBytes: 1 }))
    expect(valuesOf(fetched.responses[0]?.partitions[0]?.records)).toEqual([long])
  })

  test('a fetch session that the broker does not have is refused', async () => {
    const fetched = await client.call(Fetch, 12, fetchFrom('lines', 0, 0, { sessionId: 77, sessionEpoch: 3 }))
    expect(fetched.errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
  })
})
