import { KafkaProducer } from '@millrace/kafka'
import { clientTimes } from './client-times.ts'
import type { History, ProducerKind, ProducerRun, Sent } from './history.ts'
import { bootstrapServers, type World } from './world.ts'

/** The topic that producers write to. */
export const topic = 'events'

/** A producer without transactions that sends at random times, in bursts; its process may die and come back as another. */
export async function runProducer(
  world: World,
  history: History,
  kind: Exclude<ProducerKind, 'transactional'>,
  name: string,
) {
  let life = 0
  let left = world.plan.sendsPerProducer
  while (left > 0) {
    const run: ProducerRun = { name: `${name}.${life++}`, kind }
    const process = world.process()
    const producer = new KafkaProducer({
      bootstrapServers,
      ...clientTimes,
      system: process,
      enableIdempotence: kind === 'idempotent',
      lingerMs: world.pick([0, 0, 5, 20]),
      batchSize: world.pick([200, 16_384]),
      deliveryTimeoutMs: world.pick([2_000, 60_000]),
    })
    const share = Math.min(left, 1 + world.int(world.plan.sendsPerProducer))
    left -= share
    const pending: Promise<void>[] = []
    for (let n = 0; n < share; n++) {
      if (world.chance(0.3)) await world.sleep(world.random.next() * 60)
      pending.push(send(world, history, producer, run, n))
    }
    if (world.chance(0.2)) process.kill()
    else {
      await Promise.all(pending)
      await producer.close()
    }
  }
}

async function send(world: World, history: History, producer: KafkaProducer, run: ProducerRun, order: number) {
  const partition = world.int(world.plan.partitions)
  const sent = newSent(history, { run, order, partition })
  try {
    const { offset } = await producer.send({ topic, partition, value: sent.value })
    acknowledged(sent, offset)
  } catch (cause) {
    // A lost connection, or no answer in time, says nothing about what the broker did.
    sent.outcome = 'unknown'
    world.note(() => `${sent.value} failed: ${String(cause)}`)
  }
}

/** Notes that a record is about to be sent. */
export function newSent(
  history: History,
  what: {
    run: ProducerRun
    order: number
    partition: number
    topic?: string
    value?: string
    transaction?: Sent['transaction']
  },
): Sent {
  const { run, order, partition, transaction } = what
  const sent: Sent = {
    value: what.value ?? `${run.name}/${transaction?.name ?? ''}/${order}`,
    topic: what.topic ?? topic,
    partition,
    producer: run,
    transaction,
    order,
    outcome: 'pending',
    offset: -1,
  }
  history.sent.push(sent)
  transaction?.records.push(sent)
  return sent
}

export function acknowledged(sent: Sent, offset: number): void {
  sent.outcome = 'yes'
  sent.offset = offset
}
