import { MillraceError } from '@millrace/std'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { ResolvedConsumerOptions } from './consumer-options.ts'
import { ClientTimeoutError } from '../cluster/errors.ts'
import type { CommittedOffset, GroupCoordinator, GroupIdentity } from '../group/group-coordinator.ts'
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
  readonly #identity: () => GroupIdentity
  #working = false
  #error: Error | undefined

  constructor(parts: {
    cluster: Cluster
    coordinator: GroupCoordinator | undefined
    subscription: SubscriptionState
    options: ResolvedConsumerOptions
    onChange: () => void
    identity: () => GroupIdentity
  }) {
    this.#cluster = parts.cluster
    this.#coordinator = parts.coordinator
    this.#subscription = parts.subscription
    this.#options = parts.options
    this.#onChange = parts.onChange
    this.#identity = parts.identity
  }

  takeError(): Error | undefined {
    const error = this.#error
    this.#error = undefined
    return error
  }

  /** Starts looking for what is missing, unless it is at it. */
  seek(): void {
    if (this.#working || this.#error || this.#cluster.isClosed) return
    const missing = this.#missing()
    if (missing.length === 0) return
    this.#working = true
    this.#find(missing)
      .catch((error: Error) => {
        // Out of time only means that it goes on with the next call.
        if (!(error instanceof ClientTimeoutError) && !this.#cluster.isClosed) this.#error = error
      })
      .finally(() => {
        this.#working = false
        this.#onChange()
      })
  }

  #missing(): PartitionState[] {
    return [...this.#subscription].filter((state) => state.position === undefined)
  }

  async #find(missing: readonly PartitionState[]): Promise<void> {
    const uncommitted = missing.filter((state) => state.reset === undefined)
    if (uncommitted.length > 0) await this.#startAtCommitted(uncommitted)
    const resets = missing.filter((state) => state.reset !== undefined && state.position === undefined)
    if (resets.length === 0) return
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
    const committed = new Map<string, CommittedOffset>()
    if (this.#coordinator) {
      // Offsets of a transaction that is not decided yet are waited for (KIP-447): others would be read twice.
      const options = { timeoutMs: ATTEMPT_MS, requireStable: true, identity: this.#identity }
      for (const offset of await this.#coordinator.committed(states, options)) {
        committed.set(partitionKey(offset), offset)
      }
    }
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
}
