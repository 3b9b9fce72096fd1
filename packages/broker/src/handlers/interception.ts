import { type Api, type ErrorName, ErrorCode, type RequestHeader, type RequestOf } from '@millrace/kafka'
import type { Timers } from '@millrace/std'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import { isStream, type Response, type ResponseSlot } from '../net/response.ts'
import { refuseTopics, topicsOf } from './partial-answer.ts'
import type { Client, Exchange, Registration } from './registry.ts'

/** A request as an interceptor sees it. */
export interface InterceptedRequest {
  /** As Kafka calls it: `Produce`. */
  readonly api: string
  readonly version: number
  readonly clientId: string | null
  /** The broker that the request came to. */
  readonly nodeId: number
  /** The topics that it names. Undefined where it names none: a fetch in a session (KIP-227) has named them before. */
  readonly topics: readonly string[] | undefined
}

/** What is done to a request. All of it is optional and may be combined. */
export interface Interception {
  /** The answer, in place of what the handler would say. */
  readonly error?: ErrorName
  /** With `error`: only for these topics of the request; the others are served. */
  readonly topics?: readonly string[]
  /** The answer leaves so much later, and those after it on its connection with it. */
  readonly latencyMs?: number
  /** Cuts the connection: `before` the request is processed, or `after`, in place of the answer. */
  readonly disconnect?: 'before' | 'after'
}

/** Sees each request before its handler, to put faults in the way of a client: for tests. */
export interface RequestInterceptor {
  /** False: requests go straight to their handlers. */
  readonly isActive: boolean
  /** Undefined: the request is served as ever. */
  intercept(request: InterceptedRequest): Interception | undefined
}

export interface InterceptionServices {
  readonly interceptor: RequestInterceptor
  readonly topics: TopicCatalog
  readonly timers: Timers
}

interface Intercepted {
  readonly registration: Registration
  readonly slot: ResponseSlot
}

const disconnected = 'a test has asked for it'

/** Carries out what an interceptor decides. */
export class Interceptions {
  readonly #services: InterceptionServices

  constructor(services: InterceptionServices) {
    this.#services = services
  }

  get isActive(): boolean {
    return this.#services.interceptor.isActive
  }

  /** Who serves the request now, and where the answer goes. Undefined: nobody, the connection is cut. */
  intercept(
    { apiVersion: version, clientId }: RequestHeader,
    request: RequestOf<Api>,
    { registration, slot, client }: Intercepted & { client: Client },
  ): Intercepted | undefined {
    const { interceptor, timers } = this.#services
    const topics = topicsOf(registration.api, request, this.#nameOf)
    const { name: api } = registration.api
    const interception = interceptor.intercept({ api, version, clientId, nodeId: client.nodeId, topics })
    if (!interception) return { registration, slot }
    const { error, latencyMs = 0, disconnect } = interception
    if (disconnect === 'before') {
      slot.abort(disconnected)
      return undefined
    }
    return {
      registration: error === undefined ? registration : this.#refusing(registration, error, interception.topics),
      slot: latencyMs > 0 || disconnect ? new InterceptedSlot(slot, client, timers, interception) : slot,
    }
  }

  #refusing(registration: Registration, error: ErrorName, topics: readonly string[] | undefined): Registration {
    const refusal = { errorCode: ErrorCode[error], refused: topics, nameOf: this.#nameOf }
    const serve = (request: RequestOf<Api>, exchange: Exchange) =>
      refuseTopics(registration, request, exchange, refusal)
    return { ...registration, serve }
  }

  readonly #nameOf = (topicId: Uint8Array): string | undefined => this.#services.topics.getById(topicId)?.name
}

/** The place of an answer that comes late, or never. */
class InterceptedSlot implements ResponseSlot {
  readonly #slot: ResponseSlot
  readonly #client: Client
  readonly #timers: Timers
  readonly #latencyMs: number
  readonly #disconnects: boolean

  constructor(slot: ResponseSlot, client: Client, timers: Timers, { latencyMs = 0, disconnect }: Interception) {
    this.#slot = slot
    this.#client = client
    this.#timers = timers
    this.#latencyMs = latencyMs
    this.#disconnects = disconnect === 'after'
  }

  share(): void {
    this.#slot.share()
  }

  send(response: Response): void {
    this.#later(() => {
      if (!this.#client.isClosed && !this.#disconnects) {
        this.#slot.send(response)
        return
      }
      if (isStream(response)) response.close()
      this.#slot.abort(disconnected)
    })
  }

  skip(): void {
    this.#later(() => (this.#disconnects ? this.#slot.abort(disconnected) : this.#slot.skip()))
  }

  abort(reason: string): void {
    this.#slot.abort(reason)
  }

  #later(answer: () => void): void {
    if (this.#latencyMs > 0) this.#timers.scheduleBackground(this.#latencyMs, answer)
    else answer()
  }
}
