import type { Brokers } from './metadata/brokers.ts'
import type { Leadership } from './metadata/leadership.ts'
import { listenError } from './net/listen-address.ts'
import { SocketServer, type SocketServerOptions } from './net/socket-server.ts'

/** One of the brokers that clients see: a listener with a node id, which leads its share of the partitions. */
export interface BrokerNode {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly isRunning: boolean
  /**
   * It is gone from one moment to the next, as after kill -9: its listener is closed, connections are cut, answers that are
   * on their way are lost. Other brokers lead what it led, and coordinate what it coordinated. What was acknowledged stays.
   */
  fail(): Promise<void>
  /** It stops in order, as after SIGTERM: it hands over what it leads, answers what it was asked, and closes. */
  shutdown(): Promise<void>
  /** It is there again at its address, and leads again what it should. */
  restore(): Promise<void>
}

export interface NodeListenerOptions {
  readonly nodeId: number
  /** Where to listen. Port 0 takes any free one, and keeps it. */
  readonly host: string
  readonly port: number
  /** What clients are told where it differs. */
  readonly advertised: { readonly host?: string | undefined; readonly port?: number | undefined }
  readonly sockets: SocketServerOptions
  readonly brokers: Brokers
  readonly leadership: Leadership
  /** How long clients have to take their last answers. */
  readonly graceMs: number
}

/** Listens for one broker. What it does comes one after the other, however often it is asked. */
export class NodeListener implements BrokerNode {
  readonly nodeId: number
  readonly host: string
  readonly #options: NodeListenerOptions
  #port: number
  #sockets: SocketServer | undefined
  #last: Promise<void> = Promise.resolve()

  constructor(options: NodeListenerOptions) {
    this.#options = options
    this.nodeId = options.nodeId
    this.host = options.host
    this.#port = options.port
  }

  get port(): number {
    return this.#port
  }

  get isRunning(): boolean {
    return this.#sockets !== undefined
  }

  get connectionCount(): number {
    return this.#sockets?.connectionCount ?? 0
  }

  /** @throws MillraceError BROKER_PORT_IN_USE, BROKER_PORT_FORBIDDEN, BROKER_CANNOT_LISTEN */
  restore(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#sockets) return
      const { advertised, brokers, host, leadership, sockets } = this.#options
      const server = new SocketServer(sockets)
      const bound = await server.listen(host, this.#port).catch((cause: unknown) => {
        throw listenError(cause, host, this.#port)
      })
      this.#port = bound.port
      this.#sockets = server
      brokers.came({ nodeId: this.nodeId, host: advertised.host ?? host, port: advertised.port ?? bound.port })
      leadership.brokerCame(this.nodeId)
    })
  }

  fail(): Promise<void> {
    return this.#inTurn(async () => {
      const closed = this.#sockets?.cut()
      this.#leave()
      await closed
    })
  }

  shutdown(): Promise<void> {
    return this.#inTurn(async () => {
      const sockets = this.#sockets
      this.#leave()
      await sockets?.close(this.#options.graceMs)
    })
  }

  /** Takes no more requests: the whole process is about to stop. */
  stopRequests(): void {
    this.#sockets?.stopRequests()
  }

  /** As {@link shutdown}, when there is nobody to hand over to. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#sockets?.close(this.#options.graceMs)
      this.#sockets = undefined
    })
  }

  #leave(): void {
    if (!this.#sockets) return
    this.#sockets = undefined
    this.#options.brokers.left(this.nodeId)
    this.#options.leadership.brokerLeft(this.nodeId)
  }

  #inTurn(action: () => Promise<void>): Promise<void> {
    const done = this.#last.then(action)
    this.#last = done.catch(() => {})
    return done
  }
}
