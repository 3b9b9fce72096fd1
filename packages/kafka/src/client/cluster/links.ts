import { nextInt, sleep } from '@millrace/std'
import { BrokerConnection, type FinalizedFeatures, NO_FEATURES } from './connection.ts'
import { ClientClosedError } from './errors.ts'
import { FramePool } from './frame-pool.ts'
import type { Address, ResolvedClientOptions } from './options.ts'
import { backoff } from './waiting.ts'

/**
 * A broker answers the requests of one connection one after the other. What it may hold back for long, fetches and the
 * requests of a group, therefore goes over connections of its own.
 */
export type Lane = 'common' | 'group' | FetchLane
/** Two, so that a partition that was just sought or resumed need not wait for one that waits for records. */
export type FetchLane = 'fetch' | 'secondFetch'

/** How many brokers are called to find out whether one is there. */
const MAX_PROBES = 3

/** The connection to one address, and how it went so far. */
interface Link {
  readonly address: Address
  readonly lane: Lane
  connection: BrokerConnection | undefined
  opening: Promise<BrokerConnection> | undefined
  failures: number
  /** On the monotonic clock: not to be called before. */
  retryAt: number
}

/** The connections of a client: made when they are needed, and made again with growing pauses. */
export class Links {
  /** Memory of large answers to fetches. */
  readonly framePool = new FramePool()
  /** As of the newest connection. */
  features: FinalizedFeatures = NO_FEATURES
  readonly #options: ResolvedClientOptions
  readonly #onLost: () => void
  readonly #links = new Map<string, Link>()
  /** Ends connections that are not ready yet. */
  readonly #opening = new Set<BrokerConnection>()
  #answers = 0
  #closed = false

  /** `onLost`: a connection broke. */
  constructor(options: ResolvedClientOptions, { onLost }: { onLost: () => void }) {
    this.#options = options
    this.#onLost = onLost
  }

  /** How many answers have come from all brokers. */
  get answers(): number {
    return this.#answers
  }

  /** Calls some brokers over new connections: {@link answers} tells whether one is there. */
  async probe(addresses: readonly Address[]): Promise<void> {
    const distinct = new Map(addresses.map((address) => [`${address.host}:${address.port}`, address]))
    const probes = [...distinct.values()].slice(0, MAX_PROBES).map(async (address) => {
      const connection = await this.#openConnection(address, 'common')
      connection.close()
    })
    await Promise.allSettled(probes)
  }

  /** The connection, if it is there. */
  live(address: Address, lane: Lane): BrokerConnection | undefined {
    return this.#links.get(linkKey(address, lane))?.connection
  }

  /** Milliseconds until an address that failed may be called again, 0 when now. */
  delay(address: Address): number {
    const link = this.#links.get(linkKey(address, 'common'))
    return link ? Math.max(0, link.retryAt - this.#options.system.clock.monotonic()) : 0
  }

  /** To the one of these with the least to do, or else to the first that can be reached. */
  async any(candidates: readonly Address[]): Promise<BrokerConnection> {
    let idlest: BrokerConnection | undefined
    for (const { connection, lane } of this.#links.values()) {
      if (lane === 'common' && connection && connection.inFlight < (idlest?.inFlight ?? Number.POSITIVE_INFINITY))
        idlest = connection
    }
    if (idlest) return idlest
    const rotation = nextInt(this.#options.system.random, candidates.length)
    const order = candidates.map((_, i) => candidates[(i + rotation) % candidates.length] as Address)
    order.sort((a, b) => this.delay(a) - this.delay(b))
    let failure: unknown
    for (const address of order) {
      try {
        return await this.connect(address, 'common')
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  close(): void {
    this.#closed = true
    const reason = new ClientClosedError('client')
    for (const connection of this.#opening) connection.close(reason)
    for (const link of this.#links.values()) link.connection?.close(reason)
  }

  /** @throws {ConnectionError} */
  connect(address: Address, lane: Lane): Promise<BrokerConnection> {
    if (this.#closed) return Promise.reject(new ClientClosedError('client'))
    const key = linkKey(address, lane)
    let link = this.#links.get(key)
    if (!link) {
      link = { address, lane, connection: undefined, opening: undefined, failures: 0, retryAt: 0 }
      this.#links.set(key, link)
    }
    if (link.connection) return Promise.resolve(link.connection)
    link.opening ??= this.#open(link).finally(() => {
      link.opening = undefined
    })
    return link.opening
  }

  async #open(link: Link): Promise<BrokerConnection> {
    const { system } = this.#options
    const pause = link.retryAt - system.clock.monotonic()
    if (pause > 0) await sleep(system.timers, pause)
    if (this.#closed) throw new ClientClosedError('client')
    try {
      const connection = await this.#openConnection(link.address, link.lane)
      if (this.#closed) {
        connection.close()
        throw new ClientClosedError('client')
      }
      link.failures = 0
      link.connection = connection
      // A broker that lags behind may still name what was agreed on before.
      if (connection.features.epoch >= this.features.epoch) this.features = connection.features
      connection.onClosed = () => {
        if (link.connection === connection) link.connection = undefined
        this.#rest(link)
        this.#onLost()
      }
      return connection
    } catch (error) {
      this.#rest(link)
      throw error
    }
  }

  async #openConnection({ host, port }: Address, lane: Lane): Promise<BrokerConnection> {
    const { system, clientId, requestTimeoutMs, maxFrameBytes, socketConnectionSetupTimeoutMs } = this.#options
    let opening: BrokerConnection | undefined
    try {
      return await BrokerConnection.open({
        system,
        host,
        port,
        clientId,
        connectTimeoutMs: socketConnectionSetupTimeoutMs,
        requestTimeoutMs,
        maxFrameBytes,
        framePool: lane === 'fetch' || lane === 'secondFetch' ? this.framePool : undefined,
        onAnswer: () => this.#answers++,
        onConnected: (connection) => {
          opening = connection
          if (this.#closed) connection.close(new ClientClosedError('client'))
          else this.#opening.add(connection)
        },
      })
    } finally {
      if (opening) this.#opening.delete(opening)
    }
  }

  /** Sets how long a broker that failed is left alone. */
  #rest(link: Link): void {
    const { system, reconnectBackoffMs, reconnectBackoffMaxMs } = this.#options
    link.failures++
    const pause = backoff(system.random, link.failures, reconnectBackoffMs, reconnectBackoffMaxMs)
    link.retryAt = system.clock.monotonic() + pause
  }
}

function linkKey({ host, port }: Address, lane: Lane): string {
  return `${host}:${port} ${lane}`
}
