import type { Connection, ConnectionHandler, Network } from '@millrace/std'

/** A connection to a broker without a socket: bytes go in at once, and what comes out is dropped or handed on. */
export class Wire implements Connection {
  readonly remote = '127.0.0.1:1'
  readonly queuedBytes = 0
  isClosed = false
  isPaused = false
  onBytes: ((bytes: Uint8Array) => void) | undefined
  #handler: ConnectionHandler | undefined

  attach(handler: ConnectionHandler): void {
    this.#handler = handler
  }

  /** The client sends. */
  send(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength && !this.isClosed; ) {
      const buffer = (this.#handler as ConnectionHandler).buffer()
      const count = Math.min(buffer.byteLength, bytes.byteLength - at)
      buffer.set(bytes.subarray(at, at + count))
      this.#handler?.received(count)
      at += count
    }
  }

  /** The client goes away. */
  hangUp(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#handler?.closed(undefined)
  }

  write(parts: readonly Uint8Array[], onFlushed?: () => void): boolean {
    for (const part of parts) this.onBytes?.(part)
    if (onFlushed) queueMicrotask(onFlushed)
    return true
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  end(): void {
    this.close()
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    queueMicrotask(() => this.#handler?.closed(undefined))
  }
}

/** A network with one listener, to which {@link connect} makes wires. */
export function wireNetwork(): Network & { wire(): Wire } {
  let accept: ((connection: Connection) => ConnectionHandler) | undefined
  return {
    connect: () => Promise.reject(new Error('only the broker is connected to')),
    listen: ({ host }, onConnection) => {
      accept = onConnection
      return Promise.resolve({ host, port: 9_092, close: () => Promise.resolve() })
    },
    wire: () => {
      if (!accept) throw new Error('nobody listens')
      const wire = new Wire()
      wire.attach(accept(wire))
      return wire
    },
  }
}
