import { MillraceError } from '@millrace/std'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { ResolvedConsumerOptions } from './consumer-options.ts'
import { ClientTimeoutError } from '../cluster/errors.ts'
import { type CommittedOffset, type GroupCoordinator, NO_MEMBER } from '../group/group-coordinator.ts'
import type { Membership } from '../group/membership.ts'
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, lookUpOffsets } from './offset-lookup.ts'
import { type OffsetReset, type PartitionState, partitionKey, type SubscriptionState } from './subscription.ts'

/** How long one attempt may go on before it starts over with what is assigned by then. */
const ATTEMPT_MS = 5_000

/**
 * Finds out where partitions start that have no position: at the committed offset, else at the end that a seek or the
 * reset policy says. Works in the background; a poll that has nothing else to do waits for it.
 */
export class Positions {
  readonly #cluster: Cluster
  readonly #coordinator: GroupCoordinator | undefined
  readonly #subscription: SubscriptionState
  readonly #options: ResolvedConsumerOptions
  readonly #onChange: () => void
  readonly #membership: () => Membership | undefined
  /** What is being looked for. */
  readonly #busy = new Set<PartitionState>()
  #error: Error | undefined

  constructor(parts: {
    cluster: Cluster
    coordinator: GroupCoordinator | undefined
    subscription: SubscriptionState
    options: ResolvedConsumerOptions
    onChange: () => void
    membership: () => Membership | undefined
  }) {
    this.#cluster = parts.cluster
    this.#coordinator = parts.coordinator
    this.#subscription = parts.subscription
    this.#options = parts.options
    this.#onChange = parts.onChange
    this.#membership = parts.membership
  }

  takeError(): Error | undefined {
    const error = this.#error
    this.#error = undefined
    return error
  }

  /** Starts looking for what is missing and not looked for yet. */
  seek(): void {
    if (this.#error || this.#cluster.isClosed) return
    const missing: PartitionState[] = []
    for (const state of this.#subscription) {
      if (state.position === undefined && !this.#busy.has(state) && this.#isReady(state)) missing.push(state)
    }
    if (missing.length === 0) return
    const uncommitted = missing.filter((state) => state.reset === undefined)
    if (uncommitted.length > 0) this.#work(uncommitted, () => this.#startAtCommitted(uncommitted))
    // A leader that does not answer must not hold up what the others lead.
    for (const ofLeader of this.#byLeader(missing.filter((state) => state.reset !== undefined))) {
      this.#work(ofLeader, () => this.#startAtEnds(ofLeader))
    }
  }

  #work(states: readonly PartitionState[], find: () => Promise<void>): void {
    for (const state of states) this.#busy.add(state)
    find()
      .catch((error: Error) => {
        // Out of time only means that it goes on with the next call.
        if (!(error instanceof ClientTimeoutError) && !this.#cluster.isClosed) this.#error = error
      })
      .finally(() => {
        for (const state of states) this.#busy.delete(state)
        this.#onChange()
      })
  }

  /** Where to start by a reset is asked of the partition's leader: without one it has to wait, and the others go on. */
  #isReady(state: PartitionState): boolean {
    if (state.reset === undefined) return !this.#membership()?.isLost
    if (this.#leaderOf(state) >= 0) return true
    this.#cluster.follow([state.topic])
    this.#cluster.requestRefresh()
    return false
  }

  #leaderOf({ topic, partition }: PartitionState): number {
    return this.#cluster.metadata.partition(topic, partition)?.leader ?? -1
  }

  #byLeader(states: readonly PartitionState[]): Iterable<PartitionState[]> {
    const byLeader = new Map<number, PartitionState[]>()
    for (const state of states) {
      const leader = this.#leaderOf(state)
      const ofLeader = byLeader.get(leader)
      if (ofLeader) ofLeader.push(state)
      else byLeader.set(leader, [state])
    }
    return byLeader.values()
  }

  async #startAtEnds(resets: readonly PartitionState[]): Promise<void> {
    const wanted = resets.map((state) => state.reset as OffsetReset)
    const found = await lookUpOffsets(
      this.#cluster,
      resets.map(({ topic, partition, reset }) => ({
        topic,
        partition,
        timestamp: reset === 'earliest' ? EARLIEST_TIMESTAMP : LATEST_TIMESTAMP,
      })),
      { isolationLevel: this.#options.isolationLevel, timeoutMs: ATTEMPT_MS },
    )
    resets.forEach((state, i) => {
      // A seek in the meantime counts more.
      if (state.position === undefined && state.reset === wanted[i]) state.seek(found[i]?.offset as number)
    })
  }

  async #startAtCommitted(states: readonly PartitionState[]): Promise<void> {
    const offsets = this.#coordinator ? await this.#fetchCommitted(this.#coordinator, states) : []
    // Without an answer, the reset policy would lead back to what the group has read.
    if (!offsets) return
    const committed = new Map(offsets.map((offset) => [partitionKey(offset), offset]))
    const without: PartitionState[] = []
    for (const state of states) {
      if (state.position !== undefined || state.reset !== undefined) continue
      const offset = committed.get(partitionKey(state))
      if (offset !== undefined) state.seek(offset.offset, offset.leaderEpoch)
      else without.push(state)
    }
    const policy = this.#options.autoOffsetReset
    if (policy !== 'none') {
      for (const state of without) state.seekToEnd(policy)
      return
    }
    const [first] = without
    if (!first) return
    throw new MillraceError('KAFKA_NO_OFFSET', {
      message: `There is no committed offset for ${partitionKey(first)}, and autoOffsetReset is 'none'.`,
      fix: 'Seek to an offset, commit one, or set autoOffsetReset to earliest or latest.',
      cause: new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE),
    })
  }

  /** Undefined: this consumer is no member now, and gives these partitions up. */
  async #fetchCommitted(
    coordinator: GroupCoordinator,
    states: readonly PartitionState[],
  ): Promise<CommittedOffset[] | undefined> {
    const member = this.#membership()
    let madeAs = NO_MEMBER
    const identity = () => {
      madeAs = member?.identity ?? NO_MEMBER
      return madeAs
    }
    try {
      // Offsets of a transaction that is not decided yet are waited for (KIP-447): others would be read twice.
      return await coordinator.committed(states, { timeoutMs: ATTEMPT_MS, requireStable: true, identity })
    } catch (error) {
      if (!(error instanceof KafkaError) || error.kafkaCode !== ErrorCode.UNKNOWN_MEMBER_ID || !member) throw error
      member.noteError(error, madeAs)
      return undefined
    }
  }
}
