import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compiled, kafkaJars } from '../../test/compat/java.ts'
import type { PeerBroker } from './broker.ts'
import { records } from './payload.ts'

const folder = fileURLToPath(new URL('./java', import.meta.url))
const gigabyte = 1e9

/** Class path of Kafka's own tools and of what is in bench/peers/java; built on the first use. */
export function classPath(): string {
  const built = compiled(
    'bench-4.3.1',
    kafkaJars(),
    readdirSync(folder).map((entry) => join(folder, entry)),
  )
  if (!built.available) throw new Error(`Kafka's tools are needed: ${built.why}`)
  return built.value
}

/** Runs a Java program as Kafka's own scripts run theirs; resolves to what it printed. */
export async function java(main: string, args: readonly (string | number)[], memory = '512m'): Promise<string> {
  const child = spawn(
    'java',
    [`-Xmx${memory}`, '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-cp', classPath(), main, ...args.map(String)],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const end = () => void child.kill('SIGKILL')
  process.once('exit', end)
  let printed = ''
  let complaints = ''
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk
  })
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk
  })
  const status = await new Promise((resolve) => child.on('close', resolve))
  process.off('exit', end)
  if (status !== 0) throw new Error(`${main} ended with ${status}:\n${printed.slice(-2000)}${complaints.slice(-2000)}`)
  return printed
}

/** Creates, deletes: see Topics.java. Resolves to the milliseconds that creation took. */
export async function topics(broker: PeerBroker, ...what: string[]): Promise<number> {
  return Number((await java('Topics', [broker.bootstrap, ...what])).trim() || 0)
}

export interface Load {
  readonly topic: string
  readonly count: number
  /** Records at the beginning that do not count for the rate. */
  readonly warmup?: number
  readonly size: number
  /** Properties of the producer, `name=value`. */
  readonly properties?: readonly string[]
  /** How long each transaction lasts; without it there are none. */
  readonly transactionMs?: number
}

/** What one run of a tool showed; CPU is the broker's alone, connection and start included. */
export interface Run {
  readonly recordsPerSecond: number
  /** MiB of values per second, as the tools print it. */
  readonly mibPerSecond: number
  readonly cpuSeconds: number
  readonly cpuPerGigabyte: number
  readonly cpuPerMillion: number
}

async function measured(
  broker: PeerBroker,
  count: number,
  size: number,
  run: () => Promise<[number, number]>,
): Promise<Run> {
  const before = broker.cpuSeconds()
  const [recordsPerSecond, mibPerSecond] = await run()
  const cpuSeconds = broker.cpuSeconds() - before
  return {
    recordsPerSecond,
    mibPerSecond,
    cpuSeconds,
    cpuPerGigabyte: cpuSeconds / ((count * size) / gigabyte),
    cpuPerMillion: cpuSeconds / (count / 1e6),
  }
}

/** Kafka's ProducerPerformance at full speed. */
export function produce(broker: PeerBroker, load: Load): Promise<Run> {
  const { topic, count, warmup = 0, size, properties = [], transactionMs } = load
  return measured(broker, count, size, async () => {
    const printed = await java('org.apache.kafka.tools.ProducerPerformance', [
      ...['--bootstrap-server', broker.bootstrap, '--topic', topic, '--num-records', count, '--throughput', -1],
      ...(warmup > 0 ? ['--warmup-records', warmup] : []),
      ...['--payload-file', records(size), '--reporting-interval', 3_600_000],
      ...(transactionMs ? ['--transaction-duration-ms', transactionMs] : []),
      ...['--command-property', 'acks=all', ...properties],
    ])
    const steady =
      warmup > 0
        ? /steady state records sent, ([\d.]+) records\/sec \(([\d.]+) MB\/sec/
        : /records sent, ([\d.]+) records\/sec \(([\d.]+) MB\/sec/
    const found = steady.exec(printed)
    if (!found) throw new Error(`ProducerPerformance printed something else:\n${printed}`)
    return [Number(found[1]), Number(found[2])]
  })
}

/** Kafka's ConsumerPerformance from the start of a topic. */
export function consume(broker: PeerBroker, { topic, count, size }: Load): Promise<Run> {
  return measured(broker, count, size, async () => {
    const printed = await java('org.apache.kafka.tools.ConsumerPerformance', [
      ...['--bootstrap-server', broker.bootstrap, '--topic', topic, '--num-records', count, '--hide-header'],
      ...['--reporting-interval', 3_600_000, '--timeout', 20_000],
    ])
    const fields = printed.trim().split('\n').at(-1)?.split(/, */) ?? []
    // start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, fetch MB/s, fetch records/s
    return [Number(fields[9]), Number(fields[8])]
  })
}
