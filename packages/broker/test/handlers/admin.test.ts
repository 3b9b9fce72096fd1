import {
  CreatePartitions,
  CreateTopics,
  DeleteRecords,
  DeleteTopics,
  DescribeCluster,
  DescribeConfigs,
  ErrorCode,
  Fetch,
  InitProducerId,
  ListOffsets,
  Metadata,
  OffsetForLeaderEpoch,
  Produce,
  RecordBatchBuilder,
} from '@millrace/kafka'
import { utf8 } from '@millrace/std'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from '../../src/index.ts'
import { batchOf, RawClient } from '../support/raw-client.ts'

let broker: Broker
let client: RawClient

beforeEach(async () => {
  broker = await startBroker({ port: 0, data: 'memory', config: { 'log.retention.ms': 123_456_789 } })
  client = await RawClient.connect(broker)
  await create('t', 2)
})

afterEach(async () => {
  client.close()
  await broker.close()
})

async function create(name: string, numPartitions: number, configs: Record<string, string> = {}): Promise<void> {
  const given = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  const { topics } = await client.call(CreateTopics, 7, {
    topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: given }],
  })
  expect(topics[0]?.errorCode).toBe(0)
}

async function produce(topic: string, records: Uint8Array) {
  const { responses } = await client.call(Produce, 9, {
    acks: -1,
    timeoutMs: 0,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
  })
  return responses[0]?.partitionResponses[0]
}

async function listOffset(timestamp: number) {
  const { topics } = await client.call(ListOffsets, 8, {
    replicaId: -1,
    topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp }] }],
  })
  const { offset, timestamp: at } = topics[0]?.partitions[0] ?? { offset: -9, timestamp: -9 }
  return [offset, at]
}

const now = Date.now()

describe('records', () => {
  test('are found by time', async () => {
    for (const age of [300, 200, 100]) await produce('t', batchOf(['x', 'y'], now - age))
    expect(await listOffset(-2)).toEqual([0, -1])
    expect(await listOffset(-1)).toEqual([6, -1])
    expect(await listOffset(now - 250)).toEqual([2, now - 200])
    expect(await listOffset(-3)).toEqual([4, now - 100])
    expect(await listOffset(now + 1)).toEqual([-1, -1])
  })

  test('before an offset are deleted', async () => {
    for (let i = 0; i < 4; i++) await produce('t', batchOf(['x']))
    const remove = (offset: number) =>
      client.call(DeleteRecords, 2, {
        topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset }] }],
        timeoutMs: 0,
      })
    expect((await remove(9)).topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    expect((await remove(3)).topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, lowWatermark: 3 })
    const fetch = (fetchOffset: number) =>
      client.call(Fetch, 12, {
        maxWaitMs: 0,
        minBytes: 1,
        topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000 }] }],
        forgottenTopicsData: [],
      })
    expect((await fetch(2)).responses[0]?.partitions[0]?.errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    expect((await fetch(3)).responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, logStartOffset: 3 })
    expect((await remove(-1)).topics[0]?.partitions[0]?.lowWatermark).toBe(4)
  })

  test('are refused by the rules of their topic', async () => {
    await create('small', 1, { 'max.message.bytes': '100' })
    await create('compacted', 1, { 'cleanup.policy': 'compact' })
    expect((await produce('small', batchOf(['x'.repeat(200)])))?.errorCode).toBe(ErrorCode.MESSAGE_TOO_LARGE)
    const keyless = await produce('compacted', batchOf(['x']))
    expect(keyless).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD, baseOffset: -1 })
    expect(keyless?.errorMessage).toContain('key')
    const keyed = new RecordBatchBuilder()
    keyed.append(utf8('k'), utf8('v'), now)
    expect((await produce('compacted', Uint8Array.from(keyed.finish())))?.errorCode).toBe(0)
    expect((await produce('t', batchOf(['x'], now + 7_200_000)))?.errorCode).toBe(ErrorCode.INVALID_TIMESTAMP)
  })

  test('of an idempotent producer are taken once and in order', async () => {
    const request = { transactionalId: null, transactionTimeoutMs: 0 }
    const { producerId, producerEpoch } = await client.call(InitProducerId, 4, request)
    const batch = (baseSequence: number) => {
      const builder = new RecordBatchBuilder()
      builder.append(null, utf8('x'), now)
      return Uint8Array.from(builder.finish({ producerId, producerEpoch, baseSequence }))
    }
    expect(await produce('t', batch(0))).toMatchObject({ errorCode: 0, baseOffset: 0 })
    expect(await produce('t', batch(1))).toMatchObject({ errorCode: 0, baseOffset: 1 })
    expect(await produce('t', batch(1))).toMatchObject({ errorCode: 0, baseOffset: 1 })
    expect((await produce('t', batch(5)))?.errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    // What was refused did not count.
    expect(await produce('t', batch(2))).toMatchObject({ errorCode: 0, baseOffset: 2 })
  })

  test('end in a leader epoch', async () => {
    await produce('t', batchOf(['x', 'y']))
    const ask = async (currentLeaderEpoch: number, leaderEpoch: number) => {
      const { topics } = await client.call(OffsetForLeaderEpoch, 4, {
        topics: [{ topic: 't', partitions: [{ partition: 0, currentLeaderEpoch, leaderEpoch }] }],
      })
      return topics[0]?.partitions[0]
    }
    expect(await ask(0, 0)).toMatchObject({ errorCode: 0, leaderEpoch: 0, endOffset: 2 })
    expect(await ask(0, 3)).toMatchObject({ errorCode: 0, leaderEpoch: -1, endOffset: -1 })
    expect(await ask(4, 0)).toMatchObject({ errorCode: ErrorCode.UNKNOWN_LEADER_EPOCH })
  })
})

describe('topics', () => {
  test('grow, and refuse to shrink', async () => {
    const grow = async (count: number, validateOnly = false) => {
      const topics = [{ name: 't', count, assignments: null }]
      const { results } = await client.call(CreatePartitions, 3, { topics, timeoutMs: 0, validateOnly })
      return results[0]?.errorCode
    }
    expect(await grow(1)).toBe(ErrorCode.INVALID_PARTITIONS)
    expect(await grow(2)).toBe(ErrorCode.INVALID_PARTITIONS)
    expect(await grow(4, true)).toBe(0)
    expect((await client.call(Metadata, 9, { topics: [{ name: 't' }] })).topics[0]?.partitions).toHaveLength(2)
    expect(await grow(4)).toBe(0)
    expect((await client.call(Metadata, 9, { topics: [{ name: 't' }] })).topics[0]?.partitions).toHaveLength(4)
  })

  test('are deleted by id, and a new one of the same name is another', async () => {
    const idOf = async () => (await client.call(Metadata, 12, { topics: [{ name: 't' }] })).topics[0]?.topicId
    const topicId = (await idOf()) as Uint8Array
    await produce('t', batchOf(['old']))
    const remove = () => client.call(DeleteTopics, 6, { topics: [{ topicId }], timeoutMs: 0 })
    expect((await remove()).responses[0]).toMatchObject({ errorCode: 0, name: 't' })
    expect((await remove()).responses[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID)
    await create('t', 1)
    expect(await idOf()).not.toEqual(topicId)
    expect(await listOffset(-1)).toEqual([0, -1])
  })
})

describe('descriptions', () => {
  test('of a configuration tell where each value comes from', async () => {
    await create('own', 1, { 'retention.ms': '5', 'segment.bytes': '9999' })
    const { results } = await client.call(DescribeConfigs, 4, {
      resources: [{ resourceType: 2, resourceName: 'own', configurationKeys: ['retention.ms', 'max.message.bytes'] }],
      includeSynonyms: true,
      includeDocumentation: true,
    })
    const [retention, size] = ['retention.ms', 'max.message.bytes'].map((name) =>
      results[0]?.configs.find((config) => config.name === name),
    )
    expect(retention).toMatchObject({ value: '5', configSource: 1, configType: 5, readOnly: false })
    expect(retention?.documentation).toContain('milliseconds')
    expect(retention?.synonyms).toEqual([
      { name: 'retention.ms', value: '5', source: 1 },
      { name: 'log.retention.ms', value: '123456789', source: 4 },
      { name: 'log.retention.hours', value: '168', source: 5 },
    ])
    expect(size).toMatchObject({ value: '1048588', configSource: 5 })
    expect(results[0]?.configs).toHaveLength(2)
  })

  test('of a broker tell where it listens and where its data are', async () => {
    const { results } = await client.call(DescribeConfigs, 4, {
      resources: [{ resourceType: 4, resourceName: '1', configurationKeys: ['listeners', 'log.dirs'] }],
    })
    expect(results[0]?.configs).toMatchObject([
      {
        name: 'listeners',
        value: `PLAINTEXT://127.0.0.1:${broker.port}`,
        configSource: 4,
        readOnly: true,
        configType: 7,
      },
      { name: 'log.dirs', configSource: 4, readOnly: true, configType: 7 },
    ])
  })

  test('of the cluster name its one broker', async () => {
    const described = await client.call(DescribeCluster, 2, { includeClusterAuthorizedOperations: true })
    expect(described).toMatchObject({ clusterId: broker.clusterId, controllerId: 1 })
    expect(described.brokers).toMatchObject([{ brokerId: 1, host: '127.0.0.1', port: broker.port, isFenced: false }])
    const controllers = await client.call(DescribeCluster, 1, {
      includeClusterAuthorizedOperations: false,
      endpointType: 2,
    })
    expect(controllers.errorCode).toBe(ErrorCode.MISMATCHED_ENDPOINT_TYPE)
  })
})
