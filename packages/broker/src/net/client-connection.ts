import type { Connection, ConnectionHandler, NetworkError } from '@millrace/std'
import type { Logger } from '../logger.ts'
import type { BufferPool } from './buffer-pool.ts'
import { FrameError, FrameReader, type FrameSink } from './frame-reader.ts'
import { isStream, type ResponseOrder, type ResponseStream } from './response.ts'
import { ResponseQueue } from './response-queue.ts'

/** Who answers the requests of one connection. */
export interface RequestHandler {
  /**
   * One request, `bytes[start, end)`, lent until {@link endOfRead} has returned. It takes a place among the responses
   * before it returns; the answer may come now or later.
   */
  request(bytes: Uint8Array, start: number, end: number, responses: ResponseOrder): void
  /** All requests that one read brought were handed over. */
  endOfRead(): void
  /** The connection is gone; answers that still come are dropped. */
  closed(): void
}

export interface ConnectionLimits {
  readonly maxFrameBytes: number
  /** Requests without an answer above which nothing more is read. */
  readonly maxPendingRequests: number
}

/** What the connections of a broker share. */
export interface ConnectionResources {
  readonly chunk: Uint8Array
  readonly pool: BufferPool
  readonly limits: ConnectionLimits
  readonly logger: Logger
}

/** While more than this is with the socket, answers wait and a stream is not pulled. */
const maxQueuedBytes = 1_048_576

/**
 * One client: frames in, answers out in order. Answers that become ready in one turn of the event loop leave as one
 * write. Reading stops while too many requests wait or too much is queued for writing: that pushes back on a client that
 * sends faster than it reads.
 */
export class ClientConnection implements ConnectionHandler, FrameSink {
  readonly #connection: Connection
  readonly #resources: ConnectionResources
  readonly #reader: FrameReader
  readonly #queue: ResponseQueue
  readonly #requests: RequestHandler
  readonly #onClosed: (connection: ClientConnection) => void
  #stream: ResponseStream | undefined
  #inRead = false
  #writeScheduled = false
  #blocked = false
  #paused = false
  #ending = false
  #closed = false
  /** Frames that have arrived: the idle sweep compares it with what it saw before. */
  framesReceived = 0

  constructor(
    connection: Connection,
    resources: ConnectionResources,
    requests: RequestHandler,
    onClosed: (connection: ClientConnection) => void,
  ) {
    this.#connection = connection
    this.#resources = resources
    this.#requests = requests
    this.#onClosed = onClosed
    this.#reader = new FrameReader(resources.chunk, resources.pool, resources.limits.maxFrameBytes)
    this.#queue = new ResponseQueue(
      () => this.#scheduleWrite(),
      (reason) => this.abort(reason),
    )
  }

  get remote(): string {
    return this.#connection.remote
  }

  /** Requests that wait for their answer. */
  get pendingRequests(): number {
    return this.#queue.size
  }

  buffer(): Uint8Array {
    return this.#reader.buffer()
  }

  received(count: number): void {
    if (this.#closed) return
    this.#inRead = true
    try {
      this.#reader.received(count, this)
    } catch (cause) {
      if (cause instanceof FrameError) this.abort(cause.message)
      else this.#giveUp(cause)
    } finally {
      this.#inRead = false
    }
    this.#write()
  }

  frame(bytes: Uint8Array, start: number, end: number): void {
    if (this.#closed || this.#ending) return
    this.framesReceived++
    this.#requests.request(bytes, start, end, this.#queue)
  }

  endOfRead(): void {
    if (!this.#closed) this.#requests.endOfRead()
  }

  drained(): void {
    this.#blocked = false
    this.#write()
  }

  closed(error: NetworkError | undefined): void {
    if (error && error.code !== 'ECONNRESET' && error.code !== 'EPIPE') {
      this.#resources.logger.warn(`Connection from ${this.remote} broke`, { code: error.code })
    }
    this.#dispose()
  }

  /** Closes because of what the client did, and says so in the log. */
  abort(reason: string): void {
    if (this.#closed) return
    this.#resources.logger.warn(`Closed the connection from ${this.remote}: ${reason}`)
    this.close()
  }

  /** Ends at once; answers that were not sent are lost. */
  close(): void {
    if (this.#closed) return
    this.#connection.close()
    this.#dispose()
  }

  /** Takes no more requests; what is being answered goes on. */
  stopRequests(): void {
    this.#ending = true
  }

  /** Sends the answers that are ready, then ends. */
  end(): void {
    if (this.#closed) return
    this.#ending = true
    this.#write()
    this.#connection.end()
  }

  #dispose(): void {
    if (this.#closed) return
    this.#closed = true
    this.#reader.close()
    this.#stream?.close()
    this.#stream = undefined
    this.#queue.close()
    this.#requests.closed()
    this.#onClosed(this)
  }

  #scheduleWrite(): void {
    if (this.#inRead || this.#writeScheduled || this.#closed) return
    this.#writeScheduled = true
    queueMicrotask(() => {
      this.#writeScheduled = false
      this.#write()
    })
  }

  /** A defect in serving one connection must not end the others. */
  #giveUp(cause: unknown): void {
    this.#resources.logger.error(`Serving ${this.remote} failed`, { cause })
    this.abort('of a defect in the broker')
  }

  /** Hands to the socket what is ready, in order, while the socket takes more. */
  #write(): void {
    try {
      this.#writeReady()
    } catch (cause) {
      this.#giveUp(cause)
    }
    this.#balanceReading()
  }

  #writeReady(): void {
    while (!this.#closed && !this.#blocked && this.#connection.queuedBytes < maxQueuedBytes) {
      if (this.#stream) this.#writePiece(this.#stream)
      else {
        const ready = this.#queue.take(maxQueuedBytes)
        if (!ready) break
        if (isStream(ready)) this.#stream = ready
        else if (!this.#connection.write(ready)) this.#blocked = true
      }
    }
  }

  #writePiece(stream: ResponseStream): void {
    const piece = stream.next()
    if (!piece) {
      this.#stream = undefined
      stream.close()
    } else if (!this.#connection.write(piece, () => stream.flushed())) this.#blocked = true
  }

  #balanceReading(): void {
    if (this.#closed) return
    const pending = this.#queue.size
    const { maxPendingRequests } = this.#resources.limits
    if (!this.#paused && (pending > maxPendingRequests || this.#connection.queuedBytes > maxQueuedBytes)) {
      this.#paused = true
      this.#connection.pause()
    } else if (this.#paused && !this.#blocked && pending <= maxPendingRequests / 2) {
      this.#paused = false
      this.#connection.resume()
    }
  }
}
