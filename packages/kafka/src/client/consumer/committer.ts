import type { ResolvedConsumerOptions } from './consumer-options.ts'
import {
  type CommittedOffset,
  type GroupCoordinator,
  type GroupIdentity,
  NO_MEMBER,
} from '../group/group-coordinator.ts'
import type { Membership } from '../group/membership.ts'
import type { SubscriptionState } from './subscription.ts'

/** Stores how far a consumer has read: when asked to, and by itself where that is wanted. */
export class Committer {
  readonly #coordinator: GroupCoordinator
  readonly #subscription: SubscriptionState
  readonly #options: ResolvedConsumerOptions
  readonly #membership: () => Membership | undefined
  #nextAutoCommitAt: number
  /** Of the last commit that was made by itself. Repeated after a newer one, it would set offsets back: that ends it. */
  #automatic = new AbortController()

  constructor(parts: {
    coordinator: GroupCoordinator
    subscription: SubscriptionState
    options: ResolvedConsumerOptions
    membership: () => Membership | undefined
  }) {
    this.#coordinator = parts.coordinator
    this.#subscription = parts.subscription
    this.#options = parts.options
    this.#membership = parts.membership
    this.#nextAutoCommitAt = this.#now() + parts.options.autoCommitIntervalMs
  }

  /** These offsets, or those of all that polls have returned. A failure also tells the member what it must know. */
  async commit(
    offsets: readonly CommittedOffset[] | undefined,
    options: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<void> {
    const member = this.#membership()
    this.#automatic.abort()
    try {
      await this.#coordinator.commit(offsets ?? this.#consumed(), this.#identity, options)
    } catch (error) {
      member?.noteCommitError(error)
      throw error
    }
  }

  /** In each poll, before it returns anything new: all that it returned before counts as done. */
  tick(): void {
    if (!this.#options.enableAutoCommit || this.#now() < this.#nextAutoCommitAt) return
    this.#nextAutoCommitAt = this.#now() + this.#options.autoCommitIntervalMs
    // Not waited for, and a failure is no loss: the next one comes.
    const automatic = new AbortController()
    const options = { timeoutMs: this.#options.defaultApiTimeoutMs, signal: automatic.signal }
    this.commit(undefined, options).catch(() => {})
    this.#automatic = automatic
  }

  /** Before partitions are given up. If it fails, the next owner reads some records again: at least once. */
  async beforeRevocation(): Promise<void> {
    if (!this.#options.enableAutoCommit) return
    this.#automatic.abort()
    const { requestTimeoutMs: timeoutMs } = this.#options
    await this.#coordinator.commit(this.#consumed(), this.#identity, { timeoutMs }).catch(() => {})
  }

  #identity = (): GroupIdentity => this.#membership()?.identity ?? NO_MEMBER

  #consumed(): CommittedOffset[] {
    const offsets: CommittedOffset[] = []
    for (const { topic, partition, position, offsetEpoch } of this.#subscription) {
      if (position === undefined) continue
      offsets.push({ topic, partition, offset: position, ...(offsetEpoch >= 0 ? { leaderEpoch: offsetEpoch } : {}) })
    }
    return offsets
  }

  #now(): number {
    return this.#options.system.clock.monotonic()
  }
}
