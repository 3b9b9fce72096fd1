import { MillraceError } from '@millrace/std'
import { OffsetForLeaderEpoch } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { isRetriable, type Verdict } from '../cluster/errors.ts'
import { backoff } from '../cluster/waiting.ts'
import { groupByTopic } from '../group/group-coordinator.ts'
import type { ResolvedConsumerOptions } from './consumer-options.ts'
import { type PartitionState, partitionKey, type SubscriptionState } from './subscription.ts'

/** A leader was lost with records that this consumer had read: the log went on differently (KIP-320). */
export class LogTruncationError extends MillraceError implements Verdict {
  override name = 'LogTruncationError'
  readonly retriable = false
  readonly abortable = false
  readonly fatal = false
  readonly topic: string
  readonly partition: number
  /** Where the consumer stood. */
  readonly offset: number
  /** From here on the log differs from what was read; undefined when the broker does not know. */
  readonly divergentOffset: number | undefined

  constructor({ topic, partition, position }: PartitionState, divergentOffset: number | undefined) {
    const where = divergentOffset === undefined ? 'somewhere before that' : `at offset ${divergentOffset}`
    super('KAFKA_LOG_TRUNCATED', {
      message: `${topic}-${partition} was truncated: this consumer has read up to ${position}, the log went on differently ${where}.`,
      fix: 'Seek to where reading should go on (divergentOffset), or set autoOffsetReset to earliest or latest to do so by itself.',
    })
    this.topic = topic
    this.partition = partition
    this.offset = position as number
    this.divergentOffset = divergentOffset
  }
}

/** Partitions whose leader changed since their position was known to be good are not read until that is checked. */
export class PositionValidation {
  readonly #cluster: Cluster
  readonly #subscription: SubscriptionState
  readonly #options: ResolvedConsumerOptions
  readonly #onChange: () => void
  readonly #busy = new Set<PartitionState>()
  readonly #errors: Error[] = []

  constructor(parts: {
    cluster: Cluster
    subscription: SubscriptionState
    options: ResolvedConsumerOptions
    onChange: () => void
  }) {
    this.#cluster = parts.cluster
    this.#subscription = parts.subscription
    this.#options = parts.options
    this.#onChange = parts.onChange
  }

  takeError(): Error | undefined {
    return this.#errors.shift()
  }

  /** Whether a partition must be checked before it is read: then that is begun. */
  holdsBack(state: PartitionState, leader: number, leaderEpoch: number): boolean {
    // Without the epoch of what was read there is nothing to compare.
    if (state.offsetEpoch < 0 || leaderEpoch <= state.validatedEpoch) return false
    if (this.#busy.size === 0) queueMicrotask(() => this.#checkAll())
    this.#busy.add(state)
    state.validating = { leader, leaderEpoch }
    return true
  }

  #checkAll(): void {
    const byLeader = new Map<number, PartitionState[]>()
    for (const state of this.#busy) {
      const leader = state.validating?.leader as number
      const ofLeader = byLeader.get(leader)
      if (ofLeader) ofLeader.push(state)
      else byLeader.set(leader, [state])
    }
    this.#busy.clear()
    for (const [leader, states] of byLeader) void this.#check(leader, states)
  }

  async #check(leader: number, states: readonly PartitionState[]): Promise<void> {
    const asked = new Map(states.map((state) => [partitionKey(state), { state, position: state.position }]))
    try {
      const response = await this.#cluster.send(leader, OffsetForLeaderEpoch, {
        replicaId: -1,
        topics: groupByTopic(states).map(([topic, ofTopic]) => ({
          topic,
          partitions: ofTopic.map(({ partition, offsetEpoch, validating }) => ({
            partition,
            currentLeaderEpoch: validating?.leaderEpoch ?? -1,
            leaderEpoch: offsetEpoch,
          })),
        })),
      })
      for (const { topic, partitions } of response.topics) {
        for (const { partition, errorCode, endOffset, leaderEpoch } of partitions) {
          const entry = asked.get(partitionKey({ topic, partition }))
          // A seek or a rebalance in the meantime needs no check.
          if (!entry || !this.#subscription.isCurrent(entry.state) || entry.state.position !== entry.position) continue
          if (errorCode === ErrorCode.NONE) this.#decide(entry.state, leaderEpoch, endOffset)
          else this.#failed(entry.state, new KafkaError(errorCode, `Checking the position in ${topic}-${partition}`))
        }
      }
    } catch (error) {
      for (const { state } of asked.values()) this.#failed(state, error as Error)
    } finally {
      for (const state of states) state.validating = undefined
      this.#onChange()
    }
  }

  /** `endOffset`: where the last epoch ends that is not after the one of the position. */
  #decide(state: PartitionState, epoch: number, endOffset: number): void {
    const isKnown = endOffset >= 0 && epoch >= 0
    state.failures = 0
    if (isKnown && endOffset >= (state.position as number)) {
      state.validatedEpoch = state.validating?.leaderEpoch as number
      return
    }
    const { autoOffsetReset } = this.#options
    if (autoOffsetReset === 'none') {
      // Said once: whoever polls on without a seek goes on where it stood.
      state.validatedEpoch = state.validating?.leaderEpoch as number
      this.#errors.push(new LogTruncationError(state, isKnown ? endOffset : undefined))
    } else if (isKnown) state.seek(endOffset, epoch)
    else state.seekToEnd(autoOffsetReset)
  }

  #failed(state: PartitionState, error: Error): void {
    if (!isRetriable(error)) {
      // Not allowed or not served: read on without the check, as Kafka's own client does.
      state.validatedEpoch = state.validating?.leaderEpoch as number
      return
    }
    const { system, retryBackoffMs, retryBackoffMaxMs } = this.#cluster.options
    state.failures++
    state.retryAt = system.clock.monotonic() + backoff(system.random, state.failures, retryBackoffMs, retryBackoffMaxMs)
    this.#cluster.requestRefresh()
  }
}
