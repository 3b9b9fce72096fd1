// Compaction and recompression through the protocol, in a whole broker.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  compressionCode,
  CreateTopics,
  ErrorCode,
  Fetch,
  iterateRecords,
  Produce,
  RecordBatchBuilder,
} from '@millrace/kafka'
import { bytesToString, utf8 } from '@millrace/std'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Broker, startBroker } from '../src/index.ts'
import { RawClient } from './support/raw-client.ts'

const data = mkdtempSync(join(tmpdir(), 'millrace-compaction-'))
const config = { 'log.cleaner.backoff.ms': 20 }
let broker: Broker
let client: RawClient

beforeAll(async () => {
  broker = await startBroker({ port: 0, data, config })
  client = await RawClient.connect(broker)
})
afterAll(async () => {
  client.close()
  await broker.close()
  rmSync(data, { recursive: true, force: true })
})

async function create(name: string, configs: Record<string, string>): Promise<void> {
  const topic = {
    name,
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  }
  const { topics } = await client.call(CreateTopics, 7, { topics: [topic] })
  expect(topics[0]).toMatchObject({ errorCode: 0 })
}

async function produce(
  name: string,
  pairs: readonly (readonly [key: string | null, value: string])[],
  timestamp = Date.now(),
) {
  const builder = new RecordBatchBuilder({ compression: 'zstd' })
  for (const [key, value] of pairs) builder.append(key === null ? null : utf8(key), utf8(value), timestamp)
  const topicData = [{ name, partitionData: [{ index: 0, records: Uint8Array.from(builder.finish()) }] }]
  const { responses } = await client.call(Produce, 9, { acks: -1, timeoutMs: 5_000, topicData })
  return responses[0]?.partitionResponses[0]
}

async function fetchFrom(topic: string, fetchOffset: number): Promise<Uint8Array> {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000 }]
  const request = { maxWaitMs: 0, minBytes: 1, topics: [{ topic, partitions }], forgottenTopicsData: [] }
  const { responses } = await client.call(Fetch, 12, request)
  expect(responses[0]?.partitions[0]?.errorCode).toBe(ErrorCode.NONE)
  return responses[0]?.partitions[0]?.records as Uint8Array
}

async function readAll(topic: string, end: number) {
  const found = []
  for (let offset = 0; offset < end; offset = (found.at(-1)?.offset ?? end) + 1) {
    found.push(...iterateRecords(await fetchFrom(topic, offset)))
  }
  return found
}

const offsetsOf = (records: Uint8Array) => [...iterateRecords(records)].map(({ offset }) => offset)

describe('a compacted topic', () => {
  test('is compacted in the background, and read from within a hole', async () => {
    const settings = { 'cleanup.policy': 'compact', 'segment.bytes': '1024', 'min.cleanable.dirty.ratio': '0.01' }
    await create('latest', settings)
    for (let i = 0; i < 60; i++)
      await produce('latest', [
        ['a', `${i}`],
        [`b${i % 4}`, 'x'.repeat(100)],
      ])
    await vi.waitUntil(() => broker.metrics().log.cleanings > 0, { timeout: 5_000 })
    await vi.waitUntil(async () => offsetsOf(await fetchFrom('latest', 0)).length < 40, {
      timeout: 5_000,
      interval: 50,
    })
    const records = await readAll('latest', 120)
    expect(records.filter(({ key }) => bytesToString(key as Uint8Array) === 'a').at(-1)).toMatchObject({ offset: 118 })
    const [first] = offsetsOf(await fetchFrom('latest', 1)) as [number]
    expect(first).toBeGreaterThan(1)
  })

  test('refuses records without a key, and says which', async () => {
    const answer = await produce('latest', [
      ['a', '1'],
      [null, '2'],
      ['b', '3'],
      [null, '4'],
    ])
    expect(answer).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD, baseOffset: -1 })
    expect(answer?.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([1, 3])
    expect(answer?.errorMessage).toContain('without a key')
  })
})

describe('compression.type', () => {
  test.each([
    ['producer', 4],
    ['uncompressed', 0],
    ['gzip', 1],
    ['lz4', 3],
  ])('%s', async (type, code) => {
    await create(type, { 'compression.type': type })
    expect(
      await produce(type, [
        ['k', 'v'],
        ['l', 'w'],
      ]),
    ).toMatchObject({ errorCode: 0, baseOffset: 0 })
    const records = await fetchFrom(type, 0)
    expect(compressionCode(records, 0)).toBe(code)
    expect([...iterateRecords(records)].map(({ value }) => bytesToString(value as Uint8Array))).toEqual(['v', 'w'])
  })
})
