// Takes over what a real Apache Kafka has left, and goes on with it.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Broker, importKafka, startBroker, verifyDataFolder } from '@millrace/broker'
import {
  type ConsumerRecord,
  KafkaAdmin,
  KafkaConsumer,
  type KafkaConsumerOptions,
  KafkaProducer,
} from '@millrace/kafka'
import { bytesToString, hostSystem, utf8 } from '@millrace/std'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { apacheKafka, peersHome } from './peers.ts'

const peer = apacheKafka()
const port = 19_755
const home = join(peersHome, 'kafka', `node-${port}`)
const logDirs = [join(home, 'data'), join(home, 'data2')]
const groups = { classic: 'imported-classic', consumer: 'imported-consumer' } as const

describe.runIf(peer.available)('broker import of an Apache Kafka folder', () => {
  const kafka = (...args: string[]) =>
    spawnSync('bash', [peer.available ? peer.value : '', ...args], { encoding: 'utf8', timeout: 90_000 })
  const folder = mkdtempSync(join(tmpdir(), 'millrace-import-'))
  const ids = new Map<string, string | undefined>()
  let broker: Broker | undefined

  beforeAll(async () => {
    kafka('down', `${port}`)
    const up = kafka(
      'up',
      `${port}`,
      `log.dirs=${logDirs.join(',')}`,
      'log.cleaner.backoff.ms=300',
      'offsets.topic.num.partitions=5',
      'transaction.state.log.num.partitions=3',
    )
    expect(up.stderr.concat(up.stdout)).toContain('up on')
    await fill(`127.0.0.1:${port}`, ids)
    process.kill(Number(readFileSync(join(home, 'pid'), 'utf8')), 'SIGTERM')
    await vi.waitUntil(() => !isRunning(), { timeout: 60_000, interval: 200 })
  }, 180_000)
  afterAll(async () => {
    await broker?.close()
    kafka('down', `${port}`)
    rmSync(folder, { recursive: true, force: true })
  }, 60_000)

  it('finds nothing wrong in the folders of Kafka', () => {
    for (const each of logDirs) expect([...verifyDataFolder(hostSystem.fileSystem, each)]).toEqual([])
  })

  it('refuses a part of the log directories, and a folder that was not left in order', async () => {
    const from = logDirs.slice(0, 1)
    await expect(importKafka({ from, data: join(folder, 'part') }, hostSystem)).rejects.toMatchObject({
      code: 'IMPORT_INCOMPLETE',
    })
    await expect(importKafka({ from: [folder], data: join(folder, 'none') }, hostSystem)).rejects.toMatchObject({
      code: 'IMPORT_NOT_KAFKA',
    })
  })

  it('takes over topics, records, offsets and transactions', async () => {
    const data = join(folder, 'data')
    const summary = await importKafka({ from: logDirs, data }, hostSystem)
    expect(summary).toMatchObject({ nodeId: 1, skipped: [] })
    expect([...verifyDataFolder(hostSystem.fileSystem, data)]).toEqual([])
    broker = await startBroker({ port: 0, data })
    const { bootstrapServers } = broker
    const admin = new KafkaAdmin({ bootstrapServers })
    const topics = await admin.listTopics()
    expect(topics.map(({ topic }) => topic).sort()).toEqual(['compacted', 'configured', 'plain', 'transactions'])
    for (const { topic, topicId } of await admin.describeTopics(['plain', 'compacted']))
      expect(topicId).toBe(ids.get(topic))
    const settings = await admin.describeConfigs({ type: 'topic', name: 'configured' })
    const valueOf = (name: string) => settings.find((entry) => entry.name === name)?.value
    expect([valueOf('retention.ms'), valueOf('max.message.bytes')]).toEqual(['123456789', '54321'])
    await admin.close()

    const all = await consume({ bootstrapServers, groupId: 'new', isolationLevel: 'read_committed' }, [
      'plain',
      'compacted',
      'transactions',
    ])
    const of = (topic: string) => all.filter((record) => record.topic === topic)
    expect(of('plain')).toHaveLength(500)
    expect(new Set(of('plain').map(({ value }) => text(value))).size).toBe(500)
    expect(of('transactions').map(({ value }) => text(value).split(' ')[0])).toEqual(
      Array.from({ length: 40 }, () => 'committed'),
    )
    const last = new Map(of('compacted').map(({ key, value }) => [text(key), text(value)]))
    expect(last.size).toBe(30)
    expect([...last.values()].every((value) => value === 'round 5')).toBe(true)
    // Kafka has compacted it: most of its 180 records are gone.
    expect(of('compacted').length).toBeLessThan(100)

    for (const [groupProtocol, groupId] of Object.entries(groups)) {
      const rest = await consume({ bootstrapServers, groupId, groupProtocol: groupProtocol as 'classic' }, ['plain'])
      expect(rest, groupId).toHaveLength(100)
    }
    const producer = new KafkaProducer({ bootstrapServers, transactionalId: 'imported' })
    await producer.initTransactions()
    await producer.beginTransaction()
    const sent = producer.send({ topic: 'transactions', value: utf8('committed here') })
    await producer.commitTransaction()
    expect((await sent).offset).toBeGreaterThan(10)
    await producer.close()
    await broker.close()
    broker = undefined
    expect([...verifyDataFolder(hostSystem.fileSystem, data)]).toEqual([])
  })

  it('shares closed segments by links where that is asked for', async () => {
    const data = join(folder, 'linked')
    const { linkSync } = await import('node:fs')
    const { linkedBytes } = await importKafka({ from: logDirs, data, link: linkSync }, hostSystem)
    expect(linkedBytes).toBeGreaterThan(0)
    expect(statSync(join(data, 'compacted-0', '00000000000000000000.log')).nlink).toBe(2)
    expect([...verifyDataFolder(hostSystem.fileSystem, data)]).toEqual([])
  })
})

function isRunning(): boolean {
  try {
    process.kill(Number(readFileSync(join(home, 'pid'), 'utf8')), 0)
    return true
  } catch {
    return false
  }
}

/** Gives Kafka something of everything. */
async function fill(bootstrapServers: string, ids: Map<string, string | undefined>): Promise<void> {
  const admin = new KafkaAdmin({ bootstrapServers })
  const compaction = { 'cleanup.policy': 'compact', 'segment.ms': '100', 'min.cleanable.dirty.ratio': '0.01' }
  await admin.createTopics([
    { topic: 'plain', partitions: 3 },
    { topic: 'deleted', partitions: 2 },
    { topic: 'compacted', partitions: 1, configs: compaction },
    { topic: 'transactions', partitions: 1 },
    { topic: 'configured', partitions: 1, configs: { 'retention.ms': '123456789', 'max.message.bytes': '54321' } },
  ])
  for (const { topic, topicId } of await admin.describeTopics(['plain', 'compacted'])) ids.set(topic, topicId)
  await produce(bootstrapServers, 'plain', 0, 400)
  await produce(bootstrapServers, 'deleted', 0, 10)
  for (const [groupProtocol, groupId] of Object.entries(groups)) {
    const consumer = newConsumer({
      bootstrapServers,
      groupId,
      groupProtocol: groupProtocol as 'classic',
      enableAutoCommit: false,
    })
    consumer.subscribe(['plain'])
    for (let seen = 0; seen < 400; ) seen += (await consumer.poll(1_000)).length
    await consumer.commit()
    await consumer.close()
  }
  await produce(bootstrapServers, 'plain', 400, 100)
  for (let round = 0; round < 6; round++) {
    const producer = new KafkaProducer({ bootstrapServers, compressionType: round % 2 ? 'zstd' : 'none' })
    for (let i = 0; i < 30; i++)
      producer.send({ topic: 'compacted', key: utf8(`key ${i}`), value: utf8(`round ${round}`) })
    await producer.close()
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  const producer = new KafkaProducer({ bootstrapServers, transactionalId: 'imported' })
  await producer.initTransactions()
  for (let n = 0; n < 6; n++) {
    const outcome = n % 3 === 2 ? 'aborted' : 'committed'
    await producer.beginTransaction()
    for (let i = 0; i < 10; i++) producer.send({ topic: 'transactions', value: utf8(`${outcome} ${n} ${i}`) })
    await producer.flush()
    if (outcome === 'aborted') await producer.abortTransaction()
    else await producer.commitTransaction()
  }
  await producer.close()
  await admin.deleteTopics(['deleted'])
  await admin.close()
}

/** In batches of every compression. */
async function produce(bootstrapServers: string, topic: string, from: number, count: number): Promise<void> {
  const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
  for (const [n, compressionType] of codecs.entries()) {
    const producer = new KafkaProducer({ bootstrapServers, compressionType, batchSize: 1_000 })
    for (let i = from + n; i < from + count; i += codecs.length)
      producer.send({ topic, key: utf8(`${i}`), value: utf8(`value ${i}`) })
    await producer.close()
  }
}

function newConsumer(options: KafkaConsumerOptions): KafkaConsumer {
  return new KafkaConsumer({ autoOffsetReset: 'earliest', ...options })
}

/** All that comes until nothing more does. */
async function consume(options: KafkaConsumerOptions, topics: readonly string[]): Promise<ConsumerRecord[]> {
  const consumer = newConsumer(options)
  consumer.subscribe([...topics])
  const found: ConsumerRecord[] = []
  for (let quiet = 0; quiet < 4; ) {
    const records = await consumer.poll(500)
    found.push(...records)
    quiet = records.length > 0 ? 0 : quiet + 1
  }
  await consumer.close()
  return found
}

function text(bytes: Uint8Array | null): string {
  return bytes === null ? '' : bytesToString(bytes)
}
