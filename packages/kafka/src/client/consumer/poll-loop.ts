import { yieldToEventLoop } from '@millrace/std'
import type { Cluster } from '../cluster/cluster.ts'
import type { Pulse } from '../cluster/waiting.ts'
import type { Membership } from '../group/membership.ts'
import type { Committer } from './committer.ts'
import { concurrentPoll, nothingToRead, wokenUp } from './consumer-misuse.ts'
import type { Fetcher } from './fetcher.ts'
import type { Positions } from './positions.ts'
import type { SubscriptionState } from './subscription.ts'

/** How often a poll looks again when a partition has no leader or rests after a failure. */
const STALL_CHECK_MS = 50
/** How often topics that do not exist yet are asked for. */
const UNKNOWN_TOPIC_CHECK_MS = 500

export interface PollLoopOptions {
  cluster: Cluster
  subscription: SubscriptionState
  fetcher: Fetcher
  positions: Positions
  committer: Committer | undefined
  membership: () => Membership | undefined
  /** Told when there may be something to do. */
  changed: Pulse
  /** @throws when the consumer is closed */
  checkOpen: () => void
}

/** What a consumer does while the user waits for records: rebalances, positions, fetches; one poll at a time. */
export class PollLoop {
  readonly #parts: PollLoopOptions
  #isPolling = false
  #isWoken = false
  #nextTopicCheckAt = 0

  constructor(parts: PollLoopOptions) {
    this.#parts = parts
  }

  /** Makes the poll under way, or else the next one, throw. */
  wakeup(): void {
    this.#isWoken = true
    this.#parts.changed.notify()
  }

  /** Takes what is there, or what comes within the time; undefined: nothing did. */
  async next<T>(take: () => T | undefined, timeoutMs: number, signal: AbortSignal | undefined): Promise<T | undefined> {
    const { subscription, positions, fetcher, committer, membership, changed, checkOpen, cluster } = this.#parts
    checkOpen()
    if (subscription.mode === 'none') throw nothingToRead()
    if (this.#isPolling) throw concurrentPoll()
    this.#isPolling = true
    membership()?.pollStarted()
    const wake = () => changed.notify()
    signal?.addEventListener('abort', wake)
    try {
      const deadline = this.#now() + timeoutMs
      for (;;) {
        checkOpen()
        signal?.throwIfAborted()
        this.#checkWoken()
        committer?.tick()
        const member = membership()
        if (member?.needsAttention) await member.advance()
        this.throwErrors()
        const taken = take()
        positions.seek()
        fetcher.sendFetches()
        if (taken !== undefined) return taken
        const left = deadline - this.#now()
        if (left <= 0) {
          // A loop of polls without a timeout must not keep answers from coming in.
          await yieldToEventLoop(cluster.options.system.timers)
          return take()
        }
        await changed.wait(Math.min(left, this.#patience()))
      }
    } finally {
      signal?.removeEventListener('abort', wake)
      this.#isPolling = false
      membership()?.pollEnded()
    }
  }

  /** @throws what went wrong in the background, once */
  throwErrors(): void {
    const error = this.#parts.fetcher.takeError() ?? this.#parts.positions.takeError()
    if (error) throw error
  }

  /** How long a poll may sleep when nothing wakes it. */
  #patience(): number {
    const { fetcher, cluster, subscription } = this.#parts
    const patience = fetcher.hasStalled ? STALL_CHECK_MS : Number.POSITIVE_INFINITY
    const { topics } = cluster.metadata
    if (subscription.topics.every((topic) => topics.has(topic))) return patience
    if (this.#now() >= this.#nextTopicCheckAt) {
      this.#nextTopicCheckAt = this.#now() + UNKNOWN_TOPIC_CHECK_MS
      cluster.requestRefresh()
    }
    return Math.min(patience, UNKNOWN_TOPIC_CHECK_MS)
  }

  #checkWoken(): void {
    if (!this.#isWoken) return
    this.#isWoken = false
    throw wokenUp()
  }

  #now(): number {
    return this.#parts.cluster.options.system.clock.monotonic()
  }
}
