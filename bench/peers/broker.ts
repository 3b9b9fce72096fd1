import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { peersHome } from '../../test/compat/peers.ts'

/** What an acknowledgement promises: that the operating system has the record, or that the device has it. */
export type Durability = 'system' | 'device'

/** A broker that is measured: a process of its own whose data stay between its starts. */
export interface PeerBroker {
  readonly name: 'ours' | 'kafka'
  readonly bootstrap: string
  readonly port: number
  readonly durability: Durability
  /** Starts the process and waits for the first answer that names a broker; milliseconds from the start. */
  start(): Promise<number>
  /** Ends the process and waits until it is gone. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Ends it and removes its data. */
  remove(): Promise<void>
  /** User and system time of the process so far, in seconds. */
  cpuSeconds(): number
  rssMiB(): number
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const ticksPerSecond = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout)
const pollMs = 5

function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

function rssMiBOf(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) / 1024
}

function alive(pid: number): boolean {
  if (pid === 0) return false
  try {
    process.kill(pid, 0)
    // A child that has ended is a zombie until its exit was read.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Metadata version 1 for no topics: the first answer that has a broker says that the node is ready. */
async function answered(port: number, limitMs: number): Promise<void> {
  // Size 19, Metadata (3) version 1, correlation id 7, client id `ready`, no topics.
  const request = Buffer.from('0000001300030001000000070005726561647900000000', 'hex')
  const end = performance.now() + limitMs
  while (performance.now() < end) {
    const ready = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(request))
      let bytes = Buffer.alloc(0)
      socket.on('data', (chunk) => {
        bytes = Buffer.concat([bytes, chunk])
        if (bytes.byteLength < 12 || bytes.byteLength < 4 + bytes.readInt32BE(0)) return
        resolve(bytes.readInt32BE(8) > 0)
        socket.destroy()
      })
      socket.on('error', () => resolve(false))
      socket.on('close', () => resolve(false))
    })
    if (ready) return
    await sleep(pollMs)
  }
  throw new Error(`No answer on port ${port} after ${limitMs} ms`)
}

async function end(pid: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  process.kill(pid, signal)
  const limit = performance.now() + 30_000
  while (alive(pid)) {
    if (performance.now() > limit) process.kill(pid, 'SIGKILL')
    await sleep(pollMs)
  }
}

/** Our broker as it is published: built, with Kafka's and our own defaults. */
export function ours(port: number, durability: Durability): PeerBroker {
  const data = mkdtempSync(join(tmpdir(), 'millrace-peers-'))
  const flush = durability === 'device' ? 'sync' : 'none'
  let pid = 0
  return {
    name: 'ours',
    bootstrap: `127.0.0.1:${port}`,
    port,
    durability,
    async start() {
      const started = performance.now()
      const child = spawn(
        process.execPath,
        ['packages/cli/dist/main.js', 'broker', '--port', `${port}`, '--data', data, '--set', `flush=${flush}`],
        { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
      )
      pid = child.pid ?? 0
      const ended = new Promise<never>((_, reject) => {
        child.once('exit', (code) => reject(new Error(`Our broker ended with ${code}`)))
      })
      await Promise.race([answered(port, 60_000), ended])
      ended.catch(() => {})
      return performance.now() - started
    },
    stop: (signal) => end(pid, signal),
    async remove() {
      if (alive(pid)) await end(pid, 'SIGTERM')
      rmSync(data, { recursive: true, force: true })
    },
    cpuSeconds: () => cpuSecondsOf(pid),
    rssMiB: () => rssMiBOf(pid),
  }
}

/** Apache Kafka 4.3.1 of test/compat/kafka.sh; for the device with `flush.messages=1`, the same for its own topics. */
export function apache(script: string, port: number, durability: Durability): PeerBroker {
  const settings = durability === 'device' ? ['log.flush.interval.messages=1'] : []
  const folder = join(peersHome, 'kafka', `node-${port}`)
  const pid = () => Number(readFileSync(join(folder, 'pid'), 'utf8'))
  return {
    name: 'kafka',
    bootstrap: `127.0.0.1:${port}`,
    port,
    durability,
    async start() {
      const started = performance.now()
      const child = spawn('bash', [script, 'up', `${port}`, 'log.segment.delete.delay.ms=1000', ...settings], {
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      const launched = new Promise<void>((resolve, reject) => {
        child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error('Apache Kafka did not start'))))
      })
      await Promise.all([answered(port, 120_000), launched])
      return performance.now() - started
    },
    async stop(signal) {
      await end(pid(), signal)
      rmSync(join(folder, 'pid'))
    },
    async remove() {
      if (existsSync(join(folder, 'pid')) && alive(pid())) await end(pid(), 'SIGTERM')
      rmSync(folder, { recursive: true, force: true })
    },
    cpuSeconds: () => cpuSecondsOf(pid()),
    rssMiB: () => rssMiBOf(pid()),
  }
}
