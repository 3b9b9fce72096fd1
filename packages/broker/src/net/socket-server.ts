import type { Clock, Connection, ConnectionHandler, Listener, Network, TimerHandle, Timers } from '@millrace/std'
import type { Logger } from '../logger.ts'
import { BufferPool } from './buffer-pool.ts'
import {
  ClientConnection,
  type ConnectionLimits,
  type ConnectionResources,
  type RequestHandler,
} from './client-connection.ts'

export interface SocketServerOptions {
  readonly network: Network
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: Logger
  readonly limits: ConnectionLimits & {
    /** A connection without a request for so long is closed; -1: never. */
    readonly maxIdleMs: number
    readonly maxConnections: number
  }
  /** Makes the handler of a new connection. */
  readonly accept: (remote: string) => RequestHandler
}

/** One read brings at most this much of small requests. */
const chunkBytes = 262_144
const maxIdlePoolBytes = 33_554_432

interface Activity {
  frames: number
  /** By {@link Clock.monotonic}: when `frames` was last seen to change. */
  since: number
}

/** Takes connections and closes them when they idle too long. */
export class SocketServer {
  readonly #options: SocketServerOptions
  readonly #resources: ConnectionResources
  readonly #connections = new Map<ClientConnection, Activity>()
  #listener: Listener | undefined
  #sweep: TimerHandle | undefined
  #closing = false

  constructor(options: SocketServerOptions) {
    this.#options = options
    this.#resources = {
      chunk: Buffer.allocUnsafeSlow(chunkBytes),
      pool: new BufferPool(maxIdlePoolBytes),
      limits: options.limits,
      logger: options.logger,
    }
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Buffers that go round between connections; streams of responses take theirs here as well. */
  get pool(): BufferPool {
    return this.#resources.pool
  }

  /** Resolves with the address that was bound. Rejects with NetworkError. */
  async listen(host: string, port: number): Promise<{ host: string; port: number }> {
    this.#listener = await this.#options.network.listen({ host, port }, (connection) => this.#accept(connection))
    this.#scheduleSweep()
    return { host: this.#listener.host, port: this.#listener.port }
  }

  /** Takes no more connections or requests, sends the answers that are ready, and cuts what does not end by itself. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true
    if (this.#sweep) this.#options.timers.cancel(this.#sweep)
    for (const connection of [...this.#connections.keys()]) connection.end()
    const cut = this.#options.timers.schedule(graceMs, () => {
      for (const connection of [...this.#connections.keys()]) connection.close()
    })
    await this.#listener?.close()
    this.#options.timers.cancel(cut)
  }

  #accept(connection: Connection): ConnectionHandler {
    const client = new ClientConnection(
      connection,
      this.#resources,
      this.#options.accept(connection.remote),
      (closed) => void this.#connections.delete(closed),
    )
    this.#connections.set(client, { frames: 0, since: this.#options.clock.monotonic() })
    if (this.#closing || this.#connections.size > this.#options.limits.maxConnections) {
      this.#options.timers.immediate(() => client.abort('too many connections'))
    }
    return client
  }

  #scheduleSweep(): void {
    const { maxIdleMs } = this.#options.limits
    if (maxIdleMs < 0 || this.#closing) return
    const everyMs = Math.max(1, Math.min(maxIdleMs / 4, 60_000))
    this.#sweep = this.#options.timers.scheduleBackground(everyMs, () => {
      this.#closeIdle(maxIdleMs)
      this.#scheduleSweep()
    })
  }

  #closeIdle(maxIdleMs: number): void {
    const now = this.#options.clock.monotonic()
    for (const [connection, activity] of [...this.#connections]) {
      if (connection.framesReceived !== activity.frames || connection.pendingRequests > 0) {
        activity.frames = connection.framesReceived
        activity.since = now
      } else if (now - activity.since >= maxIdleMs) {
        this.#options.logger.info(`Closed the idle connection from ${connection.remote}`)
        connection.close()
      }
    }
  }
}
