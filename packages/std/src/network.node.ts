import * as net from 'node:net'
import {
  type Accept,
  type Connection,
  type ConnectionHandler,
  type Listener,
  type Network,
  NetworkError,
} from './network.ts'

function translate(cause: NodeJS.ErrnoException, what: string): NetworkError {
  const code = cause.code ?? 'EIO'
  return new NetworkError(code, `${what}: ${code}`, cause)
}

class NodeConnection implements Connection {
  readonly remote: string
  readonly handler: ConnectionHandler
  #socket!: net.Socket
  #error: NetworkError | undefined

  constructor(remote: string, accept: Accept) {
    this.remote = remote
    this.handler = accept(this)
  }

  /** The system reads straight into the buffer that the handler offers: Node asks for the first one at once. */
  get onread(): net.OnReadOpts {
    return {
      buffer: () => this.handler.buffer(),
      callback: (count) => {
        this.handler.received(count)
        return true
      },
    }
  }

  bind(socket: net.Socket): void {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('drain', () => this.handler.drained())
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      this.#error = translate(cause, this.remote)
    })
    socket.on('end', () => socket.destroySoon())
    socket.on('close', () => this.handler.closed(this.#error))
  }

  get queuedBytes(): number {
    return this.#socket.writableLength
  }

  write(parts: readonly Uint8Array[], onFlushed?: () => void): boolean {
    const socket = this.#socket
    if (socket.destroyed) {
      // Lost, and so no longer in use.
      if (onFlushed) queueMicrotask(onFlushed)
      return false
    }
    if (parts.length === 1) {
      const only = parts[0] as Uint8Array
      return onFlushed ? socket.write(only, () => onFlushed()) : socket.write(only)
    }
    let more = true
    const last = parts.length - 1
    socket.cork()
    for (let i = 0; i <= last; i++) {
      const part = parts[i] as Uint8Array
      more = i === last && onFlushed ? socket.write(part, () => onFlushed()) : socket.write(part)
    }
    socket.uncork()
    return more
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** The host's TCP. */
export const nodeNetwork: Network = {
  connect: ({ host, port, timeoutMs }, accept) =>
    new Promise((resolve, reject) => {
      const remote = `${host}:${port}`
      const connection = new NodeConnection(remote, accept)
      const socket = net.connect({ host, port, onread: connection.onread })
      const timer = setTimeout(() => {
        socket.destroy()
        reject(new NetworkError('ETIMEDOUT', `${remote} did not answer within ${timeoutMs} ms`))
      }, timeoutMs)
      const onError = (cause: NodeJS.ErrnoException) => {
        clearTimeout(timer)
        socket.destroy()
        reject(translate(cause, remote))
      }
      socket.once('error', onError)
      socket.once('connect', () => {
        clearTimeout(timer)
        socket.off('error', onError)
        connection.bind(socket)
        resolve(connection)
      })
    }),

  listen: ({ host, port }, accept) =>
    new Promise((resolve, reject) => {
      const server = net.createServer({ pauseOnConnect: true }, (accepted) => {
        adopt(accepted, accept)
      })
      // Stays for as long as the server does: a failed accept is an `error` too, and without a listener ends the process.
      server.on('error', (cause: NodeJS.ErrnoException) => reject(translate(cause, `${host}:${port}`)))
      server.listen({ host, port }, () => {
        const address = server.address() as net.AddressInfo
        const listener: Listener = {
          host: address.address,
          port: address.port,
          close: () => new Promise((done) => server.close(() => done())),
        }
        resolve(listener)
      })
    }),
}

/**
 * Node has `onread` only for sockets that it connects itself. An accepted one is paused before its first read, so its
 * handle can move to a socket that was made with `onread`.
 */
function adopt(accepted: net.Socket, accept: Accept): void {
  const remote = `${accepted.remoteAddress}:${accepted.remotePort}`
  const handle = (accepted as unknown as { _handle: object | null })._handle
  if (!handle) return
  ;(accepted as unknown as { _handle: object | null })._handle = null
  // What is left is an empty socket; unless it ends, the server would count it for ever and never close.
  accepted.destroy()
  const connection = new NodeConnection(remote, accept)
  const socket = new net.Socket({ handle, onread: connection.onread } as unknown as net.SocketConstructorOpts)
  connection.bind(socket)
  socket.resume()
}
