import {
  type Api,
  ApiVersions,
  decodeRequest,
  decodeRequestHeader,
  encodeResponse,
  ErrorCode,
  ProtocolError,
  type RequestHeader,
  type RequestOf,
  type ResponseInputOf,
} from '@millrace/kafka'
import { JournalError } from '../journal/journal.ts'
import type { Logger } from '../logger.ts'
import type { RequestHandler } from '../net/client-connection.ts'
import type { ResponseOrder, ResponseSlot, ResponseStream } from '../net/response.ts'
import type { Interceptions } from './interception.ts'
import {
  type Client,
  type Exchange,
  type HandlerRegistry,
  type Registration,
  type RepeatedRequests,
  RequestError,
} from './registry.ts'

export interface RequestMetrics {
  requests: number
  /** Requests whose handler threw. */
  failedRequests: number
}

/** What the dispatchers of all connections share. */
export interface DispatcherOptions {
  readonly registry: HandlerRegistry
  readonly logger: Logger
  readonly metrics: RequestMetrics
  /** Faults that a test has asked for. */
  readonly interceptions?: Interceptions
}

/** Hands the requests of one connection to their handlers. A handler that throws is answered for, never a crash. */
export class Dispatcher implements RequestHandler, Client {
  readonly remote: string
  readonly host: string
  readonly nodeId: number
  readonly #options: DispatcherOptions
  #closed = false
  #endOfRead: (() => void)[] = []
  readonly #onClose = new Set<() => void>()
  #repeats: RepeatedRequests | undefined

  constructor(remote: string, nodeId: number, options: DispatcherOptions) {
    this.remote = remote
    this.nodeId = nodeId
    this.host = `/${remote.slice(0, remote.lastIndexOf(':'))}`
    this.#options = options
  }

  get isClosed(): boolean {
    return this.#closed
  }

  onClose(callback: () => void): () => void {
    this.#onClose.add(callback)
    return () => void this.#onClose.delete(callback)
  }

  atEndOfRead(callback: () => void): void {
    this.#endOfRead.push(callback)
  }

  expectRepeats(repeats: RepeatedRequests): void {
    this.#repeats = repeats
  }

  request(bytes: Uint8Array, start: number, end: number, responses: ResponseOrder): void {
    this.#options.metrics.requests++
    if (this.#repeats) {
      if (!this.#options.interceptions?.isActive && this.#repeats.take(bytes, start, end, responses)) return
      this.#repeats.interrupted()
    }
    this.#serve(bytes.subarray(start, end), responses.open())
  }

  #serve(frame: Uint8Array, slot: ResponseSlot): void {
    let header: RequestHeader
    let registration: Registration
    let request: RequestOf<Api>
    try {
      header = decodeRequestHeader(frame)
      const found = this.#options.registry.get(header.apiKey)
      if (!found) return slot.abort(`API ${header.apiKey} is not supported`)
      registration = found
      const [first, last] = registration.versions
      if (header.apiVersion < first || header.apiVersion > last) return refuseVersion(header, registration, slot)
      request = decodeRequest(registration.api, header.apiVersion, frame, header.bodyOffset)
    } catch (cause) {
      if (cause instanceof ProtocolError) return slot.abort(`malformed request: ${cause.message}`)
      throw cause
    }
    if (!registration.batches && this.#endOfRead.length > 0) this.endOfRead()
    if (this.#options.interceptions?.isActive) {
      const served = this.#options.interceptions.intercept(header, request, { registration, slot, client: this })
      if (!served) return
      registration = served.registration
      slot = served.slot
    }
    new RequestExchange(frame, header, registration, request, this, slot, this.#options).run()
  }

  endOfRead(): void {
    // A callback may put off more.
    while (this.#endOfRead.length > 0) {
      for (const callback of this.#endOfRead.splice(0)) callback()
    }
  }

  closed(): void {
    this.#closed = true
    for (const callback of [...this.#onClose]) callback()
    this.#onClose.clear()
  }
}

class RequestExchange implements Exchange {
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  readonly client: Client
  readonly frame: Uint8Array
  readonly #registration: Registration
  readonly #request: RequestOf<Api>
  readonly #slot: ResponseSlot
  readonly #options: DispatcherOptions

  constructor(
    frame: Uint8Array,
    header: RequestHeader,
    registration: Registration,
    request: RequestOf<Api>,
    client: Client,
    slot: ResponseSlot,
    options: DispatcherOptions,
  ) {
    this.version = header.apiVersion
    this.correlationId = header.correlationId
    this.clientId = header.clientId
    this.client = client
    this.frame = frame
    this.#registration = registration
    this.#request = request
    this.#slot = slot
    this.#options = options
  }

  run(): void {
    try {
      const pending = this.#registration.serve(this.#request, this)
      if (pending) pending.catch((cause: unknown) => this.fail(cause))
    } catch (cause) {
      this.fail(cause)
    }
  }

  respond(body: ResponseInputOf<Api>): void {
    if (this.client.isClosed) return
    let frame: Uint8Array[]
    try {
      frame = encodeResponse(this.#registration.api, this.version, this.correlationId, body)
    } catch (cause) {
      // Whoever brings the answer, such as the flush of a log, is not to suffer from it.
      this.fail(cause)
      return
    }
    this.#slot.send(frame)
  }

  stream(stream: ResponseStream): void {
    if (this.client.isClosed) stream.close()
    else this.#slot.send(new GuardedStream(stream, (cause) => this.#failure(cause)))
  }

  skip(): void {
    this.#slot.skip()
  }

  abort(reason: string): void {
    this.#slot.abort(reason)
  }

  fail(cause: unknown): void {
    if (this.client.isClosed) return
    try {
      this.#slot.send(this.#failure(cause))
    } catch (second) {
      this.#options.logger.error(`The error answer to ${this.#registration.api.name} could not be written`, {
        cause: second,
      })
      this.#slot.abort('its request could not be answered')
    }
  }

  /** The answer to a request whose handler failed. */
  #failure(cause: unknown): Uint8Array[] {
    const { api, errorResponse } = this.#registration
    let errorCode: number = ErrorCode.UNKNOWN_SERVER_ERROR
    if (cause instanceof RequestError) errorCode = cause.errorCode
    // The log that could not be written has said why.
    else if (cause instanceof JournalError) errorCode = ErrorCode.KAFKA_STORAGE_ERROR
    else {
      this.#options.metrics.failedRequests++
      this.#options.logger.error(`${api.name} v${this.version} from ${this.client.remote} failed`, { cause })
    }
    return encodeResponse(api, this.version, this.correlationId, errorResponse(this.#request, errorCode, this.version))
  }
}

/** A stream that fails before its first piece becomes an error answer. */
class GuardedStream implements ResponseStream {
  readonly #stream: ResponseStream
  readonly #failure: (cause: unknown) => Uint8Array[]
  #hasBegun = false
  #hasFailed = false

  constructor(stream: ResponseStream, failure: (cause: unknown) => Uint8Array[]) {
    this.#stream = stream
    this.#failure = failure
  }

  next(): readonly Uint8Array[] | undefined {
    if (this.#hasFailed) return undefined
    try {
      const piece = this.#stream.next()
      this.#hasBegun = true
      return piece
    } catch (cause) {
      if (this.#hasBegun) throw cause
      this.#hasFailed = true
      return this.#failure(cause)
    }
  }

  flushed(): void {
    this.#stream.flushed()
  }

  close(): void {
    this.#stream.close()
  }
}

function refuseVersion(
  { apiVersion, correlationId }: RequestHeader,
  { api, versions }: Registration,
  slot: ResponseSlot,
): void {
  if (api.key !== ApiVersions.key) {
    slot.abort(`${api.name} version ${apiVersion} is not supported (${versions[0]} to ${versions[1]} are)`)
    return
  }
  // KIP-511: a client that is too new learns from a version 0 body what it may ask with.
  const apiKeys = [{ apiKey: api.key, minVersion: versions[0], maxVersion: versions[1] }]
  slot.send(encodeResponse(ApiVersions, 0, correlationId, { errorCode: ErrorCode.UNSUPPORTED_VERSION, apiKeys }))
}
