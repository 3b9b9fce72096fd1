// Traps of Kafka's protocol: what is easily done in another way, and then breaks clients. Each has a test with its name.
import {
  AddPartitionsToTxn,
  ApiVersions,
  CreateTopics,
  decodeResponse,
  encodeRequest,
  ErrorCode,
  Fetch,
  Heartbeat,
  InitProducerId,
  iterateRecords,
  JoinGroup,
  lastOffset,
  ListOffsets,
  Metadata,
  OffsetCommit,
  OffsetFetch,
  Produce,
  RecordBatchBuilder,
} from '@millrace/kafka'
import { concatBytes, utf8 } from '@millrace/std'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Broker, startBroker } from '../src/index.ts'
import { batchOf, RawClient } from './support/raw-client.ts'
import { TransactionalClient } from './transactions/transactional-client.ts'

let broker: Broker
let client: RawClient
beforeAll(async () => {
  broker = await startBroker({ port: 0, data: 'memory' })
  client = await RawClient.connect(broker)
})
afterAll(async () => {
  client.close()
  await broker.close()
})

let topics = 0
async function newTopic(configs: Record<string, string> = {}): Promise<string> {
  const name = `t${topics++}`
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: entries }
  expect((await client.call(CreateTopics, 7, { topics: [topic] })).topics[0]?.errorCode).toBe(ErrorCode.NONE)
  return name
}

async function produce(name: string, records: Uint8Array, acks = -1) {
  const topicData = [{ name, partitionData: [{ index: 0, records }] }]
  const { responses } = await client.call(Produce, 9, { acks, timeoutMs: 1_000, topicData })
  return responses[0]?.partitionResponses[0]
}

async function fetchFrom(topic: string, fetchOffset: number, partitionMaxBytes = 1_000_000) {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes }]
  const request = { maxWaitMs: 0, minBytes: 1, topics: [{ topic, partitions }], forgottenTopicsData: [] }
  return (await client.call(Fetch, 12, request)).responses[0]?.partitions[0]
}

function numbered(producerId: number, baseSequence: number, key: string | null = 'k'): Uint8Array {
  const builder = new RecordBatchBuilder()
  builder.append(key === null ? null : utf8(key), utf8(`${baseSequence}`), Date.now())
  return Uint8Array.from(builder.finish({ producerId, producerEpoch: 0, baseSequence }))
}

async function newProducer(): Promise<number> {
  return (await client.call(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 })).producerId
}

test('trap 1: Produce is announced from version 0 on (KAFKA-18659)', async () => {
  const { apiKeys } = await client.call(ApiVersions, 3, { clientSoftwareName: 'x', clientSoftwareVersion: '1' })
  expect(apiKeys.find(({ apiKey }) => apiKey === Produce.key)?.minVersion).toBe(0)
})

test('trap 2: an unknown version of ApiVersions is answered as version 0, with error 35 and what is served', async () => {
  const raw = await RawClient.connect(broker)
  const parts = encodeRequest(
    ApiVersions,
    4,
    { correlationId: 1, clientId: 'x' },
    {
      clientSoftwareName: 'x',
      clientSoftwareVersion: '1',
    },
  )
  const bytes = Uint8Array.from(concatBytes([...parts]))
  bytes[7] = 99
  const answer = new Promise<Uint8Array>((resolve) => {
    raw.deliver = resolve
  })
  raw.raw(bytes)
  const { body } = decodeResponse(ApiVersions, 0, await answer)
  expect(body.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION)
  expect(body.apiKeys.find(({ apiKey }) => apiKey === ApiVersions.key)).toMatchObject({ minVersion: 0, maxVersion: 4 })
  raw.close()
})

test('trap 3: transaction.version 2 and group.version 1 are finalized', async () => {
  const { finalizedFeatures } = await client.call(ApiVersions, 4, {
    clientSoftwareName: 'x',
    clientSoftwareVersion: '1',
  })
  const levels = Object.fromEntries(finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]))
  expect(levels).toMatchObject({ 'transaction.version': 2, 'group.version': 1 })
})

test('trap 4: a timeout above 15 minutes is refused; a commit from another connection may be repeated, after an abort it is INVALID_TXN_STATE', async () => {
  const first = await TransactionalClient.connect(broker, { version: 0 })
  const topic = await newTopic()
  expect(await first.init('flink', 3_600_000)).toBe('INVALID_TRANSACTION_TIMEOUT')
  expect(await first.init('flink', 900_000)).toBe('NONE')
  expect(await first.send(topic, 0, 'a')).toBe('NONE')
  const resumed = await TransactionalClient.connect(broker, { version: 0 })
  resumed.resume(first)
  expect(await resumed.end(true)).toBe('NONE')
  expect(await first.end(true)).toBe('NONE')
  expect(await first.send(topic, 0, 'b')).toBe('NONE')
  expect(await first.end(false)).toBe('NONE')
  await first.until(async () => (await first.stateOf('flink')) === 'CompleteAbort')
  expect(await resumed.end(true)).toBe('INVALID_TXN_STATE')
  first.close()
  resumed.close()
})

test('trap 5: topics go by their ids in Fetch 13 and Produce 13', async () => {
  const name = await newTopic()
  const { topics: found } = await client.call(Metadata, 12, { topics: [{ name }] })
  const topicId = found[0]?.topicId as Uint8Array
  const { responses } = await client.call(Produce, 13, {
    acks: -1,
    timeoutMs: 0,
    topicData: [{ topicId, partitionData: [{ index: 0, records: batchOf(['x']) }] }],
  })
  expect(responses[0]?.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 0 })
  const unknown = await client.call(Fetch, 13, {
    maxWaitMs: 0,
    minBytes: 1,
    topics: [
      { topicId: new Uint8Array(16).fill(9), partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }] },
    ],
    forgottenTopicsData: [],
  })
  expect(unknown.responses[0]?.partitions[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID)
})

test('trap 6: the first member of a group does not wait for others', async () => {
  const join = {
    groupId: 'at once',
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: utf8('m') }],
  }
  const started = performance.now()
  const { memberId } = await client.call(JoinGroup, 9, join)
  expect((await client.call(JoinGroup, 9, { ...join, memberId })).errorCode).toBe(ErrorCode.NONE)
  // Kafka's default is to wait for 3 s.
  expect(performance.now() - started).toBeLessThan(2_500)
})

test('trap 7: a fetch inside of a batch gives the whole batch, and at least one however small the limit', async () => {
  const name = await newTopic()
  await produce(name, batchOf(['a', 'b', 'c']))
  await produce(name, batchOf(['d']))
  const records = (await fetchFrom(name, 1, 1))?.records as Uint8Array
  expect([...iterateRecords(records)].map(({ offset }) => offset)).toEqual([0, 1, 2])
  expect(lastOffset(records, 0)).toBe(2)
})

test('trap 8: no record at or after a timestamp is offset -1 with timestamp -1', async () => {
  const name = await newTopic()
  await produce(name, batchOf(['a'], 1_000))
  const partitions = [{ partitionIndex: 0, timestamp: 2_000 }]
  const { topics: found } = await client.call(ListOffsets, 7, { replicaId: -1, topics: [{ name, partitions }] })
  expect(found[0]?.partitions[0]).toMatchObject({ errorCode: 0, offset: -1, timestamp: -1 })
})

test.each(['', '/', 'a/b c'])(
  'traps 9 and 11: the group %j keeps the metadata of an offset as it came',
  async (groupId) => {
    const name = await newTopic()
    const committedMetadata = ' {"ä": "\u0001"}\n'
    const partitions = [{ partitionIndex: 0, committedOffset: 3, committedMetadata }]
    const committed = await client.call(OffsetCommit, 8, { groupId, memberId: '', topics: [{ name, partitions }] })
    expect(committed.topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.NONE)
    const { groups } = await client.call(OffsetFetch, 8, { groups: [{ groupId, topics: null }] })
    const found = groups[0]?.topics.find((one) => one.name === name)
    expect(found?.partitions[0]).toMatchObject({ committedOffset: 3, metadata: committedMetadata })
  },
)

test('trap 10: no key on a compacted topic is INVALID_RECORD, two batches are refused, and neither moves the sequence on', async () => {
  const name = await newTopic({ 'cleanup.policy': 'compact' })
  const producerId = await newProducer()
  expect((await produce(name, numbered(producerId, 0)))?.errorCode).toBe(ErrorCode.NONE)
  expect((await produce(name, numbered(producerId, 1, null)))?.errorCode).toBe(ErrorCode.INVALID_RECORD)
  const two = concatBytes([numbered(producerId, 1), numbered(producerId, 2)])
  expect((await produce(name, two))?.errorCode).toBe(ErrorCode.INVALID_RECORD)
  expect(await produce(name, numbered(producerId, 1))).toMatchObject({ errorCode: 0, baseOffset: 1 })
})

test('trap 11: acks 0 has no answer', async () => {
  const name = await newTopic()
  const topicData = [{ name, partitionData: [{ index: 0, records: batchOf(['x']) }] }]
  const before = client.answered.length
  client.post(Produce, 9, { acks: 0, timeoutMs: 0, topicData })
  let fetches = 0
  const highWatermark = async () => {
    fetches++
    return (await fetchFrom(name, 0))?.highWatermark
  }
  await expect.poll(highWatermark).toBe(1)
  expect(client.answered).toHaveLength(before + fetches)
})

test('trap 12: max.message.bytes is about the batch as it is sent, compressed', async () => {
  const name = await newTopic({ 'max.message.bytes': '2000' })
  const build = (compression: 'none' | 'zstd') => {
    const builder = new RecordBatchBuilder({ compression })
    builder.append(null, utf8('x'.repeat(50_000)), Date.now())
    return Uint8Array.from(builder.finish())
  }
  expect((await produce(name, build('none')))?.errorCode).toBe(ErrorCode.MESSAGE_TOO_LARGE)
  expect((await produce(name, build('zstd')))?.errorCode).toBe(ErrorCode.NONE)
})

test('trap 13: a member that is told UNKNOWN_MEMBER_ID comes back', async () => {
  const join = {
    groupId: 'back',
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: utf8('m') }],
  }
  const { memberId } = await client.call(JoinGroup, 9, join)
  await client.call(JoinGroup, 9, { ...join, memberId })
  const beat = await client.call(Heartbeat, 4, { groupId: 'back', generationId: 1, memberId: 'another' })
  expect(beat.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
  const { memberId: again } = await client.call(JoinGroup, 9, join)
  expect(again).not.toBe('')
})

test('KIP-890: what was not added to a transaction by an older client is refused', async () => {
  const producer = await TransactionalClient.connect(broker, { version: 0 })
  const name = await newTopic()
  expect(await producer.init('not added')).toBe('NONE')
  expect(await producer.write(name, 0, producer.batch('x', 0))).toBe('INVALID_TXN_STATE')
  const added = await producer.raw.call(AddPartitionsToTxn, 3, {
    v3AndBelowTransactionalId: 'not added',
    v3AndBelowProducerId: producer.producerId,
    v3AndBelowProducerEpoch: producer.epoch,
    v3AndBelowTopics: [{ name, partitions: [0] }],
  })
  expect(added.resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode).toBe(ErrorCode.NONE)
  expect(await producer.write(name, 0, producer.batch('x', 0))).toBe('NONE')
  producer.close()
})
