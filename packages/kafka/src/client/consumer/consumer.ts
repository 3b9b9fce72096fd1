import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { TopicPartition } from '../group/assignors/assignor.ts'
import { Cluster } from '../cluster/cluster.ts'
import { Committer } from './committer.ts'
import { type KafkaConsumerOptions, type ResolvedConsumerOptions, resolveConsumerOptions } from './consumer-options.ts'
import type { ConsumerRecord, PartitionBatches } from './consumer-record.ts'
import { invalidSeek, mixedModes, serverPatternInClassicGroup } from './consumer-misuse.ts'
import { ClientClosedError } from '../cluster/errors.ts'
import { Fetcher } from './fetcher.ts'
import {
  type CommittedOffset,
  type ConsumerGroupMetadata,
  GroupCoordinator,
  NO_MEMBER,
} from '../group/group-coordinator.ts'
import { ClassicMember } from '../group/classic-member.ts'
import { ConsumerMember } from '../group/consumer-member.ts'
import type { Membership, RebalanceListener } from '../group/membership.ts'
import {
  EARLIEST_TIMESTAMP,
  type FoundOffset,
  LATEST_TIMESTAMP,
  lookUpOffsets,
  type OffsetQuery,
} from './offset-lookup.ts'
import type { TopicMetadata } from '../cluster/metadata.ts'
import { PollLoop } from './poll-loop.ts'
import { Positions } from './positions.ts'
import { recordLoop } from './record-loop.ts'
import { SubscriptionState } from './subscription.ts'
import { TopicSelection, type TopicSubscription } from './topic-selection.ts'
import { Pulse, timedOut } from '../cluster/waiting.ts'

export interface CallOptions {
  timeoutMs?: number
  signal?: AbortSignal
}

/**
 * Reads records of topics: as a member of a group (`subscribe`) or from partitions of one's choice (`assign`).
 *
 * @example
 * await using consumer = new KafkaConsumer({ bootstrapServers: 'localhost:9092', groupId: 'g', autoOffsetReset: 'earliest' })
 * consumer.subscribe(['lines'])
 * for await (const record of consumer) console.log(record.offset, record.value?.toString())
 */
export class KafkaConsumer {
  readonly #options: ResolvedConsumerOptions
  readonly #cluster: Cluster
  readonly #subscription = new SubscriptionState()
  readonly #coordinator: GroupCoordinator | undefined
  readonly #committer: Committer | undefined
  readonly #fetcher: Fetcher
  readonly #positions: Positions
  readonly #changed: Pulse
  readonly #selection: TopicSelection
  readonly #polling: PollLoop
  #member: Membership | undefined
  #isClosed = false

  /** @throws {MillraceError} KAFKA_UNKNOWN_OPTION, KAFKA_INVALID_OPTION */
  constructor(options: KafkaConsumerOptions) {
    const resolved = resolveConsumerOptions(options)
    this.#options = resolved
    this.#cluster = new Cluster(resolved, { allowAutoTopicCreation: resolved.allowAutoCreateTopics })
    this.#changed = new Pulse(resolved.system.timers)
    const onChange = () => this.#changed.notify()
    const { groupId } = resolved
    this.#coordinator = groupId === undefined ? undefined : new GroupCoordinator(this.#cluster, groupId)
    const parts = { cluster: this.#cluster, subscription: this.#subscription, options: resolved, onChange }
    this.#committer =
      this.#coordinator && new Committer({ ...parts, coordinator: this.#coordinator, membership: () => this.#member })
    this.#fetcher = new Fetcher(parts)
    this.#positions = new Positions({ ...parts, coordinator: this.#coordinator, membership: () => this.#member })
    this.#selection = new TopicSelection(this.#cluster, this.#subscription)
    this.#polling = new PollLoop({
      ...parts,
      fetcher: this.#fetcher,
      positions: this.#positions,
      committer: this.#committer,
      membership: () => this.#member,
      changed: this.#changed,
      checkOpen: () => this.#checkOpen(),
    })
    this.#cluster.onMetadata = () => {
      if (this.#selection.metadataChanged()) this.#member?.subscriptionChanged()
      this.#member?.metadataChanged()
      onChange()
    }
  }

  /**
   * Reads topics as a member of the group; the group's partitions are divided among its members. Replaces what was
   * subscribed.
   *
   * @param topics Names; a regular expression that this client applies to all topics but Kafka's own, also to those that
   *   come later; or `{ pattern }` for the broker to match, with `groupProtocol: 'consumer'`.
   * @example
   * consumer.subscribe(['orders', 'payments'])
   * consumer.subscribe(/^orders-/)
   * consumer.subscribe({ pattern: 'orders-.*' })
   */
  subscribe(topics: TopicSubscription, listener: RebalanceListener = {}): void {
    this.#checkOpen()
    const coordinator = this.#requireGroup('subscribe')
    if (this.#subscription.mode === 'assigned') throw mixedModes()
    const isClassic = this.#options.groupProtocol === 'classic'
    if (isClassic && 'pattern' in topics) throw serverPatternInClassicGroup()
    this.#subscription.mode = 'subscribed'
    this.#selection.select(topics)
    const context = {
      cluster: this.#cluster,
      coordinator,
      subscription: this.#subscription,
      options: this.#options,
      beforeRevocation: async () => this.#committer?.beforeRevocation(),
      onChange: () => this.#changed.notify(),
    }
    this.#member ??= isClassic ? new ClassicMember(context) : new ConsumerMember(context)
    this.#member.listener = listener
    this.#member.subscriptionChanged()
  }

  /** Reads exactly these partitions, without a group's help. Those that stay keep their positions. */
  assign(partitions: readonly TopicPartition[]): void {
    this.#checkOpen()
    if (this.#subscription.mode === 'subscribed') throw mixedModes()
    this.#subscription.mode = 'assigned'
    this.#cluster.follow(partitions.map(({ topic }) => topic))
    this.#subscription.replace(partitions)
    this.#changed.notify()
  }

  /** Gives up all topics and partitions, and leaves the group. */
  async unsubscribe(): Promise<void> {
    await this.#leaveGroup()
    this.#selection.clear()
    this.#subscription.clear()
  }

  /** The topics that are subscribed to. */
  subscription(): readonly string[] {
    return this.#subscription.topics
  }

  /** The partitions that are read at present. */
  assignment(): TopicPartition[] {
    return this.#subscription.assignment()
  }

  /**
   * Waits for records, at most `timeoutMs`, and returns up to `maxPollRecords` of them. The position moves past what is
   * returned, and the next fetch is on its way then.
   *
   * @throws {MillraceError} KAFKA_CORRUPT_BATCH, KAFKA_OFFSET_OUT_OF_RANGE, KAFKA_NO_OFFSET, KAFKA_WAKEUP
   * @throws {KafkaError}
   */
  async poll(timeoutMs: number, options: { signal?: AbortSignal } = {}): Promise<ConsumerRecord[]> {
    return (await this.#polling.next(() => this.#fetcher.takeRecords(), timeoutMs, options.signal)) ?? []
  }

  /** As {@link poll}, but hands out whole record batches as bytes, with no object per record. */
  async pollBatches(timeoutMs: number, options: { signal?: AbortSignal } = {}): Promise<PartitionBatches[]> {
    return (await this.#polling.next(() => this.#fetcher.takeBatches(), timeoutMs, options.signal)) ?? []
  }

  /**
   * Record after record, until the consumer is closed. A loop that is left resumes after the last record that it saw, and
   * commits count up to the record that it is at.
   */
  [Symbol.asyncIterator](): AsyncGenerator<ConsumerRecord, void, undefined> {
    return recordLoop({
      poll: (timeoutMs) => this.poll(timeoutMs),
      subscription: this.#subscription,
      isClosed: () => this.#isClosed,
    })
  }

  /** Makes the poll under way, or else the next one, throw KAFKA_WAKEUP. */
  wakeup(): void {
    this.#polling.wakeup()
  }

  /** Nothing of these partitions is returned until {@link resume}. */
  pause(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#subscription.get(partition).isPaused = true
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#subscription.get(partition).isPaused = false
    this.#changed.notify()
  }

  paused(): TopicPartition[] {
    return this.assignment().filter((partition) => this.#subscription.get(partition).isPaused)
  }

  /** The next poll continues at this offset. With `leaderEpoch`, of the record before it, a truncated log is noticed (KIP-320). */
  seek(target: TopicPartition & { offset: number; leaderEpoch?: number }): void {
    if (!Number.isSafeInteger(target.offset) || target.offset < 0) {
      throw invalidSeek(target)
    }
    this.#subscription.get(target).seek(target.offset, target.leaderEpoch)
    this.#changed.notify()
  }

  /** The next poll continues at the beginning of these partitions; without any, of all. */
  seekToBeginning(partitions: readonly TopicPartition[] = this.assignment()): void {
    for (const partition of partitions) this.#subscription.get(partition).seekToEnd('earliest')
    this.#changed.notify()
  }

  /** The next poll continues at the end of these partitions; without any, of all. */
  seekToEnd(partitions: readonly TopicPartition[] = this.assignment()): void {
    for (const partition of partitions) this.#subscription.get(partition).seekToEnd('latest')
    this.#changed.notify()
  }

  /** The offset of the next record that a poll returns; finds it out when it is not known yet. */
  async position(partition: TopicPartition, options: CallOptions = {}): Promise<number> {
    this.#checkOpen()
    const timeoutMs = options.timeoutMs ?? this.#options.defaultApiTimeoutMs
    const deadline = this.#now() + timeoutMs
    for (;;) {
      options.signal?.throwIfAborted()
      const { position } = this.#subscription.get(partition)
      if (position !== undefined) return position
      this.#polling.throwErrors()
      this.#positions.seek()
      const left = deadline - this.#now()
      if (left <= 0) throw timedOut(`Finding the position of ${partition.topic}-${partition.partition}`, timeoutMs)
      await this.#changed.wait(left)
    }
  }

  /** How many offsets of the partition come after the position, of those that may be read; undefined before the first fetch. */
  currentLag(partition: TopicPartition): number | undefined {
    const { position, highWatermark, lastStableOffset } = this.#subscription.get(partition)
    const end = this.#options.isolationLevel === 'read_committed' ? lastStableOffset : highWatermark
    return position === undefined || end < 0 ? undefined : Math.max(0, end - position)
  }

  /**
   * Stores offsets of the group: these, or those of all that polls have returned.
   *
   * @throws {KafkaError} ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID (the partitions belong to others by now) and others
   */
  async commit(offsets?: readonly CommittedOffset[], options: CallOptions = {}): Promise<void> {
    if (this.#cluster.isClosed) throw new ClientClosedError('consumer')
    this.#requireGroup('commit')
    const timeoutMs = options.timeoutMs ?? this.#options.defaultApiTimeoutMs
    await this.#committer?.commit(offsets, { timeoutMs, signal: options.signal })
  }

  /** What a transactional producer needs to commit this consumer's offsets: see {@link KafkaProducer.sendOffsetsToTransaction}. */
  groupMetadata(): ConsumerGroupMetadata {
    const { groupId } = this.#requireGroup('groupMetadata')
    return { groupId, ...(this.#member?.identity ?? NO_MEMBER) }
  }

  /**
   * The stored offsets of the group for these partitions; those that have none are left out. Waits for transactions that
   * are to decide about some of them (KIP-447).
   */
  async committed(partitions: readonly TopicPartition[], options: CallOptions = {}): Promise<CommittedOffset[]> {
    this.#checkOpen()
    const timeoutMs = options.timeoutMs ?? this.#options.defaultApiTimeoutMs
    return this.#requireGroup('committed').committed(partitions, {
      timeoutMs,
      signal: options.signal,
      requireStable: true,
    })
  }

  async beginningOffsets(partitions: readonly TopicPartition[], options: CallOptions = {}): Promise<FoundOffset[]> {
    return this.offsetsForTimes(
      partitions.map((p) => ({ ...p, timestamp: EARLIEST_TIMESTAMP })),
      options,
    )
  }

  /** The offset after the last record; with `read_committed`, after the last one that is decided. */
  async endOffsets(partitions: readonly TopicPartition[], options: CallOptions = {}): Promise<FoundOffset[]> {
    return this.offsetsForTimes(
      partitions.map((p) => ({ ...p, timestamp: LATEST_TIMESTAMP })),
      options,
    )
  }

  /** The first record of each partition with this timestamp or a later one; offset -1 when there is none. */
  async offsetsForTimes(queries: readonly OffsetQuery[], options: CallOptions = {}): Promise<FoundOffset[]> {
    this.#checkOpen()
    const { isolationLevel, defaultApiTimeoutMs } = this.#options
    const timeoutMs = options.timeoutMs ?? defaultApiTimeoutMs
    return lookUpOffsets(this.#cluster, queries, { isolationLevel, timeoutMs, signal: options.signal })
  }

  /** What is known of a topic's partitions. */
  async partitionsFor(topic: string, options: CallOptions = {}): Promise<TopicMetadata> {
    this.#checkOpen()
    const timeoutMs = options.timeoutMs ?? this.#options.defaultApiTimeoutMs
    return this.#cluster.topic(topic, { timeoutMs, signal: options.signal })
  }

  /**
   * Commits if that is automatic, gives up the partitions, leaves the group, disconnects. Takes at most `timeoutMs`, and
   * `closeTimeoutMs` when no broker can be reached.
   */
  async close({ timeoutMs = 30_000 }: { timeoutMs?: number } = {}): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#changed.notify()
    const left = Promise.all([this.#leaveGroup(), this.#fetcher.close()]).then(() => {})
    try {
      await this.#cluster.whileReachable(left, { timeoutMs, unreachableMs: this.#options.closeTimeoutMs })
    } finally {
      this.#cluster.close()
    }
    await left
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #leaveGroup(): Promise<void> {
    if (this.#subscription.size > 0) await this.#committer?.beforeRevocation()
    try {
      // It is still a member while its listener is told, and may commit.
      await this.#member?.close()
    } finally {
      this.#member = undefined
    }
  }

  #requireGroup(what: string): GroupCoordinator {
    if (this.#coordinator) return this.#coordinator
    throw new KafkaError(ErrorCode.INVALID_GROUP_ID, what, 'this consumer has no groupId: give it one')
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ClientClosedError('consumer')
  }

  #now(): number {
    return this.#options.system.clock.monotonic()
  }
}
