import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KafkaAdmin, KafkaConsumer, KafkaProducer, type PreparedTransaction } from '../../src/client/index.ts'
import { IMPATIENT, SimulatedWorld } from './support/simulated-world.ts'

const TOPIC = 'out'
const PARTITIONS = [0, 1].map((partition) => ({ topic: TOPIC, partition }))

/** A checkpoint of a sink: what it wrote in one transaction, and what was decided about it. */
interface Checkpoint {
  readonly values: string[]
  readonly decision: 'commit' | 'abort'
  readonly version: 1 | 2
}

/** Until it succeeds: whoever decides in two phases may not give up. */
async function insist(world: SimulatedWorld, attempt: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await attempt()
      return
    } catch (error) {
      if (!(error as { retriable?: boolean }).retriable) throw error
      await world.sleep(50)
    }
  }
}

/** One checkpoint: written, prepared, and ended by this process or by another one, once or twice. */
async function checkpoint(world: SimulatedWorld, id: number, { values, decision, version }: Checkpoint): Promise<void> {
  const writer = world.process()
  const options = {
    ...IMPATIENT,
    system: writer,
    transactionTimeoutMs: 600_000,
    lingerMs: 0,
    deliveryTimeoutMs: 600_000,
  }
  const producer = new KafkaProducer({ ...options, transactionalId: `sink-${id}` })
  await insist(world, () => producer.initTransactions())
  producer.beginTransaction()
  for (const [i, value] of values.entries()) {
    producer.send({ topic: TOPIC, partition: i % 2, value }).catch(() => {})
    if (world.chance(0.3)) await world.sleep(world.random.next() * 20)
  }
  let stored: PreparedTransaction | undefined
  await insist(world, async () => {
    stored = await producer.prepareTransaction({ timeoutMs: 600_000 })
  })
  if (!stored) return producer.close()
  const prepared = JSON.parse(JSON.stringify(stored)) as PreparedTransaction
  expect(prepared.transactionVersion).toBe(version)
  const dies = world.chance(0.5)
  if (dies) writer.kill()
  else await insist(world, () => (decision === 'commit' ? producer.commitTransaction() : producer.abortTransaction()))
  if (dies || world.chance(0.5)) {
    const admin = new KafkaAdmin({ ...IMPATIENT, system: world.process() })
    for (let times = 1 + world.int(2); times > 0; times--) {
      await insist(world, () => admin.endPreparedTransaction(prepared, decision, { timeoutMs: 5_000 }))
    }
    await admin.close()
  }
  if (!dies) await producer.close()
}

async function readCommitted(world: SimulatedWorld): Promise<string[]> {
  const consumer = new KafkaConsumer({ ...IMPATIENT, system: world.process(), isolationLevel: 'read_committed' })
  consumer.assign(PARTITIONS)
  consumer.seekToBeginning()
  const ends = await consumer.endOffsets(PARTITIONS)
  const values: string[] = []
  for (const { topic, partition, offset } of ends) {
    while ((await consumer.position({ topic, partition })) < offset) {
      for (const { value } of await consumer.poll(500)) values.push(Buffer.from(value ?? []).toString())
    }
  }
  await consumer.close()
  return values.sort()
}

describe('a commit in two phases', () => {
  it.each([
    ['v2, one broker', 2, 1],
    ['v2, three brokers', 2, 3],
    ['v1, one broker', 1, 1],
    ['v1, three brokers', 1, 3],
  ] as const)(
    'shows read_committed consumers exactly what was committed, whoever dies when: %s',
    async (_, version, brokers) => {
      const plan = fc.record({
        size: fc.integer({ min: 0, max: 5 }),
        decision: fc.constantFrom<'commit' | 'abort'>('commit', 'abort'),
      })
      await fc.assert(
        fc.asyncProperty(
          fc.array(plan, { minLength: 1, maxLength: 5 }),
          fc.integer({ min: 0, max: 3 }),
          fc.nat(),
          async (plans, restarts, seed) => {
            const world = new SimulatedWorld(seed, { brokers })
            const checkpoints = plans.map(({ size, decision }, id) => {
              return { decision, version, values: Array.from({ length: size }, (_, n) => `${id}/${n}`) }
            })
            await world.run(
              (async () => {
                await world.startBroker()
                const admin = new KafkaAdmin({ ...IMPATIENT, system: world.process() })
                await admin.createTopics([{ topic: TOPIC, partitions: 2 }])
                if (version === 1) {
                  await admin.updateFeatures([{ name: 'transaction.version', level: 1, kind: 'safeDowngrade' }])
                }
                await admin.close()
                Object.assign(world.network.faults, { cut: 0.02, refuse: 0.05, stall: 0.02, stallMs: 300 })
                let isOver = false
                const trouble = async () => {
                  for (let i = 0; i < restarts && !isOver; i++) {
                    await world.sleep(world.random.next() * 400)
                    // Several brokers are one process, which keeps the epochs of their leaders in memory only: it stays.
                    await (brokers > 1 ? world.failNode() : world.restartBroker())
                  }
                }
                const troubled = trouble()
                await Promise.all(checkpoints.map((each, id) => checkpoint(world, id, each)))
                isOver = true
                await troubled
                Object.assign(world.network.faults, { cut: 0, refuse: 0, stall: 0 })
                const expected = checkpoints.flatMap(({ values, decision }) => (decision === 'commit' ? values : []))
                expect(await readCommitted(world)).toEqual(expected.sort())
              })(),
            )
          },
        ),
        { numRuns: 8 },
      )
    },
  )
})
