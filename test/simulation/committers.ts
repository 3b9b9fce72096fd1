import { KafkaConsumer } from '@millrace/kafka'
import { clientTimes } from './client-times.ts'
import type { CommitRun, History } from './history.ts'
import { bootstrapServers, type World } from './world.ts'

/** Commits positions that only grow, for a group without members, one after the other. */
export async function runCommitter(world: World, history: History, topic: string, group: string): Promise<void> {
  const run: CommitRun = {
    group,
    topic,
    partition: world.int(world.plan.partitions),
    acknowledged: -1,
    attempted: -1,
    found: -1,
  }
  history.commits.push(run)
  const count = world.plan.sendsPerProducer
  let process = world.process()
  let consumer = newConsumer(process, run)
  for (let offset = 0; offset < count; offset++) {
    run.attempted = offset
    try {
      await consumer.commit([{ topic, partition: run.partition, offset }], { timeoutMs: 1_500 })
      run.acknowledged = offset
    } catch (cause) {
      world.note(() => `${group} at ${offset}: ${String(cause)}`)
      // A commit that is still under way must not come after the next one: that one goes over another connection.
      process.kill()
      await world.sleep(world.network.faults.stallMs + 1_000)
      process = world.process()
      consumer = newConsumer(process, run)
    }
    if (world.chance(0.3)) await world.sleep(world.random.next() * 100)
  }
  await consumer.close()
}

/** What the group has in the end. */
export async function findCommitted(world: World, run: CommitRun): Promise<void> {
  const consumer = newConsumer(world.process(), run)
  const { topic, partition } = run
  const [committed] = await consumer.committed([{ topic, partition }])
  run.found = committed?.offset ?? -1
  await consumer.close()
}

function newConsumer(process: ReturnType<World['process']>, { group, topic, partition }: CommitRun): KafkaConsumer {
  const consumer = new KafkaConsumer({
    bootstrapServers,
    ...clientTimes,
    system: process,
    groupId: group,
    enableAutoCommit: false,
  })
  consumer.assign([{ topic, partition }])
  return consumer
}
