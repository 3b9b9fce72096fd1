import { MillraceError } from '@millrace/std'
import type { TopicPartition } from '../group/assignors/assignor.ts'
import type { FetchedPartition } from './fetched-partition.ts'

/** Where a partition without a position starts. */
export type OffsetReset = 'earliest' | 'latest'

/** One assigned partition. */
export class PartitionState implements TopicPartition {
  readonly topic: string
  readonly partition: number
  /** The offset of the next record to hand out; undefined until it is known. */
  position: number | undefined
  /** Asked for by a seek to either end, or after an offset that is no longer there; before that, what was committed. */
  reset: OffsetReset | undefined
  /** Where a loop over the consumer stands, as long as there are records that a poll returned and it has not seen. */
  unseen: number | undefined
  isPaused = false
  /** Came with an answer and is not handed out yet. */
  fetched: FetchedPartition | undefined
  /** The request that brings its next records; another one's answer does not count. */
  request: object | undefined
  /** The leader epoch that it named. */
  requestEpoch = -1
  /** On the monotonic clock: after a failure it is left alone until then. */
  retryAt = 0
  failures = 0
  highWatermark = -1
  lastStableOffset = -1
  /** The leader epoch of the last record before the position (KIP-320); -1 when it is not known. */
  offsetEpoch = -1
  /** Under leaders up to this epoch the position is known to be good. */
  validatedEpoch = -1
  /** The leader that is being asked whether the position is good. */
  validating: { readonly leader: number; readonly leaderEpoch: number } | undefined
  /** A replica nearby that the leader pointed to (KIP-392), and until when. */
  preferredReplica: { readonly nodeId: number; readonly until: number } | undefined

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  seek(position: number, offsetEpoch = -1): void {
    this.position = position
    this.offsetEpoch = offsetEpoch
    this.validatedEpoch = -1
    this.reset = undefined
    this.#drop()
  }

  /** Moves the position on to what was handed out, or passed over, of what was fetched. */
  advance(fetched: FetchedPartition): void {
    this.position = fetched.position
    if (fetched.offsetEpoch < 0) return
    this.offsetEpoch = fetched.offsetEpoch
    this.validatedEpoch = Math.max(this.validatedEpoch, fetched.currentLeaderEpoch)
  }

  seekToEnd(reset: OffsetReset): void {
    this.position = undefined
    this.reset = reset
    this.#drop()
  }

  #drop(): void {
    this.fetched = undefined
    this.request = undefined
    this.unseen = undefined
  }
}

export function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

/** What a consumer reads: the topics it subscribed to, or the partitions it was given, and where it stands in each. */
export class SubscriptionState {
  /** Subscribed topics; empty when partitions were assigned by hand. */
  topics: readonly string[] = []
  /** Matched by the broker (KIP-848), in RE2/J's syntax. */
  serverPattern: string | undefined
  mode: 'none' | 'subscribed' | 'assigned' = 'none'
  readonly #partitions = new Map<string, PartitionState>()

  get size(): number {
    return this.#partitions.size
  }

  [Symbol.iterator](): Iterator<PartitionState> {
    return this.#partitions.values()
  }

  assignment(): TopicPartition[] {
    return [...this.#partitions.values()].map(({ topic, partition }) => ({ topic, partition }))
  }

  /** The state, if the partition is still assigned and not assigned anew. */
  isCurrent(state: PartitionState): boolean {
    return this.#partitions.get(partitionKey(state)) === state
  }

  /** The state of a partition that is assigned at present. */
  find(partition: TopicPartition): PartitionState | undefined {
    return this.#partitions.get(partitionKey(partition))
  }

  /** @throws {MillraceError} KAFKA_NOT_ASSIGNED */
  get(partition: TopicPartition): PartitionState {
    const state = this.#partitions.get(partitionKey(partition))
    if (state) return state
    throw new MillraceError('KAFKA_NOT_ASSIGNED', {
      message: `Partition ${partitionKey(partition)} is not assigned to this consumer.`,
      fix: 'Assign it, or wait for the rebalance that does (onPartitionsAssigned).',
    })
  }

  /** Exactly these partitions from now on; those that stay keep their positions. */
  replace(partitions: readonly TopicPartition[]): void {
    const wanted = new Set(partitions.map(partitionKey))
    for (const key of [...this.#partitions.keys()]) if (!wanted.has(key)) this.#partitions.delete(key)
    for (const { topic, partition } of partitions) {
      const key = partitionKey({ topic, partition })
      if (!this.#partitions.has(key)) this.#partitions.set(key, new PartitionState(topic, partition))
    }
  }

  /** Brokers fill an answer in the order of the request: who was served goes behind the others. */
  moveToEnd(state: PartitionState): void {
    const key = partitionKey(state)
    if (this.#partitions.get(key) !== state) return
    this.#partitions.delete(key)
    this.#partitions.set(key, state)
  }

  clear(): void {
    this.mode = 'none'
    this.topics = []
    this.serverPattern = undefined
    this.#partitions.clear()
  }
}
