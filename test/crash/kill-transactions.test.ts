// A real broker process is killed again and again under transactions, and librdkafka judges: writers (also our own, whose
// transactions are of version 2), a copier that reads, writes and commits, members of a KIP-848 group that read what is
// committed. MILLRACE_CRASH_KILLS (3) sets how often it is killed, MILLRACE_CRASH_SEED (random) when.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KafkaAdmin, KafkaProducer } from '@millrace/kafka'
import { nextInt, seededRandom } from '@millrace/std'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type BrokerProcess, startBrokerProcess } from './broker-process.ts'
import { Foreign, foreignContentOf, librdkafka, type Said } from './foreign.ts'

const kills = Number(process.env.MILLRACE_CRASH_KILLS ?? 3)
const seed = Number(process.env.MILLRACE_CRASH_SEED ?? Math.floor(Math.random() * 1e9))
const partitions = 3
const source = 'transactions'
const sink = 'copies'
/** Small segments of the topics; the coordinators' few partitions roll and are compacted as well. */
const set = {
  'log.segment.bytes': 200_000,
  'offsets.topic.segment.bytes': 100_000,
  'offsets.topic.num.partitions': 2,
  'transaction.state.log.segment.bytes': 100_000,
  'transaction.state.log.num.partitions': 2,
}

let folder: string
let broker: BrokerProcess | undefined
let running: Foreign[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-kill-'))
})
afterEach(async () => {
  await broker?.kill()
  for (const one of running) one.kill()
  running = []
  await rm(folder, { recursive: true, force: true })
})

function start(...args: ConstructorParameters<typeof Foreign>): Foreign {
  const one = new Foreign(...args)
  running.push(one)
  return one
}

/** A writer of our own. As one of librdkafka it goes on under its id, and says how its transactions ended. */
async function write(bootstrap: string, name: string, mustStop: () => boolean): Promise<Said[]> {
  const random = seededRandom(seed)
  const said: Said[] = []
  let producer: KafkaProducer | undefined
  for (let number = 0; !mustStop(); number++) {
    const size = 1 + nextInt(random, 40)
    const isCommit = nextInt(random, 4) > 0
    let outcome: Said['outcome'] = 'aborted'
    let offsets: [number, number][] = []
    try {
      if (!producer) {
        producer = new KafkaProducer({ bootstrapServers: bootstrap, transactionalId: name, lingerMs: 2 })
        await producer.initTransactions()
      }
      producer.beginTransaction()
      const current: KafkaProducer = producer
      const sends = Array.from({ length: size }, (_, i) => {
        const value = `${name}|${number}|${i}|${size}|${'x'.repeat(nextInt(random, 300))}`
        return current.send({ topic: source, partition: nextInt(random, partitions), value })
      })
      offsets = (await Promise.all(sends)).map(({ partition, offset }) => [partition, offset])
      if (isCommit) {
        outcome = 'unknown'
        await producer.commitTransaction()
        outcome = 'committed'
      } else await producer.abortTransaction()
    } catch {
      await producer?.close({ timeoutMs: 0 })
      producer = undefined
    }
    said.push({ transaction: `${name}|${number}`, size, outcome, offsets })
  }
  await producer?.close()
  return said
}

/** The values without what only fills them, by partition and offset. */
type Content = Map<string, string>

async function content(bootstrap: string, topic: string, isolation: 'read_committed' | 'read_uncommitted') {
  const found = await foreignContentOf(bootstrap, topic, isolation)
  const last = new Map<number, number>()
  for (const { partition, offset } of found) {
    expect(offset).toBeGreaterThan(last.get(partition) ?? -1)
    last.set(partition, offset)
  }
  return new Map(found.map(({ offset, partition, value }) => [`${partition}@${offset}`, value]))
}

/** What went wrong with transactions, in words; empty when nothing did. */
function faultsOf(transactions: readonly Said[], committed: Content, all: Content): string[] {
  const faults: string[] = []
  const seen = new Map<string, Set<number>>()
  const last = new Map<string, [transaction: number, index: number]>()
  for (const [place, value] of committed) {
    const [name, number, index] = value.split('|') as [string, string, string]
    const transaction = `${name}|${number}`
    const indexes = seen.get(transaction) ?? new Set()
    if (indexes.has(Number(index))) faults.push(`doubled: ${value} at ${place}`)
    seen.set(transaction, indexes.add(Number(index)))
    const lane = `${name} in ${place.split('@')[0]}`
    const [before, beforeIndex] = last.get(lane) ?? [-1, -1]
    if (Number(number) < before || (Number(number) === before && Number(index) <= beforeIndex))
      faults.push(`out of order: ${value} at ${place}`)
    last.set(lane, [Number(number), Number(index)])
  }
  for (const { offsets, outcome, size, transaction } of transactions) {
    const count = seen.get(transaction as string)?.size ?? 0
    seen.delete(transaction as string)
    if (outcome === 'aborted' && count > 0) faults.push(`aborted records read: ${transaction}`)
    if (outcome === 'committed' && count === 0) faults.push(`lost: ${transaction}`)
    if (count > 0 && count < (size as number)) faults.push(`torn: ${transaction}, ${count} of ${size}`)
    if (outcome !== 'committed') continue
    for (const [index, place] of (offsets ?? []).entries()) {
      const value = place && all.get(place.join('@'))
      if (!value?.startsWith(`${transaction}|${index}|`)) faults.push(`not where it was: ${transaction}|${index}`)
    }
  }
  // What nobody has said the end of was under way when the writer was stopped: there is no such transaction.
  for (const transaction of seen.keys()) faults.push(`from nowhere: ${transaction}`)
  for (const [place, value] of committed) if (all.get(place) !== value) faults.push(`another record at ${place}`)
  return faults
}

test.skipIf(!librdkafka.available)(
  `transactions survive ${kills} kills, whole, once and in order, as librdkafka sees it (seed ${seed})`,
  async () => {
    const random = seededRandom(seed)
    broker = await startBrokerProcess({ data: folder, set })
    const { port, bootstrap } = broker
    await using admin = new KafkaAdmin({ bootstrapServers: bootstrap })
    await admin.createTopics([source, sink].map((topic) => ({ topic, partitions })))

    const writers = ['a', 'b'].map((name, i) => start(bootstrap, 'write', source, `${partitions}`, name, `${seed + i}`))
    let stopped = false
    const writing = write(bootstrap, 'c', () => stopped)
    const copier = start(bootstrap, 'copy', source, sink, 'copiers')
    const readers = [0, 1].map(() => start(bootstrap, 'read', source, 'readers'))
    const isMoving = async () => {
      const from = [...writers, copier, ...readers].map(({ said }) => said.length)
      // The copier says nothing while all is well.
      await expect
        .poll(() => writers.every(({ said }, i) => said.length > (from[i] as number)), { timeout: 60_000 })
        .toBe(true)
    }
    await isMoving()

    const committedBy = () => {
      const furthest = new Map<number, number>()
      for (const { said } of readers)
        for (const { committed } of said)
          for (const [partition, offset] of Object.entries(committed ?? {}))
            furthest.set(Number(partition), Math.max(offset, furthest.get(Number(partition)) ?? -1))
      return furthest
    }
    for (let kill = 0; kill < kills; kill++) {
      await new Promise((resolve) => setTimeout(resolve, 200 + nextInt(random, 1_200)))
      const told = committedBy()
      await broker.kill()
      broker = await startBrokerProcess({ data: folder, port, set })
      expect(broker.log.filter((line) => line.includes('"error"'))).toEqual([])
      const kept = new Map((await admin.fetchOffsets('readers')).map(({ offset, partition }) => [partition, offset]))
      for (const [partition, offset] of told) expect(kept.get(partition)).toBeGreaterThanOrEqual(offset)
      // Work goes on between kills now and then, so that not all of them meet clients that still look for the broker.
      if (kill % 3 === 0) await isMoving()
    }

    stopped = true
    await Promise.all(writers.map((writer) => writer.stop()))
    const transactions = [...(await writing), ...writers.flatMap(({ said }) => said)]
    const committed = await content(bootstrap, source, 'read_committed')
    const all = await content(bootstrap, source, 'read_uncommitted')
    expect(faultsOf(transactions, committed, all)).toEqual([])
    for (const name of ['a', 'b', 'c'])
      for (const outcome of ['committed', 'aborted'] as const)
        expect(
          transactions.filter((one) => one.transaction?.startsWith(`${name}|`) && one.outcome === outcome).length,
        ).toBeGreaterThan(kills / 3)

    // The group has read all of what is committed, and nothing else; the copier has copied each of it once.
    const seen = () => new Set(readers.flatMap(({ said }) => said).flatMap(({ read = [] }) => read.map(String)))
    const wanted = new Set(
      [...committed].map(([place, value]) => `${place.replace('@', ',')},${value.split('|').slice(0, 4).join('|')}`),
    )
    await expect.poll(() => seen().size, { timeout: 90_000, interval: 500 }).toBeGreaterThanOrEqual(wanted.size)
    expect(seen()).toEqual(wanted)
    const places = [...committed.keys()].sort()
    const copies = async () => [...(await content(bootstrap, sink, 'read_committed')).values()].sort()
    await expect.poll(async () => (await copies()).length, { timeout: 90_000, interval: 1_000 }).toBe(places.length)
    expect(await copies()).toEqual(places)
    await Promise.all([copier, ...readers].map((one) => one.stop()))
    running = []
    // Positions move past markers, so they stand at the ends or right before what ends the partition.
    const told = committedBy()
    const kept = new Map((await admin.fetchOffsets('readers')).map(({ offset, partition }) => [partition, offset]))
    for (const [partition, offset] of told) expect(kept.get(partition)).toBe(offset)
    // Once more, right after the last answer: all is as it was.
    await broker.kill()
    broker = await startBrokerProcess({ data: folder, port, set })
    expect(await content(bootstrap, source, 'read_committed')).toEqual(committed)
    expect(await content(bootstrap, source, 'read_uncommitted')).toEqual(all)
    expect(await copies()).toEqual(places)
    expect(await broker.stop()).toBe(0)
    console.log(
      `${kills} kills: ${transactions.length} transactions, ${committed.size} records committed of ${all.size}, ` +
        `${copier.said.filter(({ lost }) => lost).length} lives of the copier ended`,
    )
  },
  120_000 + kills * 20_000,
)
