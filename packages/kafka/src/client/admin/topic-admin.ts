import {
  CreatePartitions,
  CreateTopics,
  DeleteRecords,
  DeleteTopics,
  DescribeTopicPartitions,
  type DescribeTopicPartitionsResponse,
} from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import { retry } from '../cluster/waiting.ts'
import type { IsolationLevel } from '../consumer/consumer-options.ts'
import {
  EARLIEST_TIMESTAMP,
  type FoundOffset,
  LATEST_TIMESTAMP,
  lookUpOffsets,
  MAX_TIMESTAMP,
} from '../consumer/offset-lookup.ts'
import type { TopicPartition } from '../group/assignors/assignor.ts'
import { AdminContext, throwError } from './admin-context.ts'
import type {
  AdminCallOptions,
  KafkaAdminOptions,
  NewTopic,
  PartitionDescription,
  TopicDescription,
  TopicListing,
} from './admin-types.ts'
import { describePartitions } from './topic-description.ts'

const SPECIAL_TIMESTAMPS = { earliest: EARLIEST_TIMESTAMP, latest: LATEST_TIMESTAMP, maxTimestamp: MAX_TIMESTAMP }

type Cursor = DescribeTopicPartitionsResponse['nextCursor']

/** Topics, their partitions and records. */
export class TopicAdmin {
  protected readonly context: AdminContext

  /** @throws {MillraceError} KAFKA_UNKNOWN_OPTION, KAFKA_INVALID_OPTION */
  constructor(options: KafkaAdminOptions) {
    this.context = new AdminContext(options)
  }

  /**
   * Creates topics and resolves when they can be used: each partition has a leader. With `validateOnly` it is only tried
   * whether the broker would.
   *
   * @throws {KafkaError} TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_CONFIG and others, for the first that failed;
   * the others are created all the same
   */
  async createTopics(
    topics: readonly NewTopic[],
    options: AdminCallOptions & { validateOnly?: boolean } = {},
  ): Promise<void> {
    const { validateOnly = false } = options
    const request = {
      topics: topics.map(({ topic, partitions, replicationFactor, configs }) => ({
        name: topic,
        numPartitions: partitions ?? -1,
        replicationFactor: replicationFactor ?? -1,
        assignments: [],
        configs: Object.entries(configs ?? {}).map(([name, value]) => ({ name, value: String(value) })),
      })),
      timeoutMs: this.context.timeout(options),
      validateOnly,
    }
    const what = 'Creating topics'
    const response = await this.context.toController(what, CreateTopics, request, (answer) => answer.topics, options)
    for (const result of response.topics) throwError(`Creating topic ${result.name}`, result)
    if (validateOnly) return
    for (const { topic, partitions } of topics) await this.#awaitLeaders(topic, partitions ?? 1, options)
  }

  /** @throws {KafkaError} UNKNOWN_TOPIC_OR_PARTITION and others, for the first that failed */
  async deleteTopics(topics: readonly string[], options: AdminCallOptions = {}): Promise<void> {
    const timeoutMs = this.context.timeout(options)
    const byVersion = (version: number) =>
      version >= 6
        ? { topics: topics.map((name) => ({ name, topicId: new Uint8Array(16) })), timeoutMs }
        : { topicNames: topics, timeoutMs }
    const what = 'Deleting topics'
    const response = await this.context.toController(what, DeleteTopics, byVersion, (all) => all.responses, options)
    for (const result of response.responses) {
      throwError(`Deleting topic ${result.name}`, result)
      if (result.name !== null) this.context.cluster.unfollow(result.name)
    }
  }

  /** Raises the number of partitions to `count`, and resolves when the new ones can be used. */
  async createPartitions(
    topics: readonly { topic: string; count: number }[],
    options: AdminCallOptions = {},
  ): Promise<void> {
    const request = {
      topics: topics.map(({ topic, count }) => ({ name: topic, count, assignments: null })),
      timeoutMs: this.context.timeout(options),
      validateOnly: false,
    }
    const what = 'Creating partitions'
    const response = await this.context.toController(what, CreatePartitions, request, (all) => all.results, options)
    for (const result of response.results) throwError(`Creating partitions of ${result.name}`, result)
    for (const { topic, count } of topics) await this.#awaitLeaders(topic, count, options)
  }

  /** All topics by name; those that Kafka keeps for itself only when asked for. */
  async listTopics(options: AdminCallOptions & { includeInternal?: boolean } = {}): Promise<TopicListing[]> {
    const topics = await this.context.describeTopics(null, options)
    const wanted = topics.filter((topic) => options.includeInternal || !topic.isInternal)
    return wanted.map(({ topic, topicId, isInternal }) => ({ topic, topicId, isInternal }))
  }

  /** @throws {KafkaError} UNKNOWN_TOPIC_OR_PARTITION */
  async describeTopics(topics: readonly string[], options: AdminCallOptions = {}): Promise<TopicDescription[]> {
    return this.context.describeTopics(topics, options)
  }

  /**
   * As {@link describeTopics}, page by page and with the replicas that may be elected although they are not in sync
   * (KIP-966): for topics with very many partitions.
   *
   * @example
   * for await (const { topic, partition, leader } of admin.describeTopicPartitions(['lines'])) …
   */
  async *describeTopicPartitions(
    topics: readonly string[],
    options: AdminCallOptions & { pageSize?: number } = {},
  ): AsyncGenerator<PartitionDescription, void, undefined> {
    const { pageSize = 2_000 } = options
    const names = topics.toSorted().map((name) => ({ name }))
    let cursor: Cursor = null
    do {
      const request = { topics: names, responsePartitionLimit: pageSize, cursor }
      const page: DescribeTopicPartitionsResponse = await this.context.toAny(
        'Describing partitions',
        DescribeTopicPartitions,
        request,
        options,
      )
      for (const topic of page.topics) {
        throwError(`Describing topic ${topic.name}`, topic)
        yield* describePartitions(topic)
      }
      cursor = page.nextCursor
    } while (cursor)
  }

  /**
   * Offsets by `'earliest'`, `'latest'`, `'maxTimestamp'` (of the record with the latest timestamp) or a timestamp in
   * milliseconds since the epoch; -1 when no record is that late. With `read_committed`, latest is where the first open
   * transaction begins.
   */
  async listOffsets(
    queries: readonly (TopicPartition & { at: keyof typeof SPECIAL_TIMESTAMPS | number })[],
    options: AdminCallOptions & { isolationLevel?: IsolationLevel } = {},
  ): Promise<FoundOffset[]> {
    const asked = queries.map(({ topic, partition, at }) => ({
      topic,
      partition,
      timestamp: typeof at === 'number' ? at : SPECIAL_TIMESTAMPS[at],
    }))
    await this.context.requireTopics(queries, options)
    const { isolationLevel = 'read_uncommitted' } = options
    return lookUpOffsets(this.context.cluster, asked, { isolationLevel, ...this.context.callOptions(options) })
  }

  /**
   * Removes what lies before these offsets (-1: everything so far). Returns where each partition begins then.
   *
   * @throws {KafkaError} OFFSET_OUT_OF_RANGE, POLICY_VIOLATION and others, for the first that failed; of the others the
   *   records are removed
   */
  async deleteRecords(
    before: readonly (TopicPartition & { offset: number })[],
    options: AdminCallOptions = {},
  ): Promise<FoundOffset[]> {
    const { timeoutMs } = this.context.callOptions(options)
    await this.context.requireTopics(before, options)
    return this.context.forEach(before, async (target) => {
      const { topic, partition, offset } = target
      const what = `Deleting records of ${topic}-${partition}`
      const lowWatermark = await this.context.retry(what, options, async () => {
        const [[leader]] = [...(await this.context.byLeader(what, [target], options))] as [[number, unknown]]
        const topics = [{ name: topic, partitions: [{ partitionIndex: partition, offset }] }]
        const answer = await this.context.cluster.send(leader, DeleteRecords, { topics, timeoutMs })
        const result = answer.topics[0]?.partitions[0]
        throwError(what, result ?? { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR })
        return result?.lowWatermark ?? -1
      })
      return { topic, partition, offset: lowWatermark, timestamp: -1 }
    })
  }

  async close(): Promise<void> {
    this.context.cluster.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Waits until at least `count` partitions of a topic have a leader. */
  async #awaitLeaders(topic: string, count: number, options: AdminCallOptions): Promise<void> {
    const what = `Waiting for the leaders of topic ${topic}`
    const settings = { ...this.context.cluster.retryOptions(what), ...this.context.callOptions(options) }
    // A broker may not have heard of the topic yet.
    await retry(settings, async () => {
      const [description] = await this.context.describeTopics([topic], options)
      const led = description?.partitions.filter((partition) => partition.leader >= 0).length ?? 0
      if (led < count) throw new KafkaError(ErrorCode.LEADER_NOT_AVAILABLE, what)
    })
  }
}
