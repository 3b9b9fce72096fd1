// A real broker on a real file system that runs full again and again, while records, compacted keys, transactions and offsets
// of groups are written, segments roll, logs and the coordinators' journals are compacted. Needs the right to mount a small
// tmpfs; skipped where it is missing. MILLRACE_CRASH_FILLS (3) sets how often it runs full, MILLRACE_CRASH_SEED (random) when.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KafkaAdmin, KafkaConsumer, KafkaProducer } from '@millrace/kafka'
import { bytesToString, nextInt, seededRandom } from '@millrace/std'
import { afterAll, expect, test } from 'vitest'
import { type BrokerProcess, startBrokerProcess } from './broker-process.ts'

const fills = Number(process.env.MILLRACE_CRASH_FILLS ?? 3)
const seed = Number(process.env.MILLRACE_CRASH_SEED ?? Math.floor(Math.random() * 1e9))
const random = seededRandom(seed)
const set = {
  'log.segment.bytes': 100_000,
  'log.cleaner.backoff.ms': 50,
  'log.cleaner.min.cleanable.ratio': 0.01,
  'log.cleaner.dedupe.buffer.size': 2_000_000,
  'offsets.topic.num.partitions': 1,
  'offsets.topic.segment.bytes': 20_000,
  'transaction.state.log.num.partitions': 1,
  'transaction.state.log.segment.bytes': 20_000,
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-full-'))
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder]).status === 0
let broker: BrokerProcess | undefined
afterAll(async () => {
  await broker?.kill()
  if (mounted) spawnSync('umount', [folder])
  rmSync(folder, { recursive: true, force: true })
})

const ballast = join(folder, 'ballast')

/** Leaves about so many bytes free. */
function leaveRoom(bytes: number): void {
  rmSync(ballast, { force: true })
  const { bavail, bsize } = statfsSync(folder)
  try {
    writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - bytes)))
  } catch {
    // The broker was faster: then it is full already.
  }
}

const impatient = { deliveryTimeoutMs: 800, requestTimeoutMs: 700, maxBlockMs: 1_500, lingerMs: 0 }

/** The values at their offsets. */
async function contentOf(topic: string, isolationLevel: 'read_committed' | 'read_uncommitted'): Promise<string[]> {
  const at = { topic, partition: 0 }
  await using consumer = new KafkaConsumer({ bootstrapServers: (broker as BrokerProcess).bootstrap, isolationLevel })
  consumer.assign([at])
  consumer.seekToBeginning()
  const [end] = await consumer.endOffsets([at])
  const values: string[] = []
  while ((await consumer.position(at)) < (end?.offset ?? 0)) {
    for (const { key, value } of await consumer.poll(1_000))
      values.push(`${key ? bytesToString(key) : ''}:${Number.parseInt(bytesToString(value as Uint8Array), 10)}`)
  }
  return values
}

/** What was told of writes that are numbered: acknowledged, or asked for. */
class Told {
  readonly acknowledged: number[] = []
  next = 0

  /** Writes until the disk refuses, or `upTo` were taken. True when none was refused. */
  async fill(upTo: number, write: (number: number) => Promise<unknown>): Promise<boolean> {
    for (let i = 0; i < upTo; i++) {
      const number = this.next++
      try {
        await write(number)
      } catch {
        return false
      }
      this.acknowledged.push(number)
    }
    return true
  }
}

async function oneFill(admin: KafkaAdmin, round: number, offsets: Told): Promise<void> {
  const { bootstrap } = broker as BrokerProcess
  const [plainTopic, keyedTopic, transactionTopic] = ['plain', 'keyed', 'transactions'].map((t) => `${t}-${round}`) as [
    string,
    string,
    string,
  ]
  leaveRoom(4_000_000)
  const compact = { 'cleanup.policy': 'compact', 'segment.bytes': '50000' }
  await admin.createTopics([
    { topic: plainTopic, partitions: 1 },
    { topic: keyedTopic, partitions: 1, configs: compact },
    { topic: transactionTopic, partitions: 1 },
  ])
  const plain = new Told()
  const keyed = new Told()
  const transactions = new Told()
  const body = 'x'.repeat(4_000)

  const work = async (upTo: number) => {
    const producer = new KafkaProducer({ bootstrapServers: bootstrap, ...impatient })
    const transactional = new KafkaProducer({ bootstrapServers: bootstrap, ...impatient, transactionalId: 'filler' })
    const transaction = async (number: number) => {
      transactional.beginTransaction()
      const sends = [0, 1].map(() =>
        transactional.send({ topic: transactionTopic, partition: 0, value: `${number} ${body}` }),
      )
      await Promise.all(sends)
      await transactional.commitTransaction({ timeoutMs: 1_500 })
    }
    const done = await Promise.all([
      plain.fill(upTo, (n) => producer.send({ topic: plainTopic, partition: 0, value: `${n} ${body}` })),
      keyed.fill(upTo, (n) =>
        producer.send({ topic: keyedTopic, partition: 0, key: `k${n % 5}`, value: `${n} ${body}` }),
      ),
      transactional.initTransactions({ timeoutMs: 5_000 }).then(
        () => transactions.fill(upTo, transaction),
        () => false,
      ),
      offsets.fill(upTo, (n) =>
        admin.alterOffsets('g', [{ topic: 'anchor', partition: 0, offset: n, metadata: 'm'.repeat(500) }], {
          timeoutMs: 1_500,
        }),
      ),
    ])
    await Promise.all([producer.close({ timeoutMs: 100 }), transactional.close({ timeoutMs: 100 })]).catch(() => {})
    return done
  }

  await work(20)
  leaveRoom(nextInt(random, 300_000))
  const filled = await work(400)
  expect(filled.slice(0, 2)).toEqual([false, false])
  leaveRoom(0)
  // Reads go on; what needs room is refused.
  const before = await contentOf(plainTopic, 'read_committed')
  expect(before.slice(0, plain.acknowledged.length)).toEqual(plain.acknowledged.map((n) => `:${n}`))
  const more = new Told()
  const create = (n: number) => {
    // A round of compaction may have made room meanwhile; the last page of a file has some in any case.
    leaveRoom(0)
    return admin.createTopics([{ topic: `more-${round}-${n}`, partitions: 1 }], { timeoutMs: 1_000 })
  }
  expect(await more.fill(200, create)).toBe(false)
  expect(broker?.log.join('\n')).toContain('the disk is full')
  expect(broker?.log.filter((line) => line.includes('takes no more writes'))).toEqual([])

  const { port } = broker as BrokerProcess
  const dies = nextInt(random, 3) === 0
  if (dies) {
    await broker?.kill()
    // A start may need room as well: then it says so, and damages nothing.
    await startBrokerProcess({ data: join(folder, 'data'), port, set }).then(
      (started) => started.kill(),
      (cause: Error) => expect(cause.message).toMatch(/no space|disk is full|ENOSPC/i),
    )
  }
  leaveRoom(4_000_000)
  if (dies) broker = await startBrokerProcess({ data: join(folder, 'data'), port, set })
  // With room all goes on, without a restart if there was none.
  await expect.poll(async () => (await work(5)).every(Boolean), { timeout: 30_000 }).toBe(true)

  const plainFound = await contentOf(plainTopic, 'read_committed')
  const numbers = plainFound.map((value) => Number(value.slice(1)))
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
  expect(numbers).toEqual(expect.arrayContaining(plain.acknowledged))

  const latest = new Map<string, number>()
  for (const value of await contentOf(keyedTopic, 'read_committed')) {
    const [key, number] = value.split(':') as [string, string]
    expect(Number(number)).toBeGreaterThan(latest.get(key) ?? -1)
    latest.set(key, Number(number))
  }
  for (let key = 0; key < 5; key++) {
    const acknowledged = keyed.acknowledged.filter((n) => n % 5 === key).at(-1) as number
    expect(latest.get(`k${key}`)).toBeGreaterThanOrEqual(acknowledged)
  }

  const found = await contentOf(transactionTopic, 'read_committed')
  const counts = new Map<number, number>()
  for (const value of found) counts.set(Number(value.slice(1)), (counts.get(Number(value.slice(1))) ?? 0) + 1)
  expect([...new Set(counts.values())]).toEqual([2])
  expect([...counts.keys()]).toEqual(expect.arrayContaining(transactions.acknowledged))

  const [committed] = await admin.fetchOffsets('g')
  expect(committed?.offset).toBe(offsets.acknowledged.at(-1))
  const made = more.acknowledged.map((n) => `more-${round}-${n}`)
  const listed = (await admin.listTopics()).map((one) => one.topic)
  expect(listed).toEqual(expect.arrayContaining(made))
  await admin.deleteTopics(listed.filter((topic) => topic !== 'anchor'))
}

test.skipIf(!mounted)(
  `a disk that runs full ${fills} times: what was acknowledged stays, the rest is refused, and it goes on with room (seed ${seed})`,
  async () => {
    broker = await startBrokerProcess({ data: join(folder, 'data'), set })
    await using admin = new KafkaAdmin({ bootstrapServers: broker.bootstrap })
    await admin.createTopics([{ topic: 'anchor', partitions: 1 }])
    const offsets = new Told()
    for (let round = 0; round < fills; round++) await oneFill(admin, round, offsets)
    expect(await broker.stop()).toBe(0)
  },
  60_000 + fills * 20_000,
)
