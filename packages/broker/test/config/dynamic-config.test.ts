import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ApiVersions,
  ConsumerGroupHeartbeat,
  CreateTopics,
  DeleteTopics,
  DescribeConfigs,
  DescribeTopicPartitions,
  ErrorCode,
  IncrementalAlterConfigs,
  Produce,
  UpdateFeatures,
} from '@millrace/kafka'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseServerConfig, setDynamicConfig } from '../../src/config/server-config.ts'
import { type Broker, startBroker } from '../../src/index.ts'
import { batchOf, RawClient } from '../support/raw-client.ts'

const topic = 2
const brokerType = 4
const logger = 8
const group = 32
const safeDowngrade = 2

let folder: string
let broker: Broker
let client: RawClient
const said: string[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-config-'))
  said.length = 0
  await start()
  const topics = [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }]
  expect((await client.call(CreateTopics, 7, { topics })).topics[0]?.errorCode).toBe(0)
})

afterEach(async () => {
  await stop()
  rmSync(folder, { recursive: true, force: true })
})

async function start(): Promise<void> {
  const say = (message: string) => void said.push(message)
  broker = await startBroker({ port: 0, data: folder, logger: { info: say, warn: say, error: say } })
  client = await RawClient.connect(broker)
}

async function stop(): Promise<void> {
  client.close()
  await broker.close()
}

async function set(resourceType: number, resourceName: string, values: Record<string, string | null>): Promise<number> {
  const configs = Object.entries(values).map(([name, value]) => ({
    name,
    configOperation: value === null ? 1 : 0,
    value,
  }))
  const resources = [{ resourceType, resourceName, configs }]
  const { responses } = await client.call(IncrementalAlterConfigs, 1, { resources, validateOnly: false })
  return responses[0]?.errorCode as number
}

async function get(resourceType: number, resourceName: string, key: string): Promise<string | null | undefined> {
  const resources = [{ resourceType, resourceName, configurationKeys: [key] }]
  const { results } = await client.call(DescribeConfigs, 4, { resources, includeSynonyms: false })
  return results[0]?.configs[0]?.value
}

async function produce(bytes: number): Promise<number> {
  const { responses } = await client.call(Produce, 9, {
    acks: -1,
    timeoutMs: 1_000,
    topicData: [{ name: 't', partitionData: [{ index: 0, records: batchOf(['x'.repeat(bytes)]) }] }],
  })
  return responses[0]?.partitionResponses[0]?.errorCode as number
}

describe('what is configured', () => {
  test('is in force for the next request, the nearest first', async () => {
    expect(await produce(200)).toBe(0)
    await set(brokerType, '', { 'message.max.bytes': '150' })
    expect(await produce(200)).toBe(ErrorCode.MESSAGE_TOO_LARGE)
    await set(brokerType, '1', { 'message.max.bytes': '400' })
    expect(await produce(200)).toBe(0)
    await set(topic, 't', { 'max.message.bytes': '100' })
    expect(await produce(200)).toBe(ErrorCode.MESSAGE_TOO_LARGE)
    await set(topic, 't', { 'max.message.bytes': null })
    expect(await produce(200)).toBe(0)
  })

  test('of connections counts for the next one', async () => {
    const ask = async () => {
      const second = await RawClient.connect(broker)
      return second.call(ApiVersions, 0, {}).finally(() => second.close())
    }
    await expect(ask()).resolves.toMatchObject({ errorCode: 0 })
    await set(brokerType, '', { 'max.connections': '1' })
    await expect(ask()).rejects.toThrow('the connection was closed')
    await set(brokerType, '', { 'max.connections': null })
    await expect(ask()).resolves.toMatchObject({ errorCode: 0 })
  })

  test('survives a restart', async () => {
    await set(topic, 't', { 'retention.ms': '5000', flush: 'interval' })
    await set(brokerType, '1', { 'log.segment.bytes': '2000000' })
    await set(brokerType, '', { 'message.max.bytes': '150', 'num.io.threads': '9' })
    await set(group, 'g', { 'consumer.session.timeout.ms': '50000' })
    await client.call(UpdateFeatures, 2, {
      featureUpdates: [{ feature: 'group.version', maxVersionLevel: 0, upgradeType: safeDowngrade }],
    })
    await stop()
    await start()
    expect(await get(topic, 't', 'retention.ms')).toBe('5000')
    expect(await get(topic, 't', 'flush')).toBe('interval')
    expect(await get(topic, 't', 'segment.bytes')).toBe('2000000')
    expect(await get(brokerType, '1', 'num.io.threads')).toBe('9')
    expect(await get(group, 'g', 'consumer.session.timeout.ms')).toBe('50000')
    expect(await produce(200)).toBe(ErrorCode.MESSAGE_TOO_LARGE)
    const request = { clientSoftwareName: 'test', clientSoftwareVersion: '1' }
    const { finalizedFeatures } = await client.call(ApiVersions, 4, request)
    expect(finalizedFeatures.map(({ name }) => name)).not.toContain('group.version')
    const { errorCode } = await client.call(ConsumerGroupHeartbeat, 1, {
      groupId: 'g',
      memberId: 'm',
      memberEpoch: 0,
      topicPartitions: [],
    })
    expect(errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION)
    expect(finalizedFeatures).toContainEqual({
      name: 'transaction.version',
      maxVersionLevel: 2,
      minVersionLevel: 2,
    })
  })

  test('is forgotten with its topic', async () => {
    await set(topic, 't', { 'retention.ms': '5000' })
    await client.call(DeleteTopics, 5, { topicNames: ['t'], timeoutMs: 1_000 })
    const topics = [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }]
    await client.call(CreateTopics, 7, { topics })
    expect(await get(topic, 't', 'retention.ms')).toBe('604800000')
  })

  test('of a logger holds as long as the broker runs', async () => {
    expect(await set(logger, '1', { root: 'ERROR' })).toBe(0)
    expect(await get(logger, '1', 'root')).toBe('ERROR')
    said.length = 0
    await stop()
    expect(said).toEqual([])
    await start()
    expect(await get(logger, '1', 'root')).toBe('INFO')
  })
})

test('a wrong value that is stored does not count', () => {
  const server = parseServerConfig({ 'message.max.bytes': 500 })
  setDynamicConfig(server, {
    broker: new Map([['message.max.bytes', 'many']]),
    cluster: new Map([
      ['log.retention.ms', '7'],
      ['num.partitions', '9'],
    ]),
  })
  expect(server['message.max.bytes']).toBe(500)
  expect(server['log.retention.ms']).toBe(7)
  // It cannot be changed while the broker runs.
  expect(server['num.partitions']).toBe(1)
})

test('pages of partitions fit together', async () => {
  const topics = ['p', 'q'].map((name) => ({
    name,
    numPartitions: 5,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  }))
  await client.call(CreateTopics, 7, { topics })
  const seen: string[] = []
  let cursor: { topicName: string; partitionIndex: number } | null = null
  do {
    const page: Awaited<ReturnType<typeof ask>> = await ask(cursor)
    for (const { name, partitions } of page.topics) {
      for (const { partitionIndex } of partitions) seen.push(`${name}-${partitionIndex}`)
    }
    cursor = page.nextCursor
  } while (cursor)
  expect(seen).toEqual(
    ['p', 'q', 't'].flatMap((name) => Array.from({ length: name === 't' ? 1 : 5 }, (_, i) => `${name}-${i}`)),
  )
})

function ask(cursor: { topicName: string; partitionIndex: number } | null) {
  return client.call(DescribeTopicPartitions, 0, { topics: [], responsePartitionLimit: 3, cursor })
}
