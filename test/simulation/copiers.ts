import { KafkaConsumer, type KafkaProducer } from '@millrace/kafka'
import { clientTimes } from './client-times.ts'
import type { CopyRun, History, ProducerRun, Transaction } from './history.ts'
import { acknowledged, newSent, topic } from './producers.ts'
import { initialized, transactionalProducer } from './transactions.ts'
import { bootstrapServers, type World } from './world.ts'

export const copiesTopic = 'copies'

/** Reads committed records, writes each to another topic, and commits how far it came in the same transaction. */
export async function runCopier(world: World, history: History, group: string, isOver: () => boolean): Promise<void> {
  const copy: CopyRun = { group, found: new Map() }
  history.copies.push(copy)
  let life = 0
  const running: Promise<void>[] = []
  while (!isOver()) {
    const alive = liveOnce(world, history, group, life++, isOver)
    running.push(alive)
    await (world.chance(0.3) ? Promise.race([alive, world.sleep(world.random.next() * 500)]) : alive)
    await world.sleep(20)
  }
  await Promise.all(running)
  // In peace it comes to the end.
  await liveOnce(world, history, group, life, () => false)
}

async function liveOnce(
  world: World,
  history: History,
  group: string,
  life: number,
  isOver: () => boolean,
): Promise<void> {
  const process = world.process()
  const run: ProducerRun = { name: `${group}.${life}`, kind: 'transactional' }
  const producer = transactionalProducer(world, process, group)
  const consumer = new KafkaConsumer({
    bootstrapServers,
    ...clientTimes,
    system: process,
    groupId: group,
    isolationLevel: 'read_committed',
    enableAutoCommit: false,
    autoOffsetReset: 'earliest',
    fetchMaxWaitMs: 50,
    maxPollRecords: 10,
  })
  try {
    if (!(await initialized(world, producer))) return
    consumer.assign(Array.from({ length: world.plan.partitions }, (_, partition) => ({ topic, partition })))
    let idlePolls = 0
    for (let n = 0; idlePolls < 3 && !isOver(); n++) {
      const records = await consumer.poll(100)
      idlePolls = records.length === 0 ? idlePolls + 1 : 0
      if (records.length === 0) continue
      const transaction: Transaction = { name: `${run.name}t${n}`, records: [], outcome: 'pending' }
      history.transactions.push(transaction)
      await copyAll(world, history, { producer, consumer, run, transaction, records })
      if (world.chance(0.05)) return process.kill()
    }
  } catch (cause) {
    // The next life begins where the last committed transaction ended.
    world.note(() => `${run.name} ends: ${String(cause)}`)
  }
  await Promise.all([producer.close({ timeoutMs: 3_000 }), consumer.close({ timeoutMs: 3_000 })]).catch(() => {})
}

async function copyAll(
  world: World,
  history: History,
  parts: {
    producer: KafkaProducer
    consumer: KafkaConsumer
    run: ProducerRun
    transaction: Transaction
    records: Awaited<ReturnType<KafkaConsumer['poll']>>
  },
): Promise<void> {
  const { producer, consumer, run, transaction, records } = parts
  producer.beginTransaction()
  const next = new Map<number, number>()
  const written = records.map(({ partition, offset }) => {
    next.set(partition, offset + 1)
    const sent = newSent(history, {
      run,
      order: history.sent.length,
      partition,
      topic: copiesTopic,
      value: copyOf(transaction.name, partition, offset),
      transaction,
    })
    return producer.send({ topic: copiesTopic, partition, value: sent.value }).then(
      (metadata) => acknowledged(sent, metadata.offset),
      () => {
        sent.outcome = 'unknown'
      },
    )
  })
  if (world.chance(0.5)) await Promise.all(written)
  const offsets = [...next].map(([partition, offset]) => ({ topic, partition, offset }))
  await producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata())
  transaction.outcome = 'unknown'
  await producer.commitTransaction()
  transaction.outcome = 'yes'
}

/** The value of the copy of a record; the copy lies in the partition of the same number. */
function copyOf(transaction: string, partition: number, offset: number): string {
  return `${transaction}|${partition}@${offset}`
}

/** How far the group has come in the end. */
export async function findCopied(world: World, copy: CopyRun): Promise<void> {
  const consumer = new KafkaConsumer({ bootstrapServers, ...clientTimes, system: world.process(), groupId: copy.group })
  const partitions = Array.from({ length: world.plan.partitions }, (_, partition) => ({ topic, partition }))
  for (const { partition } of partitions) copy.found.set(partition, -1)
  for (const { partition, offset } of await consumer.committed(partitions)) copy.found.set(partition, offset)
  await consumer.close()
}
