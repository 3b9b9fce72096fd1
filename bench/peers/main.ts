import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { apacheKafka } from '../../test/compat/peers.ts'
import { apache, type Durability, ours, type PeerBroker } from './broker.ts'
import type { Group } from './group.ts'
import { connectionsGroup, heartbeatGroup } from './groups/clients.ts'
import { fsyncLatencyGroup, latencyGroup } from './groups/latency.ts'
import { memoryGroup, recoverGroup, startGroup } from './groups/lifecycle.ts'
import { partitionsGroup, topicsGroup } from './groups/partitions.ts'
import { streamsGroup } from './groups/streams.ts'
import { consumeGroup, fsyncGroup, produceGroup, requestsGroup, transactionsGroup } from './groups/throughput.ts'
import { type Figures, table } from './rows.ts'
import { classPath, consume, produce, topics } from './tools.ts'

// npm run bench:peers                   our broker beside Apache Kafka 4.3.1, with Kafka's own tools: the whole table
// npm run bench:peers -- GROUP …        some of it; npm run bench:peers -- --list names the groups
// npm run bench:peers -- --scale 0.1    moves a tenth: quicker, noisier
// npm run bench:peers -- --only ours    one broker
// Broker CPU is utime and stime of its process alone. MB/s is MiB/s as Kafka's tools print it, GB is 1e9 bytes of values.
const groups: readonly Group[] = [
  startGroup,
  produceGroup,
  consumeGroup,
  requestsGroup,
  transactionsGroup,
  latencyGroup,
  connectionsGroup,
  heartbeatGroup,
  partitionsGroup,
  memoryGroup,
  streamsGroup,
  fsyncGroup,
  fsyncLatencyGroup,
  topicsGroup,
  recoverGroup,
]
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    scale: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
})
const scale = { factor: Number(values.scale) }
const root = fileURLToPath(new URL('../..', import.meta.url))
const ports = { ours: 17_492, kafka: 17_592 }
const names = groups.map(({ name }) => name)
const unknown = positionals.filter((name) => !names.includes(name))

if (values.list || unknown.length > 0) {
  if (unknown.length > 0) console.error(`There is no group ${unknown.join(', ')}.`)
  console.log(names.join('\n'))
  process.exit(unknown.length > 0 ? 2 : 0)
}
const kafka = apacheKafka()
if (!kafka.available) {
  console.error(`Apache Kafka is needed, for its tools too: ${kafka.why}`)
  process.exit(1)
}
classPath()
const built = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-b'], { cwd: root, stdio: 'inherit' })
if (built.status !== 0) process.exit(1)

const running = new Set<PeerBroker>()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void Promise.all([...running].map((broker) => broker.remove())).finally(() => process.exit(130))
  })
}
const wanted = positionals.length > 0 ? groups.filter(({ name }) => positionals.includes(name)) : groups
const figures: Record<'kafka' | 'ours', Figures> = { kafka: {}, ours: {} }
for (const name of ['kafka', 'ours'] as const) {
  if (values.only !== undefined && values.only !== name) continue
  for (const durability of ['system', 'device'] as const) {
    const some = wanted.filter((group) => group.durability === durability)
    const make = () => (name === 'kafka' ? apache(kafka.value, ports.kafka, durability) : ours(ports.ours, durability))
    await within(
      make,
      some.filter(({ ownsProcess }) => !ownsProcess),
      figures[name],
    )
    for (const group of some.filter(({ ownsProcess }) => ownsProcess)) {
      const broker = make()
      running.add(broker)
      await broker.remove()
      await measure(group, broker, figures[name]).finally(() => broker.remove())
    }
  }
}
console.log(`\n${table(figures.ours, figures.kafka)}`)

/** Groups that share a broker: it is warmed up first. */
async function within(make: () => PeerBroker, some: readonly Group[], into: Figures): Promise<void> {
  if (some.length === 0) return
  const broker = make()
  running.add(broker)
  await broker.remove()
  try {
    await broker.start()
    await warm(broker, broker.durability)
    for (const group of some) await measure(group, broker, into)
  } finally {
    await broker.remove()
  }
}

/** A cold JVM is three to six times dearer than a warm one: what comes first is not counted. */
async function warm(broker: PeerBroker, durability: Durability): Promise<void> {
  const topic = 'peers-warm'
  const size = 1024
  const large = ['batch.size=262144', 'linger.ms=5']
  const count = Math.ceil((durability === 'system' ? 3_000_000 : 300_000) * scale.factor)
  await topics(broker, `-${topic}`, `+${topic}:1`)
  await produce(broker, { topic, count, size, properties: large })
  await produce(broker, { topic, count: Math.ceil(count / 10), size })
  await produce(broker, { topic, count: Math.ceil(count / 10), size, properties: large, transactionMs: 100 })
  await consume(broker, { topic, count, size })
  await topics(broker, `-${topic}`)
}

async function measure(group: Group, broker: PeerBroker, into: Figures): Promise<void> {
  const started = performance.now()
  const found = await group.measure(broker, scale).catch((error: unknown) => {
    console.error(`${broker.name} ${group.name}: ${error instanceof Error ? error.message : error}`)
    process.exitCode = 1
    return {}
  })
  Object.assign(into, found)
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  console.log(
    `${broker.name} ${group.name} (${seconds} s) ${JSON.stringify(found, (_, value) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value))}`,
  )
}
