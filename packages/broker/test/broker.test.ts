import {
  ApiVersions,
  CreatePartitions,
  CreateTopics,
  DeleteTopics,
  DescribeConfigs,
  decodeResponse,
  ErrorCode,
  Fetch,
  InitProducerId,
  Metadata,
  OffsetCommit,
  OffsetFetch,
  Produce,
} from '@millrace/kafka'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Broker, type BrokerOptions, type Logger, startBroker } from '../src/index.ts'
import { batchOf, RawClient } from './support/raw-client.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-broker-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function withBroker(options: Partial<BrokerOptions>, run: (client: RawClient, broker: Broker) => Promise<void>) {
  const broker = await startBroker({ port: 0, data: 'memory', ...options })
  const client = await RawClient.connect(broker)
  try {
    await run(client, broker)
  } finally {
    client.close()
    await broker.close()
  }
}

/** A logger that keeps what is said. */
function keepingLogger(): { logger: Logger; lines: string[] } {
  const lines: string[] = []
  const keep = (level: string) => (message: string) => void lines.push(`${level}: ${message}`)
  return { logger: { info: keep('info'), warn: keep('warn'), error: keep('error') }, lines }
}

function newTopic(name: string, numPartitions = 1, configs: { name: string; value: string }[] = []) {
  return { name, numPartitions, replicationFactor: 1, assignments: [], configs }
}

describe('start', () => {
  test('refuses a port that is taken, with the way out', async () => {
    await withBroker({}, async (_client, { port }) => {
      await expect(startBroker({ port, data: 'memory' })).rejects.toMatchObject({
        code: 'BROKER_PORT_IN_USE',
        fix: expect.stringContaining('another port'),
      })
    })
  })

  test('refuses a second broker on one folder', async () => {
    const data = join(folder, 'locked')
    await withBroker({ data }, async () => {
      await expect(startBroker({ port: 0, data })).rejects.toMatchObject({ code: 'BROKER_DATA_LOCKED' })
    })
    await withBroker({ data }, async () => {})
  })

  test('refuses a folder that cannot be one', async () => {
    const data = join(folder, 'file')
    writeFileSync(data, '')
    await expect(startBroker({ port: 0, data })).rejects.toMatchObject({ code: 'BROKER_DATA_UNUSABLE' })
  })

  test('refuses to listen where others can reach it', async () => {
    await expect(startBroker({ host: '0.0.0.0', port: 0, data: 'memory' })).rejects.toMatchObject({
      code: 'BROKER_HOST_NOT_LOOPBACK',
    })
  })

  test('suggests the property that was meant', async () => {
    await expect(startBroker({ port: 0, data: 'memory', config: { 'num.partitionz': 1 } })).rejects.toMatchObject({
      code: 'BROKER_CONFIG_UNKNOWN',
      fix: "Did you mean 'num.partitions'?",
    })
  })

  test('advertises what it is told to', async () => {
    await withBroker({ config: { 'advertised.listeners': 'PLAINTEXT://example:19092' } }, async (client) => {
      const { brokers } = await client.call(Metadata, 9, { topics: [] })
      expect(brokers).toMatchObject([{ host: 'example', port: 19_092 }])
    })
  })
})

describe('restart', () => {
  test('keeps topics, records, offsets, producer ids and the cluster id', async () => {
    const data = join(folder, 'restart')
    let clusterId = ''
    let topicId: Uint8Array | undefined
    let producerId = -1
    await withBroker({ data }, async (client, broker) => {
      clusterId = broker.clusterId
      const configs = [{ name: 'retention.ms', value: '-1' }]
      const created = await client.call(CreateTopics, 7, { topics: [newTopic('kept', 2, configs), newTopic('gone')] })
      topicId = created.topics[0]?.topicId
      await client.call(CreatePartitions, 3, {
        topics: [{ name: 'kept', count: 3, assignments: null }],
        timeoutMs: 1,
        validateOnly: false,
      })
      await client.call(DeleteTopics, 5, { topicNames: ['gone'], timeoutMs: 1_000 })
      await client.call(Produce, 9, {
        acks: -1,
        timeoutMs: 0,
        topicData: [{ name: 'kept', partitionData: [{ index: 2, records: batchOf(['a', 'b']) }] }],
      })
      await client.call(OffsetCommit, 8, {
        groupId: 'g',
        memberId: '',
        topics: [{ name: 'kept', partitions: [{ partitionIndex: 2, committedOffset: 1, committedMetadata: 'm' }] }],
      })
      producerId = (await client.call(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 })).producerId
    })
    await withBroker({ data }, async (client, broker) => {
      expect(broker.clusterId).toBe(clusterId)
      const { topics } = await client.call(Metadata, 12, { topics: null })
      const kept = topics.find(({ name }) => name === 'kept')
      expect(topics.map(({ name }) => name).sort()).toEqual(['__consumer_offsets', 'kept'])
      expect(Buffer.from(kept?.topicId as Uint8Array).equals(topicId as Uint8Array)).toBe(true)
      expect(kept?.partitions).toHaveLength(3)
      const fetched = await client.call(Fetch, 12, {
        maxWaitMs: 0,
        minBytes: 1,
        topics: [{ topic: 'kept', partitions: [{ partition: 2, fetchOffset: 0, partitionMaxBytes: 1_000 }] }],
        forgottenTopicsData: [],
      })
      expect(fetched.responses[0]?.partitions[0]?.highWatermark).toBe(2)
      const { groups } = await client.call(OffsetFetch, 8, { groups: [{ groupId: 'g', topics: null }] })
      expect(groups[0]?.topics[0]?.partitions[0]).toMatchObject({ committedOffset: 1, metadata: 'm' })
      const { results } = await client.call(DescribeConfigs, 4, {
        resources: [{ resourceType: 2, resourceName: 'kept', configurationKeys: ['retention.ms'] }],
      })
      expect(results[0]?.configs[0]).toMatchObject({ value: '-1', configSource: 1 })
      const next = await client.call(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 })
      expect(next.producerId).toBeGreaterThan(producerId)
    })
  })
})

describe('topics', () => {
  test('are validated one by one', async () => {
    await withBroker({}, async (client) => {
      await client.call(CreateTopics, 7, { topics: [newTopic('there.is')] })
      const { topics } = await client.call(CreateTopics, 7, {
        topics: [
          newTopic('there.is'),
          newTopic('there_is'),
          newTopic('in valid'),
          newTopic('none', 0),
          { ...newTopic('three'), replicationFactor: 3 },
          newTopic('odd', 1, [{ name: 'retention.m', value: '1' }]),
          { ...newTopic('given', -1), replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [1] }] },
          { ...newTopic('astray', -1), replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [2] }] },
          newTopic('twice'),
          newTopic('twice'),
        ],
      })
      expect(Object.fromEntries(topics.map(({ name, errorCode }) => [name, errorCode]))).toEqual({
        'there.is': ErrorCode.TOPIC_ALREADY_EXISTS,
        there_is: ErrorCode.INVALID_TOPIC_EXCEPTION,
        'in valid': ErrorCode.INVALID_TOPIC_EXCEPTION,
        none: ErrorCode.INVALID_PARTITIONS,
        three: ErrorCode.INVALID_REPLICATION_FACTOR,
        odd: ErrorCode.INVALID_CONFIG,
        given: ErrorCode.NONE,
        astray: ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        twice: ErrorCode.INVALID_REQUEST,
      })
      expect(topics.find(({ name }) => name === 'odd')?.errorMessage).toContain('did you mean retention.ms?')
    })
  })

  test('that are only validated are not created', async () => {
    await withBroker({}, async (client) => {
      const { topics } = await client.call(CreateTopics, 7, { topics: [newTopic('dry', 3)], validateOnly: true })
      expect(topics[0]).toMatchObject({ errorCode: 0, numPartitions: 3 })
      expect((await client.call(Metadata, 9, { topics: null })).topics).toEqual([])
    })
  })

  test('are created by asking for them only when that is configured', async () => {
    const ask = { topics: [{ name: 'new' }], allowAutoTopicCreation: true }
    await withBroker({}, async (client) => {
      const { topics } = await client.call(Metadata, 9, ask)
      expect(topics[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    })
    await withBroker({ config: { 'auto.create.topics.enable': true, 'num.partitions': 2 } }, async (client) => {
      const refused = await client.call(Metadata, 9, { ...ask, allowAutoTopicCreation: false })
      expect(refused.topics[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
      const { topics } = await client.call(Metadata, 9, ask)
      expect(topics[0]?.errorCode).toBe(0)
      expect(topics[0]?.partitions).toHaveLength(2)
    })
  })

  test('that are deleted end the fetches that wait for them', async () => {
    await withBroker({}, async (client, broker) => {
      await client.call(CreateTopics, 7, { topics: [newTopic('short')] })
      const waiting = client.call(Fetch, 12, {
        maxWaitMs: 20_000,
        minBytes: 1,
        topics: [{ topic: 'short', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }] }],
        forgottenTopicsData: [],
      })
      const other = await RawClient.connect(broker)
      await other.call(DeleteTopics, 5, { topicNames: ['short'], timeoutMs: 1_000 })
      expect((await waiting).responses[0]?.partitions[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
      other.close()
    })
  })
})

describe('versions', () => {
  test('are announced from the registration, Produce from 0', async () => {
    await withBroker({}, async (client) => {
      const { apiKeys } = await client.call(ApiVersions, 3, { clientSoftwareName: 'test', clientSoftwareVersion: '1' })
      expect(apiKeys.find(({ apiKey }) => apiKey === 0)).toEqual({ apiKey: 0, minVersion: 0, maxVersion: 13 })
      expect(apiKeys.find(({ apiKey }) => apiKey === 1)).toEqual({ apiKey: 1, minVersion: 4, maxVersion: 18 })
    })
  })

  test('an unknown one of ApiVersions is answered in version 0', async () => {
    await withBroker({}, async (client) => {
      // Header only: key 18, version 99, correlation id 1, client id 'test', no tagged fields.
      client.raw(Buffer.from('0000000f00120063000000010004746573740000', 'hex').subarray(0, 19))
      const frame = await new Promise<Uint8Array>((resolve) => {
        client.deliver = resolve
      })
      const { correlationId, body } = decodeResponse(ApiVersions, 0, frame)
      expect(correlationId).toBe(1)
      expect(body.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION)
      expect(body.apiKeys).toEqual([{ apiKey: 18, minVersion: 0, maxVersion: 4 }])
    })
  })
})

describe('bad input', () => {
  test.each([
    ['an absurd length', '7fffffff00000000', 'was announced'],
    ['a negative length', 'ffffffff', 'was announced'],
    ['an unknown API', '0000000c7fff0000000000010000ffff', 'API key 32767 is unknown'],
    ['an unknown version of a known API', '0000000b0000006300000001000000', 'Produce version 99'],
    ['a frame that ends too early', '000000050003000100', 'malformed request'],
    ['a count that cannot be', '0000000e000300010000000100007fffffff', 'malformed request'],
  ])('%s closes the connection with a log line; others do not notice', async (_what, hex, line) => {
    const { logger, lines } = keepingLogger()
    await withBroker({ logger }, async (client, broker) => {
      const bad = await RawClient.connect(broker)
      const bytes = Buffer.from(hex, 'hex')
      // Short frames are completed with zeros, so that only their content is wrong.
      const length = bytes.readInt32BE(0)
      const missing = length > 0 && length < 1_000 ? 4 + length - bytes.length : 0
      bad.raw(Buffer.concat([bytes, Buffer.alloc(Math.max(0, missing))]))
      await bad.closed
      expect(lines.filter((text) => text.startsWith('warn: Closed the connection')).join()).toContain(line)
      expect((await client.call(Metadata, 9, { topics: [] })).brokers).toHaveLength(1)
    })
  })
})

describe('close', () => {
  test('drops what waits, closes connections and may be called twice', async () => {
    const broker = await startBroker({ port: 0, data: 'memory' })
    const client = await RawClient.connect(broker)
    await client.call(CreateTopics, 7, { topics: [newTopic('t')] })
    const waiting = client.call(Fetch, 12, {
      maxWaitMs: 60_000,
      minBytes: 1,
      topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }] }],
      forgottenTopicsData: [],
    })
    const dropped = expect(waiting).rejects.toThrow('closed')
    await Promise.all([broker.close(), broker.close()])
    await dropped
  })

  test('a produce in flight is answered', async () => {
    const data = join(folder, 'closing')
    const broker = await startBroker({ port: 0, data })
    const client = await RawClient.connect(broker)
    await client.call(CreateTopics, 7, { topics: [newTopic('t')] })
    const request = {
      acks: -1,
      timeoutMs: 0,
      topicData: [{ name: 't', partitionData: [{ index: 0, records: batchOf(['x']) }] }],
    }
    await client.call(Produce, 9, request)
    // Once the next request's bytes are with the broker, its close must not take the answer away.
    const before = broker.metrics().requests
    const answer = client.call(Produce, 9, request)
    while (broker.metrics().requests === before) await new Promise((resolve) => setImmediate(resolve))
    await broker.close()
    expect((await answer).responses[0]?.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 1 })
  })
})
