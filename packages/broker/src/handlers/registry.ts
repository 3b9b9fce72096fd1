import type { Api, RequestOf, ResponseInputOf, Versions } from '@millrace/kafka'
import type { ResponseOrder, ResponseStream } from '../net/response.ts'

/** One request on its way through a handler. Exactly one of `respond`, `stream` and `skip` is called, once. */
export interface Exchange<A extends Api = Api> {
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  /** What lasts as long as the connection. */
  readonly client: Client
  /** The request as it came, lent until the end of the read. */
  readonly frame: Uint8Array
  respond(body: ResponseInputOf<A>): void
  /** An answer that is pulled as the socket takes it; its bytes begin with the frame's length and header. */
  stream(stream: ResponseStream): void
  /** No answer is expected. */
  skip(): void
  /** The request cannot be answered: closes the connection and says why in the log. */
  abort(reason: string): void
  /** Answers that the handler failed, and logs the cause. */
  fail(cause: unknown): void
}

/** A connection as handlers see it. */
export interface Client {
  /** `address:port` of the other side. */
  readonly remote: string
  /** As it is stored and shown for group members: `/address`. */
  readonly host: string
  /** The broker that it connected to. */
  readonly nodeId: number
  readonly isClosed: boolean
  /** Calls back once when the connection ends. The function that is returned withdraws that. */
  onClose(callback: () => void): () => void
  /** Calls back once, after all requests of the current read were handed to their handlers. */
  atEndOfRead(callback: () => void): void
  /** Offers every further request to `repeats` first, until the next call. */
  expectRepeats(repeats: RepeatedRequests): void
}

/** Serves requests that are like the one before, without decoding them. */
export interface RepeatedRequests {
  /** `bytes[start, end)` is a request. False: it is another one. True: it was taken, and has a place among the responses, or shares its last one. */
  take(bytes: Uint8Array, start: number, end: number, responses: ResponseOrder): boolean
  /** Another request has taken its place: no more can share the last one. */
  interrupted(): void
}

export interface Registration<A extends Api = Api> {
  readonly api: A
  /** What this broker serves, first and last. ApiVersions and the support page come from here. */
  readonly versions: Versions
  /** Puts its work off to the end of the read. Requests of other APIs are served after what was put off before them. */
  readonly batches?: boolean
  /** One sentence for the support page: what is special here, or missing. */
  readonly notes?: string
  /**
   * Serves a request. Byte fields of type `records` are lent until the end of the read. What it throws, or rejects with,
   * is answered with {@link errorResponse}.
   */
  serve(request: RequestOf<A>, exchange: Exchange<A>): void | Promise<void>
  /** The answer when the whole request fails. */
  errorResponse(request: RequestOf<A>, errorCode: number, version: number): ResponseInputOf<A>
}

/** A handler that answers with one value. */
export interface SimpleHandler<A extends Api> extends Omit<Registration<A>, 'serve'> {
  handle(request: RequestOf<A>, exchange: Exchange<A>): ResponseInputOf<A> | Promise<ResponseInputOf<A>>
}

/** The APIs that a broker serves. */
export class HandlerRegistry {
  readonly #byKey = new Map<number, Registration>()

  register<A extends Api>(registration: Registration<A>): void {
    this.#byKey.set(registration.api.key, registration as unknown as Registration)
  }

  registerSimple<A extends Api>({ handle, ...rest }: SimpleHandler<A>): void {
    this.register<A>({
      ...rest,
      serve: (request, exchange) => {
        const response = handle(request, exchange)
        if (response instanceof Promise) return response.then((body) => exchange.respond(body))
        exchange.respond(response as ResponseInputOf<A>)
      },
    })
  }

  get(apiKey: number): Registration | undefined {
    return this.#byKey.get(apiKey)
  }

  /** By API key. */
  all(): Registration[] {
    return [...this.#byKey.values()].sort((a, b) => a.api.key - b.api.key)
  }
}

/** What clients are told: a range may be wider than what is served where old clients need it to be (KAFKA-18659). */
export function advertisedVersions({ api, versions }: Registration): Versions {
  const [first, last] = versions
  return [first === api.versions[0] ? api.advertisedVersions[0] : first, last]
}

/** Thrown by a handler when the whole request is to be answered with this error; it is no defect, so it is not logged. */
export class RequestError extends Error {
  override name = 'RequestError'
  readonly errorCode: number

  constructor(errorCode: number, message: string) {
    super(message)
    this.errorCode = errorCode
  }
}
