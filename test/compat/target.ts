import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The configuration under which both brokers are judged, ours and Apache Kafka: Kafka's defaults, but for what would
 * make a test wait.
 */
export const judgedConfig: Readonly<Record<string, string>> = {
  'auto.create.topics.enable': 'true',
  'num.partitions': '3',
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '100',
  'group.consumer.min.heartbeat.interval.ms': '100',
  'group.consumer.heartbeat.interval.ms': '300',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
}

/** A broker that foreign programs talk to. */
export interface Running {
  readonly bootstrap: string
  stop(): void
}

/** Names the broker to judge, instead of one that is started: `npm run compat -- --bootstrap HOST:PORT`. */
export const givenBootstrap = process.env.MILLRACE_COMPAT_BOOTSTRAP ?? ''

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Our broker as its user starts it: a process of its own, a folder on disk, fsync before an acknowledgement. */
export async function startOurs(config: Readonly<Record<string, string>> = judgedConfig): Promise<Running> {
  const data = mkdtempSync(join(tmpdir(), 'millrace-compat-'))
  const settings = Object.entries(config).flatMap(([key, value]) => ['--set', `${key}=${value}`])
  const child = spawn(
    process.execPath,
    [
      '--conditions=millrace-source',
      '--disable-warning=ExperimentalWarning',
      'packages/cli/src/main.ts',
      'broker',
      '--json',
      '--port',
      '0',
      '--data',
      data,
      ...settings,
    ],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const stop = () => {
    child.kill('SIGKILL')
    rmSync(data, { recursive: true, force: true })
  }
  process.once('exit', stop)
  const bootstrap = await new Promise<string>((resolve, reject) => {
    let printed = ''
    let complaints = ''
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk
      for (const line of printed.split('\n').slice(0, -1)) {
        const { event, bootstrap: address } = JSON.parse(line) as { event: string; bootstrap: string }
        if (event === 'ready') resolve(address)
      }
    })
    child.stderr.on('data', (chunk: Buffer) => {
      complaints += chunk
    })
    child.on('exit', (code) => reject(new Error(`The broker ended with ${code}: ${complaints}`)))
  })
  return { bootstrap, stop }
}

/** A real Apache Kafka of `kafka.sh`. */
export function startApache(script: string, port: number): Running {
  const settings = Object.entries(judgedConfig).map(([key, value]) => `${key}=${value}`)
  const started = spawnSync('bash', [script, 'up', `${port}`, ...settings], { encoding: 'utf8' })
  const stop = () => void spawnSync('bash', [script, 'down', `${port}`])
  if (started.status !== 0) {
    stop()
    throw new Error(`Apache Kafka did not start: ${started.stderr}`)
  }
  return { bootstrap: `127.0.0.1:${port}`, stop }
}
