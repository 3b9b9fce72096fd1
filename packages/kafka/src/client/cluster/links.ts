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
  #closed = false

  /** `onLost`: a connection broke. */
  constructor(options: ResolvedClientOptions, { onLost }: { onLost: () => void }) {
    this.#options = options
    this.#onLost = onLost
  }

  /** Whether there is a connection to some broker. */
  get isReachable(): boolean {
    for (const link of this.#links.values()) if (link.connection) return true
    return false
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
    for (const link of this.#links.values()) link.connection?.close(new ClientClosedError('client'))
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
    const { system, clientId, requestTimeoutMs, maxFrameBytes, socketConnectionSetupTimeoutMs } = this.#options
    const pause = link.retryAt - system.clock.monotonic()
    if (pause > 0) await sleep(system.timers, pause)
    if (this.#closed) throw new ClientClosedError('client')
    try {
      const connection = await BrokerConnection.open({
        system,
        host: link.address.host,
        port: link.address.port,
        clientId,
        connectTimeoutMs: socketConnectionSetupTimeoutMs,
        requestTimeoutMs,
        maxFrameBytes,
        framePool: link.lane === 'fetch' || link.lane === 'secondFetch' ? this.framePool : undefined,
      })
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
