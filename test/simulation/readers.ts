import { type IsolationLevel, KafkaConsumer } from '@millrace/kafka'
import { clientTimes } from './client-times.ts'
import type { History, Reading } from './history.ts'
import { bootstrapServers, type World } from './world.ts'

export const isolationLevels: readonly IsolationLevel[] = ['read_uncommitted', 'read_committed']

/** Follows partitions while everything happens, now and then from another place, or as another process. */
export async function runReader(world: World, history: History, topic: string, name: string, isOver: () => boolean) {
  let life = 0
  const positions = new Map<string, number>()
  while (!isOver()) {
    const process = world.process()
    const isolation = world.pick(isolationLevels)
    const partition = world.int(world.plan.partitions)
    const place = `${isolation}${partition}`
    const from = world.chance(0.3) ? 0 : (positions.get(place) ?? 0)
    const reading = newReading(history, { name: `${name}.${life++}`, isolation, topic, partition, from })
    const consumer = newConsumer(process, reading)
    const polls = 1 + world.int(12)
    for (let i = 0; i < polls && !isOver(); i++) await poll(world, history, consumer, reading)
    positions.set(place, reading.position)
    if (world.chance(0.3)) process.kill()
    else await consumer.close()
    await world.sleep(world.random.next() * 20)
  }
}

/** Reads all that a partition has, to `endOffset`. */
export async function readToEnd(
  world: World,
  history: History,
  what: { topic: string; partition: number; isolation: IsolationLevel; endOffset: number },
) {
  const reading = newReading(history, { ...what, name: `last ${what.isolation}`, from: 0 })
  const consumer = newConsumer(world.process(), reading)
  const deadline = world.time.monotonic() + 30_000
  while (reading.position < what.endOffset && world.time.monotonic() < deadline) {
    await poll(world, history, consumer, reading)
  }
  if (reading.position < what.endOffset) {
    history.wrong.push(
      `stuck: ${what.isolation} of ${what.topic}-${what.partition} stands at ${reading.position} of ${what.endOffset}`,
    )
  }
  await consumer.close()
}

function newReading(history: History, what: Omit<Reading, 'records' | 'position'>): Reading {
  const reading: Reading = { ...what, records: [], position: what.from }
  history.readings.push(reading)
  return reading
}

function newConsumer(
  process: ReturnType<World['process']>,
  { isolation, topic, partition, from }: Reading,
): KafkaConsumer {
  const consumer = new KafkaConsumer({
    bootstrapServers,
    ...clientTimes,
    system: process,
    isolationLevel: isolation,
    enableAutoCommit: false,
    autoOffsetReset: 'none',
    fetchMaxWaitMs: 50,
    maxPartitionFetchBytes: 2_000,
  })
  consumer.assign([{ topic, partition }])
  consumer.seek({ topic, partition, offset: from })
  return consumer
}

async function poll(world: World, history: History, consumer: KafkaConsumer, reading: Reading): Promise<void> {
  try {
    const records = await consumer.poll(100)
    for (const { offset, value } of records)
      reading.records.push({ offset, value: Buffer.from(value ?? []).toString() })
    const { topic, partition } = reading
    reading.position = await consumer.position({ topic, partition })
  } catch (cause) {
    // The reader asks for nothing that is not there: whatever it is told about its place is wrong.
    if ((cause as { code?: string }).code === 'KAFKA_TIMEOUT') return
    history.wrong.push(`${reading.name} at ${reading.position}: ${String(cause)}`)
    world.note(() => `${reading.name}: ${String(cause)}`)
    await world.sleep(50)
  }
}
