import { KafkaAdmin } from '@millrace/kafka'
import { check, type Violation, type Views } from './checker.ts'
import { findCommitted, runCommitter } from './committers.ts'
import { findCommittedByGroup, runGroup } from './groups.ts'
import { History } from './history.ts'
import { copiesTopic, findCopied, runCopier } from './copiers.ts'
import { viewOf } from './log-view.ts'
import { runNemesis } from './nemesis.ts'
import { type Plan, planOf } from './plan.ts'
import { runProducer, topic } from './producers.ts'
import { isolationLevels, readToEnd, runReader } from './readers.ts'
import { runTransactions, transactionTimeoutMs } from './transactions.ts'
import { bootstrapServers, World } from './world.ts'

export interface SimulationOptions {
  /** Told what happens, a line each. */
  readonly trace?: (line: string) => void
  readonly plan?: Plan
}

export interface SimulationResult {
  readonly seed: number
  readonly violations: readonly Violation[]
  readonly history: History
  /** Milliseconds of simulated time, and events that ran. */
  readonly elapsedMs: number
  readonly events: number
}

/**
 * Runs a broker and its clients through faults that follow from the seed, and checks all that clients were told against
 * what the logs hold in the end. The same seed does the same again.
 */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  const plan = options.plan ?? planOf(seed)
  const world = new World(seed, plan, options.trace)
  const history = new History()
  await world.until(run(world, history))
  const views = await world.until(readLogs(world, history))
  const violations = check(history, views)
  return { seed, violations, history, elapsedMs: world.time.monotonic(), events: world.time.events }
}

async function run(world: World, history: History): Promise<void> {
  const { plan } = world
  await world.startBroker()
  const admin = new KafkaAdmin({ bootstrapServers, system: world.process() })
  await admin.createTopics([topic, copiesTopic].map((name) => ({ topic: name, partitions: plan.partitions })))
  await admin.close()
  let isOver = false
  const readers = times(plan.readers, (i) => runReader(world, history, topic, `reader${i}`, () => isOver))
  const copiers = times(plan.copiers, (i) => runCopier(world, history, `copier${i}`, () => isOver))
  const groups = times(plan.groups, (i) => runGroup(world, history, `group${i}`, () => isOver))
  const actors = [
    ...times(plan.plainProducers, (i) => runProducer(world, history, 'plain', `plain${i}`)),
    ...times(plan.idempotentProducers, (i) => runProducer(world, history, 'idempotent', `idempotent${i}`)),
    ...times(plan.transactionalProducers, (i) => runTransactions(world, history, `transactional${i}`)),
    ...times(plan.committers, (i) => runCommitter(world, history, topic, `committer${i}`)),
  ]
  await runNemesis(world)
  await Promise.all(actors)
  isOver = true
  await Promise.all([...readers, ...copiers, ...groups])
}

/** Everything is quiet: what do clients find, and what is in the files? */
async function readLogs(world: World, history: History): Promise<Views> {
  // What a killed process had sent may still be on its way, and the coordinator ends what it began with that.
  await world.sleep(2 * transactionTimeoutMs)
  for (const run of history.commits) await findCommitted(world, run)
  for (const run of history.copies) await findCopied(world, run)
  for (const run of history.groups) await findCommittedByGroup(world, run)
  const names = [topic, copiesTopic].flatMap((name) =>
    times(world.plan.partitions, (partition) => ({ name, partition })),
  )
  const views = () =>
    new Map(
      names.map(({ name, partition }) => [`${name}-${partition}`, viewOf(world.disk, `/data/${name}-${partition}`)]),
    )
  const now = views()
  const reads = names.flatMap(({ name, partition }) => {
    const endOffset = now.get(`${name}-${partition}`)?.endOffset ?? 0
    return isolationLevels.map((isolation) =>
      readToEnd(world, history, { topic: name, partition, isolation, endOffset }),
    )
  })
  await Promise.all(reads)
  await world.broker?.close()
  return views()
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i))
}
