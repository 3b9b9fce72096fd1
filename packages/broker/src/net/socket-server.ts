import type { Clock, Connection, ConnectionHandler, Listener, Network, TimerHandle, Timers } from '@millrace/std'
import type { Logger } from '../logger.ts'
import type { BufferPool } from './buffer-pool.ts'
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
  /** Buffers that go round between connections. */
  readonly pool: BufferPool
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
  #onAllClosed: (() => void) | undefined

  constructor(options: SocketServerOptions) {
    this.#options = options
    this.#resources = {
      chunk: Buffer.allocUnsafeSlow(chunkBytes),
      pool: options.pool,
      limits: options.limits,
      logger: options.logger,
    }
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Resolves with the address that was bound. Rejects with NetworkError. */
  async listen(host: string, port: number): Promise<{ host: string; port: number }> {
    this.#listener = await this.#options.network.listen({ host, port }, (connection) => this.#accept(connection))
    this.#scheduleSweep()
    return { host: this.#listener.host, port: this.#listener.port }
  }

  /** Takes no more connections and no more requests; what is being answered goes on. */
  stopRequests(): void {
    this.#closing = true
    if (this.#sweep) this.#options.timers.cancel(this.#sweep)
    for (const connection of this.#connections.keys()) connection.stopRequests()
  }

  /** Sends the answers that are ready and ends all connections; those that do not end by themselves are cut. */
  async close(graceMs: number): Promise<void> {
    this.stopRequests()
    const listenerClosed = this.#listener?.close()
    for (const connection of [...this.#connections.keys()]) connection.end()
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        const cut = this.#options.timers.schedule(graceMs, resolve)
        this.#onAllClosed = () => {
          this.#options.timers.cancel(cut)
          resolve()
        }
      })
      for (const connection of [...this.#connections.keys()]) connection.close()
    }
    await listenerClosed
  }

  /** Ends all at once; answers that were not sent are lost. */
  async cut(): Promise<void> {
    this.stopRequests()
    const listenerClosed = this.#listener?.close()
    for (const connection of [...this.#connections.keys()]) connection.close()
    await listenerClosed
  }

  #accept(connection: Connection): ConnectionHandler {
    const client = new ClientConnection(
      connection,
      this.#resources,
      this.#options.accept(connection.remote),
      (closed) => {
        this.#connections.delete(closed)
        if (this.#connections.size === 0) this.#onAllClosed?.()
      },
    )
    this.#connections.set(client, { frames: 0, since: this.#options.clock.monotonic() })
    if (this.#closing || this.#connections.size > this.#options.limits.maxConnections) {
      const reason = this.#closing ? 'the broker is stopping' : 'too many connections'
      this.#options.timers.immediate(() => client.abort(reason))
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
