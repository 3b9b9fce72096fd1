import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { ResolvedConsumerOptions } from './consumer-options.ts'
import {
  type CommitOptions,
  type CommittedOffset,
  type GroupCoordinator,
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
  async commit(offsets: readonly CommittedOffset[] | undefined, options: CommitOptions): Promise<void> {
    this.#automatic.abort()
    await this.#commit(offsets ?? this.#consumed(), options)
  }

  /** In each poll, before it returns anything new: all that it returned before counts as done. */
  tick(): void {
    if (!this.#options.enableAutoCommit || this.#now() < this.#nextAutoCommitAt) return
    this.#nextAutoCommitAt = this.#now() + this.#options.autoCommitIntervalMs
    this.#automatic.abort()
    this.#automatic = new AbortController()
    // Not waited for, and a failure is no loss: the next one comes.
    const { signal } = this.#automatic
    const timeoutMs = this.#options.defaultApiTimeoutMs
    this.#commit(this.#consumed(), { timeoutMs, signal, awaitsTopics: false }).catch(() => {})
  }

  /** Before partitions are given up. If it fails, the next owner reads some records again: at least once. */
  async beforeRevocation(): Promise<void> {
    if (!this.#options.enableAutoCommit) return
    this.#automatic.abort()
    const { requestTimeoutMs: timeoutMs } = this.#options
    // A topic that is gone needs no offsets: a group must not stand still for it.
    await this.#commit(this.#consumed(), { timeoutMs, awaitsTopics: false }).catch(() => {})
  }

  /**
   * As the member that this consumer is now, in all attempts: once its partitions may be another's, what it read sets that
   * one's offsets back.
   */
  async #commit(offsets: readonly CommittedOffset[], options: CommitOptions): Promise<void> {
    const member = this.#membership()
    const losses = member?.losses
    let madeAs = NO_MEMBER
    const identity = () => {
      if (member && (member.isLost || member.losses !== losses)) throw this.#lost()
      madeAs = member?.identity ?? NO_MEMBER
      return madeAs
    }
    try {
      await this.#coordinator.commit(offsets, identity, options)
    } catch (error) {
      member?.noteError(error, madeAs)
      throw error
    }
  }

  #lost(): KafkaError {
    const what = `Committing offsets of group ${this.#coordinator.groupId}`
    const detail = 'the group went on without this member: its partitions may be read by others; poll to join again'
    return new KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, what, detail)
  }

  #consumed(): CommittedOffset[] {
    const offsets: CommittedOffset[] = []
    for (const { topic, partition, position, unseen, offsetEpoch } of this.#subscription) {
      if (unseen !== undefined) offsets.push({ topic, partition, offset: unseen })
      if (position === undefined || unseen !== undefined) continue
      offsets.push({ topic, partition, offset: position, ...(offsetEpoch >= 0 ? { leaderEpoch: offsetEpoch } : {}) })
    }
    return offsets
  }

  #now(): number {
    return this.#options.system.clock.monotonic()
  }
}
