import { KafkaConsumer } from '@millrace/kafka'
import { clientTimes } from './client-times.ts'
import type { GroupRun, History } from './history.ts'
import { topic } from './producers.ts'
import { bootstrapServers, type World } from './world.ts'

/** Longer than the broker waits for a member that died. */
const patienceMs = 120_000

/** A group whose members come, go and die, and commit only what they have read. */
export async function runGroup(world: World, history: History, group: string, isOver: () => boolean): Promise<void> {
  const run: GroupRun = { group, protocol: world.pick(['classic', 'consumer']), read: new Map(), found: new Map() }
  history.groups.push(run)
  let members = 0
  const slots = Array.from({ length: 1 + world.int(3) }, async () => {
    while (!isOver()) {
      const polls = 3 + world.int(40)
      let polled = 0
      await liveOnce(world, run, `${group}.${members++}`, async () => isOver() || polled++ === polls)
      await world.sleep(world.random.next() * 100)
    }
  })
  await Promise.all(slots)
  // In peace the group comes to the end.
  const deadline = world.time.monotonic() + patienceMs
  while (!(await hasReadAll(world, run))) {
    if (world.time.monotonic() > deadline) {
      history.wrong.push(`stuck: ${run.protocol} group ${group} does not come to the end`)
      return
    }
    let polled = 0
    await liveOnce(world, run, `${group}.${members++}`, async () => polled++ > 10 && (await hasReadAll(world, run)))
  }
}

async function liveOnce(
  world: World,
  run: GroupRun,
  clientId: string,
  isEnough: () => Promise<boolean>,
): Promise<void> {
  const process = world.process()
  const consumer = newConsumer(process, run, clientId)
  consumer.subscribe([topic])
  try {
    while (!(await isEnough())) {
      const records = await consumer.poll(100)
      for (const { partition, offset } of records) offsetsOf(run, partition).add(offset)
      // Without records, too: the position moves over the ends of transactions.
      if (consumer.assignment().length > 0) await consumer.commit()
      if (world.network.faults.cut > 0 && world.chance(0.02)) {
        world.note(() => `${clientId} dies`)
        return process.kill()
      }
    }
  } catch (cause) {
    world.note(() => `${clientId} ends: ${String(cause)}`)
  }
  await consumer.close({ timeoutMs: 3_000 }).catch(() => {})
}

async function hasReadAll(world: World, run: GroupRun): Promise<boolean> {
  await findCommittedByGroup(world, run)
  const consumer = newConsumer(world.process(), run, 'observer')
  const ends = await consumer.endOffsets(partitionsOf(world))
  await consumer.close()
  return ends.every(({ partition, offset }) => offset === 0 || run.found.get(partition) === offset)
}

/** How far the group has come. */
export async function findCommittedByGroup(world: World, run: GroupRun): Promise<void> {
  const consumer = newConsumer(world.process(), run, 'observer')
  for (const { partition, offset } of await consumer.committed(partitionsOf(world))) run.found.set(partition, offset)
  await consumer.close()
}

function partitionsOf(world: World) {
  return Array.from({ length: world.plan.partitions }, (_, partition) => ({ topic, partition }))
}

function offsetsOf({ read }: GroupRun, partition: number): Set<number> {
  let offsets = read.get(partition)
  if (!offsets) {
    offsets = new Set()
    read.set(partition, offsets)
  }
  return offsets
}

function newConsumer(
  process: ReturnType<World['process']>,
  { group, protocol }: GroupRun,
  clientId: string,
): KafkaConsumer {
  return new KafkaConsumer({
    bootstrapServers,
    ...clientTimes,
    clientId,
    system: process,
    groupId: group,
    groupProtocol: protocol,
    ...(protocol === 'classic' ? { sessionTimeoutMs: 6_000, heartbeatIntervalMs: 500 } : {}),
    enableAutoCommit: false,
    autoOffsetReset: 'earliest',
    fetchMaxWaitMs: 50,
    maxPollRecords: 10,
    defaultApiTimeoutMs: 2_000,
  })
}
