import { type InterceptedRequest, type Interception, namesTopics, type RequestInterceptor } from '@millrace/broker'
import type * as kafka from '@millrace/kafka'
import { type Api, apis, ErrorCode, type ErrorName } from '@millrace/kafka'
import { MillraceError, suggest } from '@millrace/std'

/** The name of one of Kafka's APIs: `'Produce'`, `'Fetch'`, `'JoinGroup'` … */
export type ApiName = { [K in keyof typeof kafka]: (typeof kafka)[K] extends Api ? K : never }[keyof typeof kafka]

/** What is to go wrong, and with which requests. At least one of `error`, `latencyMs` and `disconnect` is needed. */
export interface Fault {
  readonly api: ApiName | readonly ApiName[]
  /** The broker answers with this error, for each thing that is asked about. Nothing is done. */
  readonly error?: ErrorName
  /** Answers leave so much later, milliseconds of real time. */
  readonly latencyMs?: number
  /** The connection is cut: `'before'` the broker does what it is asked, or `'after'`, in place of the answer. */
  readonly disconnect?: 'before' | 'after'
  /** How many requests it hits. Until it is removed by default. */
  readonly times?: number
  /** How many requests it lets pass first. Default 0. */
  readonly after?: number
  /** Only requests that come to this broker: its index in `kafka.brokers`, which is its node id. */
  readonly broker?: number
  /** Only requests that name this topic; an `error` is answered for this topic alone. */
  readonly topic?: string
  /** Only requests of clients with this client id. */
  readonly clientId?: string
}

/** A fault that was put in the way of clients. Disposing of it removes it. */
export interface Injection extends Disposable {
  /** Requests that it has hit. */
  readonly hits: number
  /** Resolves when it has hit `count` requests in all (1 by default). */
  whenHit(count?: number): Promise<void>
  /** Nothing is hit any more. */
  remove(): void
}

class ActiveFault implements Injection {
  readonly fault: Fault
  readonly apis: ReadonlySet<string>
  readonly #onRemoved: (fault: ActiveFault) => void
  readonly #waiting: { count: number; resolve: () => void }[] = []
  hits = 0
  #passed = 0

  constructor(fault: Fault, onRemoved: (fault: ActiveFault) => void) {
    this.fault = fault
    this.apis = new Set<string>(typeof fault.api === 'string' ? [fault.api] : fault.api)
    this.#onRemoved = onRemoved
  }

  matches({ api, clientId, nodeId }: InterceptedRequest): boolean {
    const { fault } = this
    return (
      this.apis.has(api) &&
      (fault.broker === undefined || fault.broker === nodeId) &&
      (fault.clientId === undefined || fault.clientId === clientId)
    )
  }

  /** Counts a request. False: it is one of those that pass first. */
  hit(): boolean {
    const { after = 0, times = Number.POSITIVE_INFINITY } = this.fault
    if (this.#passed < after) {
      this.#passed++
      return false
    }
    this.hits++
    if (this.hits >= times) this.remove()
    for (const { count, resolve } of this.#waiting) if (this.hits >= count) resolve()
    return true
  }

  whenHit(count = 1): Promise<void> {
    if (this.hits >= count) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ count, resolve }))
  }

  remove(): void {
    this.#onRemoved(this)
  }

  [Symbol.dispose](): void {
    this.remove()
  }
}

/** The faults that tests have asked for. Of several that fit a request the oldest hits it. */
export class Faults implements RequestInterceptor {
  readonly #active = new Set<ActiveFault>()
  readonly #spared: string

  /** `spared`: the client id that nothing happens to. */
  constructor(spared: string) {
    this.#spared = spared
  }

  get isActive(): boolean {
    return this.#active.size > 0
  }

  /** @throws MillraceError TESTING_FAULT_INVALID */
  inject(fault: Fault): Injection {
    check(fault)
    const active = new ActiveFault(fault, (removed) => this.#active.delete(removed))
    this.#active.add(active)
    return active
  }

  clear(): void {
    this.#active.clear()
  }

  intercept(request: InterceptedRequest): Interception | undefined {
    if (request.clientId === this.#spared) return undefined
    for (const active of this.#active) {
      if (!active.matches(request)) continue
      const { disconnect, error, latencyMs, topic } = active.fault
      if (request.api === 'Fetch' && !request.topics && (topic !== undefined || error !== undefined)) {
        // In a session (KIP-227) topics are not named again. A client whose session is gone names them all.
        return { error: 'FETCH_SESSION_ID_NOT_FOUND' }
      }
      if (topic !== undefined && !request.topics?.includes(topic)) continue
      if (!active.hit()) return undefined
      return {
        ...(error !== undefined && { error }),
        ...(error !== undefined && topic !== undefined && { topics: [topic] }),
        ...(latencyMs !== undefined && { latencyMs }),
        ...(disconnect !== undefined && { disconnect }),
      }
    }
    return undefined
  }
}

function check({ api, disconnect, error, latencyMs, topic, times, after }: Fault): void {
  const names = typeof api === 'string' ? [api] : api
  for (const name of names) {
    const known = apis.find((each) => each.name === name)
    if (!known) {
      const meant = suggest(
        name,
        apis.map((each) => each.name),
      )
      throw invalid(`Kafka has no API '${name}'.`, meant ? `Did you mean '${meant}'?` : 'docs/protocol.md lists them.')
    }
    if (topic !== undefined && !namesTopics(known.key)) {
      throw invalid(`${name} requests name no topics.`, "Leave 'topic' out.")
    }
  }
  if (error !== undefined && !(error in ErrorCode)) {
    const meant = suggest(error, Object.keys(ErrorCode))
    throw invalid(`Kafka has no error '${error}'.`, meant ? `Did you mean '${meant}'?` : 'docs/errors.md lists them.')
  }
  if (error === 'NONE') throw invalid('NONE is no error.', 'Name one, NOT_LEADER_OR_FOLLOWER for instance.')
  if (error === undefined && disconnect === undefined && !(latencyMs !== undefined && latencyMs > 0)) {
    throw invalid('A fault does nothing.', "Give it an 'error', 'latencyMs' or 'disconnect'.")
  }
  for (const count of [times ?? 1, (after ?? 0) + 1]) {
    if (count >= 1 && (Number.isInteger(count) || count === Number.POSITIVE_INFINITY)) continue
    throw invalid(
      `'times' and 'after' count requests; ${times ?? 1} and ${after ?? 0} do not.`,
      'Give integers: times from 1 on, after from 0 on.',
    )
  }
}

function invalid(message: string, fix: string): MillraceError {
  return new MillraceError('TESTING_FAULT_INVALID', { message, fix })
}
