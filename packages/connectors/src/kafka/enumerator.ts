import type { EnumeratorContext, SplitEnumerator } from '@millrace/engine'
import { ErrorCode, KafkaAdmin, KafkaConsumer, KafkaError, type TopicDescription } from '@millrace/kafka'
import { bytesToString, type TimerHandle, utf8 } from '@millrace/std'
import type { StartOffsets, StopOffsets } from './source.ts'
import { type KafkaPartitionSplit, partitionSplit } from './split.ts'

interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** How long a broker may take to create a topic that it was asked for. */
const FIRST_USE_TIMEOUT_MS = 3_000

const keyOf = ({ topic, partition }: TopicPartition) => `${topic}-${partition}`

/** Finds the partitions of the topics, where each is to be read from and to, and deals them out to the readers. */
export class KafkaEnumerator implements SplitEnumerator<KafkaPartitionSplit> {
  readonly #context: EnumeratorContext<KafkaPartitionSplit>
  readonly #topics: readonly string[]
  readonly #start: StartOffsets
  readonly #stop: StopOffsets | undefined
  readonly #groupId: string | undefined
  readonly #discoveryIntervalMs: number
  readonly #bootstrapServers: string | readonly string[]
  readonly #admin: KafkaAdmin
  /** Partitions that were found and dealt out. */
  readonly #known = new Set<string>()
  #timer: TimerHandle | undefined
  #closed = false

  constructor(options: {
    context: EnumeratorContext<KafkaPartitionSplit>
    topics: readonly string[]
    start: StartOffsets
    stop: StopOffsets | undefined
    groupId: string | undefined
    discoveryIntervalMs: number
    bootstrapServers: string | readonly string[]
  }) {
    this.#context = options.context
    this.#topics = options.topics
    this.#start = options.start
    this.#stop = options.stop
    this.#groupId = options.groupId
    this.#discoveryIntervalMs = options.discoveryIntervalMs
    this.#bootstrapServers = options.bootstrapServers
    this.#admin = new KafkaAdmin({ bootstrapServers: options.bootstrapServers, system: options.context.system })
    const { restored } = options.context
    if (restored) for (const key of JSON.parse(bytesToString(restored)) as string[]) this.#known.add(key)
  }

  async start(): Promise<void> {
    const isFirst = this.#known.size === 0
    await this.#discover(isFirst ? this.#start : 'earliest')
    if (this.#stop !== undefined) {
      for (let reader = 0; reader < this.#context.parallelism; reader++) this.#context.signalNoMoreSplits(reader)
    } else this.#scheduleDiscovery()
  }

  addSplitsBack(splits: readonly KafkaPartitionSplit[]): void {
    for (const split of splits) this.#known.add(split.splitId)
    this.#deal(splits)
  }

  handleSplitRequest(): void {
    // Readers get all their partitions at once; none asks.
  }

  snapshotState(): Uint8Array {
    return utf8(JSON.stringify([...this.#known]))
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#timer !== undefined) this.#context.system.timers.cancel(this.#timer)
    await this.#admin.close()
  }

  #scheduleDiscovery(): void {
    if (this.#discoveryIntervalMs === 0 || this.#closed) return
    this.#timer = this.#context.system.timers.schedule(this.#discoveryIntervalMs, () => {
      // Nobody has seen the records of a partition that is new: it is read from its beginning.
      this.#discover('earliest').then(
        () => this.#scheduleDiscovery(),
        (error: Error) => {
          if (!this.#closed) this.#context.fail(error)
        },
      )
    })
  }

  async #discover(start: StartOffsets): Promise<void> {
    const found = await this.#partitions()
    const fresh = found.filter((partition) => !this.#known.has(keyOf(partition)))
    if (fresh.length === 0 || this.#closed) return
    const [from, to] = await Promise.all([this.#startOffsets(fresh, start), this.#stopOffsets(fresh)])
    for (const partition of fresh) this.#known.add(keyOf(partition))
    this.#deal(fresh.map(({ topic, partition }, i) => partitionSplit(topic, partition, from[i] as number, to?.[i])))
  }

  /** As Flink: neighbouring partitions on different readers, the first of each topic on another one. */
  #deal(splits: readonly KafkaPartitionSplit[]): void {
    const { parallelism } = this.#context
    const byReader = new Map<number, KafkaPartitionSplit[]>()
    for (const split of splits) {
      let hash = 0
      for (let i = 0; i < split.topic.length; i++) hash = (Math.imul(hash, 31) + split.topic.charCodeAt(i)) | 0
      const reader = (((Math.imul(hash, 31) & 0x7fff_ffff) % parallelism) + split.partition) % parallelism
      const own = byReader.get(reader)
      if (own) own.push(split)
      else byReader.set(reader, [split])
    }
    for (const [reader, own] of byReader) this.#context.assign(reader, own)
  }

  async #partitions(): Promise<TopicPartition[]> {
    const topics = await this.#describeTopics()
    return topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition }) => ({ topic, partition })).sort((a, b) => a.partition - b.partition),
    )
  }

  async #describeTopics(): Promise<TopicDescription[]> {
    try {
      return await this.#admin.describeTopics(this.#topics)
    } catch (error) {
      const isUnknown = error instanceof KafkaError && error.kafkaCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      if (!isUnknown || !(await this.#createdOnFirstUse())) throw error
      return await this.#admin.describeTopics(this.#topics)
    }
  }

  /** A broker with auto.create.topics.enable creates a topic when a consumer asks for it, not when an administrator does. */
  async #createdOnFirstUse(): Promise<boolean> {
    const { system } = this.#context
    await using consumer = new KafkaConsumer({ bootstrapServers: this.#bootstrapServers, system })
    try {
      await Promise.all(this.#topics.map((topic) => consumer.partitionsFor(topic, { timeoutMs: FIRST_USE_TIMEOUT_MS })))
      return true
    } catch {
      return false
    }
  }

  async #startOffsets(partitions: readonly TopicPartition[], start: StartOffsets): Promise<number[]> {
    if (start === 'earliest' || start === 'latest') return this.#offsets(partitions, start)
    if (start === 'committed') {
      const committed = await this.#admin.fetchOffsets(this.#groupId as string, { partitions })
      const known = new Map(committed.map(({ topic, partition, offset }) => [keyOf({ topic, partition }), offset]))
      return this.#orElse(partitions, (partition) => known.get(keyOf(partition)), 'earliest')
    }
    if ('timestamp' in start) return this.#offsetsAt(partitions, start.timestamp)
    return this.#orElse(partitions, ({ topic, partition }) => start.offsets[topic]?.[partition], 'earliest')
  }

  async #stopOffsets(partitions: readonly TopicPartition[]): Promise<number[] | undefined> {
    const stop = this.#stop
    if (stop === undefined) return undefined
    if (stop === 'latest') return this.#offsets(partitions, 'latest')
    if ('timestamp' in stop) return this.#offsetsAt(partitions, stop.timestamp)
    return this.#orElse(partitions, ({ topic, partition }) => stop.offsets[topic]?.[partition], 'latest')
  }

  async #orElse(
    partitions: readonly TopicPartition[],
    given: (partition: TopicPartition) => number | undefined,
    otherwise: 'earliest' | 'latest',
  ): Promise<number[]> {
    const fallback = await this.#offsets(partitions, otherwise)
    return partitions.map((partition, i) => {
      const offset = given(partition)
      return offset === undefined || offset < 0 ? (fallback[i] as number) : offset
    })
  }

  /** The first record at or after the time; the end where there is none. */
  async #offsetsAt(partitions: readonly TopicPartition[], timestamp: number): Promise<number[]> {
    const found = await this.#admin.listOffsets(partitions.map((partition) => ({ ...partition, at: timestamp })))
    return this.#orElse(partitions, (partition) => found.find((f) => keyOf(f) === keyOf(partition))?.offset, 'latest')
  }

  async #offsets(partitions: readonly TopicPartition[], which: 'earliest' | 'latest'): Promise<number[]> {
    const found = await this.#admin.listOffsets(partitions.map((partition) => ({ ...partition, at: which })))
    const byKey = new Map(found.map((entry) => [keyOf(entry), entry.offset]))
    return partitions.map((partition) => byKey.get(keyOf(partition)) as number)
  }
}
