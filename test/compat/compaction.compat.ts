// What compaction leaves of a log that Apache Kafka has written: by Kafka's own cleaner, and by ours.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DumpEntry, dumpLog, importKafka, verifyDataFolder } from '@millrace/broker'
import { COMPRESSION_TYPES, KafkaAdmin, KafkaProducer } from '@millrace/kafka'
import { hostSystem, utf8 } from '@millrace/std'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { defaultCleanerConfig } from '../../packages/broker/src/log/cleaner/cleaner-config.ts'
import { defaultLogConfig, LogManager } from '../../packages/broker/src/log/index.ts'
import { apacheKafka, peersHome } from './peers.ts'

const peer = apacheKafka()
const port = 19_756
const home = join(peersHome, 'kafka', `node-${port}`)
const topics = ['keys', 'tombstones', 'transactional'] as const

describe.runIf(peer.available)('compaction, by Apache Kafka and by us', () => {
  const kafka = (...args: string[]) =>
    spawnSync('bash', [peer.available ? peer.value : '', ...args], { encoding: 'utf8', timeout: 90_000 })
  const folder = mkdtempSync(join(tmpdir(), 'millrace-compaction-'))
  const up = (...settings: string[]) => {
    const { stdout } = kafka(
      'up',
      `${port}`,
      'offsets.topic.num.partitions=1',
      'transaction.state.log.num.partitions=1',
      ...settings,
    )
    expect(stdout).toContain('up on')
  }
  const stop = async () => {
    process.kill(Number(readFileSync(join(home, 'pid'), 'utf8')), 'SIGTERM')
    await vi.waitUntil(() => !isRunning(), { timeout: 60_000, interval: 200 })
  }

  beforeAll(async () => {
    kafka('down', `${port}`)
    up('log.cleaner.enable=false')
    await fill(`127.0.0.1:${port}`)
    await stop()
    const data = join(folder, 'ours')
    await importKafka({ from: [join(home, 'data')], data }, hostSystem)
    await compact(data)
    // A tenth of a second between rounds; the topics are dirty from the first byte on.
    up('log.cleaner.backoff.ms=100')
    await vi.waitUntil(() => topics.every((topic) => cleanedByKafka(topic) > 0), { timeout: 60_000, interval: 300 })
    await stop()
  }, 240_000)
  afterAll(() => {
    kafka('down', `${port}`)
    rmSync(folder, { recursive: true, force: true })
  }, 60_000)

  it.each(topics)('leaves the same of %s', (topic) => {
    const ours = contents(join(folder, 'ours', `${topic}-0`), cleanedByKafka(topic))
    const theirs = contents(join(home, 'data', `${topic}-0`), cleanedByKafka(topic))
    expect(ours.length).toBeGreaterThan(5)
    expect(ours).toEqual(theirs)
  })

  it('leaves folders in which nothing is wrong', () => {
    for (const each of [join(home, 'data'), join(folder, 'ours')]) {
      expect([...verifyDataFolder(hostSystem.fileSystem, each)]).toEqual([])
    }
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

/** Up to which offset Kafka has compacted the topic, 0 when it has not. */
function cleanedByKafka(topic: string): number {
  const text = readFileSync(join(home, 'data', 'cleaner-offset-checkpoint'), 'utf8')
  return Number(new RegExp(`^${topic} 0 (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
}

/** Batches, records and aborted transactions below an offset; when tombstones may go depends on the time of the round. */
function contents(partition: string, to: number): unknown[] {
  return [...dumpLog(hostSystem.fileSystem, partition, { records: true, index: true, to })].flatMap(
    (entry: DumpEntry): unknown[] => {
      switch (entry.kind) {
        case 'batch': {
          const { position: _position, size: _size, ...batch } = entry
          return [{ ...batch, deleteHorizon: batch.deleteHorizon >= 0 }]
        }
        case 'record':
          return [
            {
              ...entry,
              key: entry.key && Buffer.from(entry.key).toString(),
              value: entry.value && Buffer.from(entry.value).toString(),
            },
          ]
        case 'aborted-transaction':
          return [entry]
        default:
          return []
      }
    },
  )
}

/** One round over each of the topics. */
async function compact(data: string): Promise<void> {
  const logs = LogManager.open({
    ...hostSystem,
    folder: data,
    nodeId: 1,
    cleaner: () => ({ ...defaultCleanerConfig, enabled: false }),
    configOf: (topic) => ({
      ...defaultLogConfig,
      retentionMs: -1,
      ...((topics as readonly string[]).includes(topic) && { cleanupPolicy: ['compact'], minCleanableDirtyRatio: 0 }),
    }),
  })
  for (const _ of topics) expect(await logs.cleanOne()).toBeDefined()
  expect(await logs.cleanOne()).toBeUndefined()
  await logs.close()
}

async function fill(bootstrapServers: string): Promise<void> {
  const admin = new KafkaAdmin({ bootstrapServers })
  const configs = { 'cleanup.policy': 'compact', 'segment.ms': '300', 'min.cleanable.dirty.ratio': '0.001' }
  await admin.createTopics(topics.map((topic) => ({ topic, partitions: 1, configs })))
  await admin.close()
  const transactional = await Promise.all(
    ['a', 'b'].map(async (id) => {
      const producer = new KafkaProducer({ bootstrapServers, transactionalId: `compaction-${id}`, batchSize: 400 })
      await producer.initTransactions()
      return producer
    }),
  )
  for (let round = 0; round < 8; round++) {
    const compressionType = COMPRESSION_TYPES[round % 5]
    const producer = new KafkaProducer({ bootstrapServers, compressionType, batchSize: 500 })
    for (let i = 0; i < 40; i++) {
      const key = utf8(`key ${(i * 7 + round) % 25}`)
      producer.send({ topic: 'keys', key, value: utf8(`value ${round} ${i}`.padEnd(40)) })
      producer.send({ topic: 'tombstones', key, value: (i + round) % 3 === 0 ? null : utf8(`value ${round} ${i}`) })
    }
    await producer.close()
    for (const [n, each] of transactional.entries()) {
      await each.beginTransaction()
      for (let i = 0; i < 12; i++) {
        each.send({ topic: 'transactional', key: utf8(`key ${(i * 5 + n) % 9}`), value: utf8(`${n} ${round} ${i}`) })
      }
      await each.flush()
      if ((round + n) % 3 === 0) await each.abortTransaction()
      else await each.commitTransaction()
    }
    // The next record starts the next segment.
    await new Promise((resolve) => setTimeout(resolve, 400))
  }
  for (const each of transactional) await each.close()
}
