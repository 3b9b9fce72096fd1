// What clients send that want the broker's memory, and what brokers send that want a client's: refused, at no cost.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  type CompressionType,
  CreateTopics,
  ErrorCode,
  KafkaConsumer,
  Metadata,
  Produce,
  RecordBatchBuilder,
} from '@millrace/kafka'
import { concatBytes, utf8 } from '@millrace/std'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from '../src/index.ts'
import { RawClient } from './support/raw-client.ts'

const codecs: CompressionType[] = ['gzip', 'snappy', 'lz4', 'zstd']
const mib = 1_048_576

let broker: Broker
let client: RawClient
async function open(config: Record<string, number> = {}): Promise<void> {
  broker = await startBroker({ port: 0, data: 'memory', config })
  client = await RawClient.connect(broker)
}
async function close(): Promise<void> {
  client.close()
  await broker.close()
}
beforeEach(() => open())
afterEach(close)

function memoryInUse(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

async function createTopic(name: string, configs: Record<string, string>): Promise<void> {
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: entries }
  expect((await client.call(CreateTopics, 7, { topics: [topic] })).topics[0]?.errorCode).toBe(ErrorCode.NONE)
}

/** A batch of one record whose value is so many zeros. */
function bomb(compression: CompressionType, bytes: number): Uint8Array {
  const builder = new RecordBatchBuilder({ compression })
  builder.append(utf8('k'), new Uint8Array(bytes), 1_700_000_000_000)
  return Uint8Array.from(builder.finish())
}

async function produce(name: string, records: Uint8Array) {
  const topicData = [{ name, partitionData: [{ index: 0, records }] }]
  const { responses } = await client.call(Produce, 9, { acks: -1, timeoutMs: 0, topicData })
  return responses[0]?.partitionResponses[0]
}

describe.each(codecs)('compressed bombs: %s', (codec) => {
  test('is refused where the broker has to look into a batch, and leaves nothing', async () => {
    const records = bomb(codec, 130 * mib)
    expect(records.byteLength).toBeLessThan(10 * mib)
    await createTopic('recompressed', { 'compression.type': 'uncompressed', 'max.message.bytes': `${200 * mib}` })
    await createTopic('compacted', { 'cleanup.policy': 'compact', 'max.message.bytes': `${200 * mib}` })
    const before = memoryInUse()
    for (const topic of ['recompressed', 'compacted']) {
      const answer = await produce(topic, records)
      expect(answer?.errorCode).not.toBe(ErrorCode.NONE)
      expect(answer?.baseOffset).toBe(-1)
    }
    expect(memoryInUse() - before).toBeLessThan(20 * mib)
    expect(await produce('recompressed', bomb(codec, 100))).toMatchObject({ errorCode: 0, baseOffset: 0 })
  }, 60_000)

  test('a consumer takes no more than maxDecompressedBytes, and says so', async () => {
    await createTopic('as-sent', { 'max.message.bytes': `${200 * mib}` })
    expect(await produce('as-sent', bomb(codec, 8 * mib))).toMatchObject({ errorCode: 0 })
    await using consumer = new KafkaConsumer({ bootstrapServers: broker.bootstrapServers, maxDecompressedBytes: mib })
    consumer.assign([{ topic: 'as-sent', partition: 0 }])
    consumer.seekToBeginning()
    await expect(consumer.poll(5_000)).rejects.toThrow(/larger than allowed|decompress/i)
  })
})

test('slow loris: who sends a request byte by byte is closed as if idle; who does nothing else is not', async () => {
  await close()
  await open({ 'connections.max.idle.ms': 300 })
  const loris = await RawClient.connect(broker)
  let isClosed = false
  const closed = loris.closed.then(() => {
    isClosed = true
  })
  const header = Buffer.alloc(4)
  header.writeInt32BE(1_000_000)
  loris.raw(header)
  let asked = 0
  while (!isClosed) {
    loris.raw(Uint8Array.of(0))
    await client.call(Metadata, 9, { topics: [] })
    asked++
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await closed
  expect(asked).toBeGreaterThan(5)
  expect((await client.call(Metadata, 9, { topics: [] })).brokers).toHaveLength(1)
})

const int16 = (value: number) => Uint8Array.of((value >> 8) & 255, value & 255)
const int32 = (value: number) =>
  Uint8Array.of((value >> 24) & 255, (value >> 16) & 255, (value >> 8) & 255, value & 255)
/** 2^30 + 1, as an unsigned varint. */
const uvarint = Uint8Array.of(0x81, 0x80, 0x80, 0x80, 0x04)
const gib = 2 ** 30
const header = (apiKey: number, version: number) => [int16(apiKey), int16(version), int32(1), int16(-1)]
const produceUpToRecords = [int16(-1), int16(1), int32(0), int32(1), int16(1), utf8('t'), int32(1), int32(0)]

describe('an announced 1 GiB costs no memory', () => {
  test.each<[string, Uint8Array[], number?]>([
    ['a frame', [], gib],
    ['an array', [...header(3, 1), int32(gib)]],
    ['an array of a flexible version', [...header(3, 9), Uint8Array.of(0), uvarint]],
    ['a string of a flexible version', [...header(3, 9), Uint8Array.of(0, 2), uvarint]],
    ['a string', [...header(10, 0), int16(0x7fff)]],
    [
      'bytes',
      [...header(14, 0), int16(1), utf8('g'), int32(1), int16(1), utf8('m'), int32(1), int16(1), utf8('m'), int32(gib)],
    ],
    ['records', [...header(0, 3), ...produceUpToRecords, int32(gib)]],
    ['tagged fields', [...header(3, 9), uvarint]],
    ['a tagged field', [...header(3, 9), Uint8Array.of(1, 0), uvarint]],
  ])('as the length of %s', async (_what, parts, frameBytes) => {
    const body = concatBytes(parts)
    const frame = concatBytes([int32(frameBytes ?? body.byteLength), body])
    const before = memoryInUse()
    for (let i = 0; i < 20; i++) {
      const bad = await RawClient.connect(broker)
      bad.raw(frame)
      await bad.closed
    }
    expect(memoryInUse() - before).toBeLessThan(20 * mib)
    expect((await client.call(Metadata, 9, { topics: [] })).brokers).toHaveLength(1)
  })
})
