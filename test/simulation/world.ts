import { type Broker, startBroker } from '@millrace/broker'
import { nextInt, type Random, seededRandom } from '@millrace/std'
import { SimulatedDisk, SimulatedNetwork, SimulatedProcess, SimulatedTime } from '@millrace/testing'
import type { Plan } from './plan.ts'

export const bootstrapServers = '127.0.0.1:9092'
const dataFolder = '/data'
/** Longer than any client waits for anything. */
const patienceMs = 3_600_000

/** How a broker ends: its process only, or with the power of its machine, and so what was not synced. */
export type CrashKind = 'kill' | 'power'

/** One machine with a broker, and the network to its clients: all that happens in it follows from the seed. */
export class World {
  readonly seed: number
  readonly plan: Plan
  readonly random: Random
  readonly time = new SimulatedTime()
  readonly disk: SimulatedDisk
  readonly network: SimulatedNetwork
  broker: Broker | undefined
  #brokerProcess: SimulatedProcess | undefined
  readonly #trace: ((line: string) => void) | undefined

  constructor(seed: number, plan: Plan, trace?: (line: string) => void) {
    this.seed = seed
    this.plan = plan
    this.#trace = trace
    this.random = seededRandom(seed)
    const { time } = this
    this.network = new SimulatedNetwork({ time, random: this.random })
    this.disk = new SimulatedDisk({
      clock: time,
      random: this.random,
      syncs: { timers: time, delayMs: () => 0.1 + this.random.next() * plan.maxSyncMs },
    })
    this.disk.makeDirectory(dataFolder)
    this.disk.syncDirectoryNow('/')
    this.disk.onPowerFailure = () => this.#brokerProcess?.kill()
  }

  /** One line of what happens, for the replay of a seed. */
  note(line: () => string): void {
    this.#trace?.(`${this.time.monotonic().toFixed(3).padStart(12)} ${line()}`)
  }

  chance(probability: number): boolean {
    return this.random.next() < probability
  }

  int(bound: number): number {
    return nextInt(this.random, bound)
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(from.length)] as T
  }

  /** A new process for a client. */
  process(): SimulatedProcess {
    return new SimulatedProcess({
      time: this.time,
      random: this.random,
      network: this.network,
      fileSystem: this.disk,
    })
  }

  async startBroker(): Promise<Broker> {
    const process = this.process()
    this.#brokerProcess = process
    const broker = await startBroker({
      port: 9092,
      data: dataFolder,
      config: { ...this.plan.serverConfig, flush: this.plan.flush },
      system: process,
      logger: {
        info: (message) => this.note(() => `broker: ${message}`),
        warn: (message) => this.note(() => `broker warns: ${message}`),
        error: (message, context) => this.note(() => `broker error: ${message} ${String(context?.['cause'])}`),
      },
    })
    if (!process.isAlive) return broker
    this.broker = broker
    this.note(() => 'the broker is up')
    return broker
  }

  /** The broker is gone at once. With the power, unsynced data may go as well. */
  crashBroker(kind: CrashKind): void {
    this.note(() => `crash: ${kind}`)
    this.broker = undefined
    this.#brokerProcess?.kill()
    this.#brokerProcess = undefined
    if (kind === 'power') this.disk.restart()
    else this.disk.killProcess()
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.time.schedule(ms, resolve)
    })
  }

  /** Lets the world go on until the promise is settled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let outcome: { value: T } | { error: unknown } | undefined
    promise.then(
      (value) => {
        outcome = { value }
      },
      (error: unknown) => {
        outcome = { error }
      },
    )
    await this.time.runUntil(() => outcome !== undefined, { maxMs: patienceMs, maxEvents: 1_000_000 })
    const settled = outcome as unknown as { value: T } | { error: unknown }
    if ('error' in settled) throw settled.error
    return settled.value
  }
}
