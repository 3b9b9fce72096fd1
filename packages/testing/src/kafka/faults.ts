import { type InterceptedRequest, type Interception, namesTopics, type RequestInterceptor } from '@millrace/broker'
import type * as kafka from '@millrace/kafka'
import { type Api, apis, ErrorCode, type ErrorName } from '@millrace/kafka'
import { hostSystem, MillraceError, suggest } from '@millrace/std'
import { defaultWaitMs } from './test-time.ts'

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
  /**
   * Resolves when it has hit `count` requests in all (1 by default).
   *
   * @throws MillraceError TESTING_WAITED_IN_VAIN: it has not within `timeoutMs` (4,000 by default)
   */
  whenHit(count?: number, options?: { readonly timeoutMs?: number }): Promise<void>
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

  whenHit(count = 1, { timeoutMs = defaultWaitMs } = {}): Promise<void> {
    if (this.hits >= count) return Promise.resolve()
    const { timers } = hostSystem
    return new Promise((resolve, reject) => {
      const timer = timers.schedule(timeoutMs, () => reject(this.#inVain(count, timeoutMs)))
      this.#waiting.push({
        count,
        resolve: () => {
          timers.cancel(timer)
          resolve()
        },
      })
    })
  }

  #inVain(count: number, timeoutMs: number): MillraceError {
    const { times = Number.POSITIVE_INFINITY } = this.fault
    return new MillraceError('TESTING_WAITED_IN_VAIN', {
      message: `The fault of ${[...this.apis].join(', ')} has hit ${this.hits} of ${count} requests within ${timeoutMs} ms.`,
      fix:
        count > times
          ? `Wait for no more than ${times}: then it is gone.`
          : 'See whether the code under test sends such requests, or give a longer timeoutMs.',
    })
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

function check(fault: Fault): void {
  const { api, disconnect, error, latencyMs = 0 } = fault
  for (const name of typeof api === 'string' ? [api] : api) checkApi(name, fault)
  if (error !== undefined && (error === 'NONE' || !(error in ErrorCode))) {
    const meant = suggest(error, Object.keys(ErrorCode))
    throw new MillraceError('TESTING_FAULT_INVALID', {
      message: `'${error}' is no error of Kafka.`,
      fix: meant && meant !== 'NONE' ? `Did you mean '${meant}'?` : 'docs/errors.md lists them.',
    })
  }
  if (error === undefined && disconnect === undefined && latencyMs <= 0) {
    throw new MillraceError('TESTING_FAULT_INVALID', {
      message: 'A fault does nothing.',
      fix: "Give it an 'error', 'latencyMs' or 'disconnect'.",
    })
  }
  checkCounts(fault)
}

function checkApi(name: string, { topic }: Fault): void {
  const known = apis.find((api) => api.name === name)
  if (!known) {
    const names = apis.map((api) => api.name)
    const meant = suggest(name, names)
    throw new MillraceError('TESTING_FAULT_INVALID', {
      message: `Kafka has no API '${name}'.`,
      fix: meant ? `Did you mean '${meant}'?` : 'docs/protocol.md lists them.',
    })
  }
  if (topic === undefined || namesTopics(known.key)) return
  throw new MillraceError('TESTING_FAULT_INVALID', {
    message: `${name} requests name no topics.`,
    fix: "Leave 'topic' out.",
  })
}

function checkCounts({ times = 1, after = 0 }: Fault): void {
  const isCount = (count: number) => Number.isInteger(count) || count === Number.POSITIVE_INFINITY
  if (isCount(times) && times >= 1 && isCount(after) && after >= 0) return
  throw new MillraceError('TESTING_FAULT_INVALID', {
    message: `A fault cannot hit ${times} requests after ${after}.`,
    fix: "Give integers: 'times' from 1 on, 'after' from 0 on.",
  })
}
