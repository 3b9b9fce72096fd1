// A real broker process is killed again and again while producers write to it. Whatever was acknowledged must be there,
// once and in order, whatever the producers had to send again. MILLRACE_CRASH_KILLS (3) sets how often it is killed,
// MILLRACE_CRASH_SEED (random) when.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesToString, nextInt, type Random, seededRandom } from '@millrace/std'
import { KafkaAdmin, KafkaConsumer, KafkaProducer, type KafkaProducerOptions } from '@millrace/kafka'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type BrokerProcess, startBrokerProcess } from './broker-process.ts'
import { foreignContentOf, librdkafka } from './foreign.ts'

const kills = Number(process.env.MILLRACE_CRASH_KILLS ?? 3)
const seed = Number(process.env.MILLRACE_CRASH_SEED ?? Math.floor(Math.random() * 1e9))
const partitions = 4
const topic = 'written'
const group = 'readers/of it'
/** Small segments and many of them: crashes meet rolls as well. */
const set = { 'log.segment.bytes': 200_000, 'log.index.interval.bytes': 1_000 }

let folder: string
let broker: BrokerProcess | undefined
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-kill-'))
})
afterEach(async () => {
  await broker?.kill()
  await rm(folder, { recursive: true, force: true })
})

/** One producer with a partition for itself: its records are numbered in the order in which they are sent. */
class Writer {
  /** Records that were acknowledged, by number, and the offsets they were given. */
  readonly offsets: number[] = []
  readonly failures: unknown[] = []
  readonly #producer: KafkaProducer
  readonly #partition: number
  readonly #random: Random
  readonly #open: Promise<void>[] = []
  sent = 0
  stopped = false

  constructor(bootstrap: string, partition: number, options: Partial<KafkaProducerOptions>) {
    this.#producer = new KafkaProducer({ bootstrapServers: bootstrap, bufferMemory: 400_000, ...options })
    this.#partition = partition
    this.#random = seededRandom(seed + partition)
  }

  async run(): Promise<void> {
    while (!this.stopped) {
      const count = 1 + nextInt(this.#random, 60)
      const sends = Array.from({ length: count }, () => this.#send())
      this.#open.push(...sends)
      // Sometimes on with it, sometimes wait for the answers: batches of all sizes, one or many under way.
      if (nextInt(this.#random, 3) === 0) await Promise.all(sends)
      else await new Promise((resolve) => setTimeout(resolve, nextInt(this.#random, 25)))
    }
    await Promise.all(this.#open)
    await this.#producer.close()
  }

  async #send(): Promise<void> {
    const number = this.sent++
    const value = `${number} ${'x'.repeat(nextInt(this.#random, 400))}`
    try {
      const { offset } = await this.#producer.send({ topic, partition: this.#partition, value })
      this.offsets[number] = offset
    } catch (cause) {
      this.failures.push(cause)
    }
  }
}

/** A member of a group that reads all partitions as they are written, and commits as it goes. */
class Reader {
  readonly seen = Array.from({ length: partitions }, () => new Set<number>())
  readonly failures: unknown[] = []
  readonly #consumer: KafkaConsumer
  stopped = false

  constructor(bootstrap: string) {
    const options = { autoOffsetReset: 'earliest', autoCommitIntervalMs: 50 } as const
    this.#consumer = new KafkaConsumer({ bootstrapServers: bootstrap, groupId: 'live', ...options })
    this.#consumer.subscribe([topic])
  }

  async run(): Promise<void> {
    while (!this.stopped) {
      try {
        for (const { partition, value } of await this.#consumer.poll(200)) {
          this.seen[partition]?.add(Number.parseInt(bytesToString(value as Uint8Array), 10))
        }
      } catch (cause) {
        this.failures.push(cause)
      }
    }
    await this.#consumer.close()
  }
}

async function contentOf(bootstrap: string, partition: number): Promise<{ number: number; offset: number }[]> {
  await using consumer = new KafkaConsumer({ bootstrapServers: bootstrap })
  consumer.assign([{ topic, partition }])
  consumer.seekToBeginning()
  const [end] = await consumer.endOffsets([{ topic, partition }])
  const found: { number: number; offset: number }[] = []
  while (found.length < (end?.offset ?? 0)) {
    const records = await consumer.poll(10_000)
    if (records.length === 0) throw new Error(`nothing more after ${found.length} of ${end?.offset} records`)
    for (const { value, offset } of records)
      found.push({ number: Number.parseInt(bytesToString(value as Uint8Array), 10), offset })
  }
  return found
}

test(
  `what was acknowledged survives ${kills} kills, once and in order (seed ${seed})`,
  async () => {
    const random = seededRandom(seed)
    broker = await startBrokerProcess({ data: folder, set })
    const { port, bootstrap } = broker
    await using admin = new KafkaAdmin({ bootstrapServers: bootstrap })
    await admin.createTopics([{ topic, partitions }])

    const styles: Partial<KafkaProducerOptions>[] = [
      { lingerMs: 0 },
      { lingerMs: 10, batchSize: 64_000, compressionType: 'lz4' },
      { lingerMs: 3, batchSize: 2_000 },
      { lingerMs: 5, compressionType: 'zstd', maxInFlightRequestsPerConnection: 1 },
    ]
    const writers = styles.map((style, partition) => new Writer(bootstrap, partition, style))
    const writing = writers.map((writer) => writer.run())
    const reader = new Reader(bootstrap)
    const reading = reader.run()

    let committed = -1
    const made: string[] = []
    for (let kill = 0; kill < kills; kill++) {
      await new Promise((resolve) => setTimeout(resolve, 150 + nextInt(random, 700)))
      committed = kill + 1
      await admin.alterOffsets(group, [
        { topic, partition: kill % partitions, offset: committed, metadata: `kill ${kill}` },
      ])
      await admin.createTopics([{ topic: `made-${kill}`, partitions: 2 }])
      made.push(`made-${kill}`)
      await broker.kill()
      broker = await startBrokerProcess({ data: folder, port, set })
      expect(broker.log.filter((line) => line.includes('"error"'))).toEqual([])
      const offsets = await admin.fetchOffsets(group)
      const latest = offsets.find(({ partition }) => partition === kill % partitions)
      expect(latest).toMatchObject({ topic, offset: committed, metadata: `kill ${kill}` })
      expect((await admin.listTopics()).map((listed) => listed.topic).sort()).toEqual([...made, topic].sort())
    }
    for (const writer of writers) writer.stopped = true
    await Promise.all(writing)
    // The reader missed nothing; what it read before its last commit it may have read twice.
    for (const [partition, writer] of writers.entries()) {
      await expect.poll(() => reader.seen[partition]?.size, { timeout: 30_000 }).toBe(writer.sent)
    }
    reader.stopped = true
    await reading
    expect(reader.failures).toEqual([])
    const left = new Map((await admin.fetchOffsets('live')).map(({ partition, offset }) => [partition, offset]))
    expect(left).toEqual(new Map(writers.map(({ sent }, partition) => [partition, sent])))
    // Once more, right after the last answer.
    await broker.kill()
    broker = await startBrokerProcess({ data: folder, port, set })

    const foreign = librdkafka.available ? await foreignContentOf(bootstrap, topic, 'read_uncommitted') : undefined
    for (const [partition, writer] of writers.entries()) {
      expect(writer.failures).toEqual([])
      const found = await contentOf(bootstrap, partition)
      expect(found.map(({ offset }) => offset)).toEqual(found.map((_, i) => i))
      expect(found.map(({ number }) => number)).toEqual(Array.from({ length: writer.sent }, (_, i) => i))
      expect(writer.offsets).toEqual(found.map(({ offset }) => offset))
      expect(writer.sent).toBeGreaterThan(kills)
      // librdkafka, which checks the checksums as well, finds the same.
      const seen = foreign?.filter((record) => record.partition === partition)
      if (seen) expect(seen.map(({ offset, value }) => ({ number: Number.parseInt(value, 10), offset }))).toEqual(found)
    }
    expect(await broker.stop()).toBe(0)
  },
  60_000 + kills * 10_000,
)
