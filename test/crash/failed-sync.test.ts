// A real broker whose fsync fails: a library that is loaded before libc lets one call fail, as Linux reports a write-back that
// did not reach the device. (A failing block device would need the kernel's device mapper.) Skipped without Linux and gcc.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KafkaAdmin, KafkaConsumer, KafkaProducer } from '@millrace/kafka'
import { bytesToString } from '@millrace/std'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type BrokerProcess, startBrokerProcess } from './broker-process.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-sync-'))
const library = join(root, 'failing-sync.so')
const source = fileURLToPath(new URL('./failing-sync.c', import.meta.url))
const isBuilt =
  process.platform === 'linux' && spawnSync('gcc', ['-shared', '-fPIC', '-o', library, source, '-ldl']).status === 0
const trigger = join(root, 'fails')
const patience = { deliveryTimeoutMs: 1_000, requestTimeoutMs: 900, maxBlockMs: 2_000, lingerMs: 0 }
const set = { 'offsets.topic.num.partitions': 1, 'transaction.state.log.num.partitions': 1 }

let data: string
let broker: BrokerProcess
let admin: KafkaAdmin

async function start(port = 0): Promise<void> {
  broker = await startBrokerProcess({ data, port, set, env: { LD_PRELOAD: library, FAIL_SYNC: trigger } })
  admin = new KafkaAdmin({ bootstrapServers: broker.bootstrap })
}

async function restart(): Promise<void> {
  await admin.close()
  await broker.kill()
  await start(broker.port)
}

beforeEach(async () => {
  if (!isBuilt) return
  data = mkdtempSync(join(root, 'data-'))
  await start()
  await admin.createTopics(['t', 'u'].map((topic) => ({ topic, partitions: 1 })))
  await send('t', 'first')
  await admin.alterOffsets('g', [{ topic: 't', partition: 0, offset: 1 }])
})
afterEach(async () => {
  if (!isBuilt) return
  await admin.close()
  await broker.kill()
  rmSync(trigger, { force: true })
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** The next sync of a file whose path contains this fails. */
function failNext(path: string): void {
  writeFileSync(trigger, path)
}

async function send(topic: string, value: string): Promise<void> {
  await using producer = new KafkaProducer({ bootstrapServers: broker.bootstrap, ...patience })
  await producer.send({ topic, partition: 0, value })
}

async function valuesOf(topic: string): Promise<string[]> {
  const at = { topic, partition: 0 }
  await using consumer = new KafkaConsumer({ bootstrapServers: broker.bootstrap, isolationLevel: 'read_committed' })
  consumer.assign([at])
  consumer.seekToBeginning()
  const [end] = await consumer.endOffsets([at])
  const values: string[] = []
  while ((await consumer.position(at)) < (end?.offset ?? 0))
    for (const { value } of await consumer.poll(1_000)) values.push(bytesToString(value as Uint8Array))
  return values
}

describe.skipIf(!isBuilt)('a failed fsync: no ack follows', () => {
  test('of a partition: it takes nothing more and shows nothing of it, others go on, a restart heals it', async () => {
    failNext('/t-0/')
    await expect(send('t', 'lost')).rejects.toThrow()
    expect(existsSync(trigger)).toBe(false)
    expect(broker.log.join('\n')).toContain('takes no more writes')
    await expect(send('t', 'lost as well')).rejects.toThrow()
    await send('u', 'fine')
    expect(await valuesOf('t')).toEqual(['first'])
    await restart()
    await send('t', 'again')
    expect(await valuesOf('t')).toEqual(['first', 'again'])
    expect(await valuesOf('u')).toEqual(['fine'])
  }, 60_000)

  test("of a new partition's folder: the next start makes another", async () => {
    failNext('/u-0')
    await expect(send('u', 'lost')).rejects.toThrow()
    await restart()
    await send('u', 'again')
    await restart()
    expect(await valuesOf('u')).toEqual(['again'])
  }, 60_000)

  test("of a group's offsets", async () => {
    failNext('/__consumer_offsets-0/')
    const commit = (offset: number) =>
      admin.alterOffsets('g', [{ topic: 't', partition: 0, offset }], { timeoutMs: 1_000 })
    await expect(commit(2)).rejects.toThrow()
    await expect(commit(3)).rejects.toThrow()
    await restart()
    expect((await admin.fetchOffsets('g')).map(({ offset }) => offset)).toEqual([1])
    await commit(4)
    await restart()
    expect((await admin.fetchOffsets('g')).map(({ offset }) => offset)).toEqual([4])
  }, 60_000)

  test("of a transaction's end: it is not told as committed, and is whole or not there after the restart", async () => {
    const transactional = () =>
      new KafkaProducer({ bootstrapServers: broker.bootstrap, ...patience, transactionalId: 'id' })
    const producer = transactional()
    await producer.initTransactions()
    producer.beginTransaction()
    await Promise.all(['a', 'b'].map((value) => producer.send({ topic: 'u', partition: 0, value })))
    failNext('/__transaction_state-0/')
    await expect(producer.commitTransaction({ timeoutMs: 2_000 })).rejects.toThrow()
    expect(await valuesOf('u')).toEqual([])
    await producer.close({ timeoutMs: 0 })
    await restart()
    await using next = transactional()
    await next.initTransactions({ timeoutMs: 10_000 })
    const found = await valuesOf('u')
    expect([[], ['a', 'b']]).toContainEqual(found)
    next.beginTransaction()
    await next.send({ topic: 'u', partition: 0, value: 'c' })
    await next.commitTransaction()
    await expect.poll(() => valuesOf('u')).toEqual([...found, 'c'])
  }, 60_000)

  test('of the metadata: no topic is promised', async () => {
    failNext('/__cluster_metadata-0/')
    await expect(admin.createTopics([{ topic: 'v', partitions: 1 }], { timeoutMs: 1_000 })).rejects.toThrow()
    await restart()
    await admin.createTopics([{ topic: 'w', partitions: 1 }])
    expect((await admin.listTopics()).map(({ topic }) => topic)).toEqual(expect.arrayContaining(['t', 'u', 'w']))
  }, 60_000)
})
