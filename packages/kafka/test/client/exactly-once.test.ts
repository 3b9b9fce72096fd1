import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAbortable, KafkaAdmin, KafkaConsumer, KafkaProducer } from '../../src/client/index.ts'
import { IMPATIENT, SimulatedWorld } from './support/simulated-world.ts'

const INPUT = [0, 1, 2].map((partition) => ({ topic: 'in', partition }))
const OUTPUT = [{ topic: 'out', partition: 0 }]

/** Reads, writes and commits in transactions, as a member of a group, until it has to stop; some end without a word. */
async function copy(world: SimulatedWorld, name: string, mustStop: () => boolean): Promise<void> {
  while (!mustStop()) {
    const process = world.process()
    const consumer = new KafkaConsumer({
      ...IMPATIENT,
      system: process,
      groupId: 'copiers',
      groupProtocol: 'consumer',
      autoOffsetReset: 'earliest',
      enableAutoCommit: false,
      isolationLevel: 'read_committed',
      maxPollRecords: 5,
      fetchMaxWaitMs: 50,
    })
    const producer = new KafkaProducer({
      ...IMPATIENT,
      system: process,
      transactionalId: name,
      deliveryTimeoutMs: 5_000,
      maxBlockMs: 5_000,
      lingerMs: 0,
    })
    const dieAtTimes = () => {
      if (!world.chance(0.1)) return
      process.kill()
      throw new Error('dead')
    }
    try {
      await producer.initTransactions()
      consumer.subscribe(['in'])
      for (let lives = 3 + world.int(12); lives > 0 && !mustStop(); lives--) {
        await copySome(consumer, producer, dieAtTimes)
      }
    } catch {
      // As a program would: it starts again where the group stands.
    }
    if (process.isAlive)
      await Promise.all([consumer.close({ timeoutMs: 3_000 }).catch(() => {}), producer.close({ timeoutMs: 3_000 })])
  }
}

async function copySome(consumer: KafkaConsumer, producer: KafkaProducer, dieAtTimes: () => void): Promise<void> {
  const records = await consumer.poll(100)
  if (records.length === 0) return
  producer.beginTransaction()
  try {
    for (const { value } of records) producer.send({ topic: 'out', partition: 0, value }).catch(() => {})
    const offsets = consumer
      .assignment()
      .map((at) => ({ ...at, next: records.findLast((r) => r.partition === at.partition) }))
    const committed = offsets.flatMap(({ topic, partition, next }) =>
      next ? [{ topic, partition, offset: next.offset + 1 }] : [],
    )
    dieAtTimes()
    await producer.sendOffsetsToTransaction(committed, consumer.groupMetadata())
    dieAtTimes()
    for (;;) {
      try {
        await producer.commitTransaction()
        return
      } catch (error) {
        if (!(error as { retriable?: boolean }).retriable) throw error
      }
    }
  } catch (error) {
    if (isAbortable(error)) await producer.abortTransaction()
    throw error
  }
}

describe('reading, writing and committing in transactions', () => {
  it('copies each record once, by members of a KIP-848 group that come, die and lose their connections', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 3 }), fc.nat(2), async (seed, members, restarts) => {
        const world = new SimulatedWorld(seed)
        const values = Array.from({ length: 36 }, (_, n) => `value-${n}`)
        const copies: string[] = []
        await world.run(
          (async () => {
            await world.startBroker()
            const admin = new KafkaAdmin({ ...IMPATIENT, system: world.process() })
            await admin.createTopics([
              { topic: 'in', partitions: 3 },
              { topic: 'out', partitions: 1 },
            ])
            const source = new KafkaProducer({ ...IMPATIENT, system: world.process() })
            await Promise.all(values.map((value, n) => source.send({ topic: 'in', partition: n % 3, value })))
            await source.close()
            Object.assign(world.network.faults, { cut: 0.01, refuse: 0.02, stall: 0.01, stallMs: 300 })
            let isOver = false
            const copiers = Array.from({ length: members }, (_, i) => copy(world, `copier-${i}`, () => isOver))
            for (let i = 0; i < restarts; i++) {
              await world.sleep(world.random.next() * 2_000)
              await world.restartBroker()
            }
            // Until the group has committed the end of all partitions.
            const done = async () => {
              const committed = await admin.fetchOffsets('copiers', { requireStable: true }).catch(() => [])
              return INPUT.every(({ partition }) => committed.some((c) => c.partition === partition && c.offset === 12))
            }
            while (!(await done())) await world.sleep(200)
            isOver = true
            Object.assign(world.network.faults, { cut: 0, refuse: 0, stall: 0 })
            await Promise.all(copiers)
            await admin.close()
            const reader = new KafkaConsumer({
              ...IMPATIENT,
              system: world.process(),
              isolationLevel: 'read_committed',
            })
            reader.assign(OUTPUT)
            reader.seekToBeginning()
            for (let idle = 0; idle < 3; ) {
              const records = await reader.poll(500)
              for (const { value } of records) copies.push(Buffer.from(value ?? []).toString())
              idle = records.length > 0 ? 0 : idle + 1
            }
            await reader.close()
          })(),
        )
        expect(copies.sort()).toEqual(values.toSorted())
      }),
      { numRuns: 4 },
    )
  })
})
