import { type Broker, startBroker } from '@millrace/broker'
import { nextInt, type Random, seededRandom } from '@millrace/std'
import { SimulatedDisk, SimulatedNetwork, SimulatedProcess, SimulatedTime } from '@millrace/testing'

/** Clients here are impatient, so that much happens in a short time. Milliseconds. */
export const IMPATIENT = {
  bootstrapServers: '127.0.0.1:9092',
  requestTimeoutMs: 1_000,
  socketConnectionSetupTimeoutMs: 500,
  reconnectBackoffMs: 10,
  reconnectBackoffMaxMs: 100,
  retryBackoffMs: 10,
  retryBackoffMaxMs: 100,
}

/** Our broker on a simulated machine that can be killed, and a network that cuts connections: all of it follows from a seed. */
export class SimulatedWorld {
  readonly time = new SimulatedTime()
  readonly random: Random
  readonly network: SimulatedNetwork
  readonly #disk: SimulatedDisk
  readonly #brokers: number
  #broker: Broker | undefined
  #brokerProcess: SimulatedProcess | undefined

  /** `brokers`: how many clients see; all of them are one process. */
  constructor(seed: number, { brokers = 1 } = {}) {
    this.#brokers = brokers
    this.random = seededRandom(seed)
    this.network = new SimulatedNetwork({ time: this.time, random: this.random })
    this.#disk = new SimulatedDisk({ clock: this.time, random: this.random })
    this.#disk.makeDirectory('/data')
    this.#disk.syncDirectoryNow('/')
  }

  /** What a client process may use of the world; `kill` ends it without a word. */
  process(): SimulatedProcess {
    return new SimulatedProcess({ time: this.time, random: this.random, network: this.network, fileSystem: this.#disk })
  }

  chance(probability: number): boolean {
    return this.random.next() < probability
  }

  int(bound: number): number {
    return nextInt(this.random, bound)
  }

  async startBroker(): Promise<Broker> {
    this.#brokerProcess = this.process()
    this.#broker = await startBroker({
      port: 9092,
      brokers: this.#brokers,
      data: '/data',
      config: {
        'transaction.state.log.num.partitions': 2,
        'offsets.topic.num.partitions': 2,
        'group.initial.rebalance.delay.ms': 0,
        'group.consumer.min.heartbeat.interval.ms': 100,
        'group.consumer.heartbeat.interval.ms': 200,
        'group.consumer.min.session.timeout.ms': 1_000,
        'group.consumer.session.timeout.ms': 1_500,
      },
      system: this.#brokerProcess,
    })
    return this.#broker
  }

  /** One of several brokers is away for a while: its partitions and coordinators move. */
  async failNode(): Promise<void> {
    const nodes = this.#broker?.nodes ?? []
    const node = nodes[this.int(nodes.length)]
    await node?.fail()
    await this.sleep(this.random.next() * 500)
    await node?.restore()
  }

  /** kill -9, and a new one after a while. */
  async restartBroker(): Promise<void> {
    this.#brokerProcess?.kill()
    this.#disk.killProcess()
    await this.sleep(this.random.next() * 300)
    await this.startBroker()
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.time.schedule(ms, resolve)
    })
  }

  /** Lets the world go on until the promise is settled. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false
    const settle = () => {
      isSettled = true
    }
    promise.then(settle, settle)
    await this.time.runUntil(() => isSettled, { maxMs: 3_600_000, maxEvents: 400_000 })
    return promise
  }
}
