import type { Api, ResponseOf } from '../../codec/schema.ts'
import {
  CreatePartitions,
  CreateTopics,
  DeleteRecords,
  DeleteTopics,
  DescribeCluster,
  DescribeConfigs,
  Metadata,
} from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import { describeTopic, isMissingTopic } from './admin-topics.ts'
import { deleteGroup, describeGroup, listGroups } from './admin-groups.ts'
import type {
  AdminCallOptions,
  ClusterDescription,
  ConfigEntry,
  ConfigResourceType,
  GroupDescription,
  GroupListing,
  KafkaAdminOptions,
  NewTopic,
  TopicDescription,
  TopicListing,
} from './admin-types.ts'
import type { TopicPartition } from '../group/assignors/assignor.ts'
import { type Body, Cluster } from '../cluster/cluster.ts'
import { isRetriable } from '../cluster/errors.ts'
import { type CommittedOffset, GroupCoordinator, NO_MEMBER } from '../group/group-coordinator.ts'
import { EARLIEST_TIMESTAMP, type FoundOffset, LATEST_TIMESTAMP, lookUpOffsets } from '../consumer/offset-lookup.ts'
import { CLIENT_DEFAULTS, parseBootstrapServers, resolveOptions } from '../cluster/options.ts'
import { retry } from '../cluster/waiting.ts'

const ADMIN_DEFAULTS = {
  ...CLIENT_DEFAULTS,
  bootstrapServers: '' as string | readonly string[],
  defaultApiTimeoutMs: 60_000,
}

const RESOURCE_TYPES: Record<ConfigResourceType, number> = { topic: 2, broker: 4, group: 32 }
/** Where a setting comes from: 5 is Kafka's own default. */
const DEFAULT_CONFIG_SOURCE = 5

/**
 * Manages topics and groups.
 *
 * @example
 * await using admin = new KafkaAdmin({ bootstrapServers: 'localhost:9092' })
 * await admin.createTopics([{ topic: 'lines', partitions: 3 }])
 */
export class KafkaAdmin {
  readonly #cluster: Cluster
  readonly #defaultApiTimeoutMs: number

  /** @throws {MillraceError} KAFKA_UNKNOWN_OPTION, KAFKA_INVALID_OPTION */
  constructor(options: KafkaAdminOptions) {
    const resolved = resolveOptions('KafkaAdmin', ADMIN_DEFAULTS, options)
    const bootstrapServers = parseBootstrapServers(resolved.bootstrapServers)
    this.#cluster = new Cluster({ ...resolved, bootstrapServers }, { allowAutoTopicCreation: false })
    this.#defaultApiTimeoutMs = resolved.defaultApiTimeoutMs
  }

  /**
   * Creates topics and resolves when they can be used: each partition has a leader.
   *
   * @throws {KafkaError} TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_CONFIG and others, for the first that failed;
   * the others are created all the same
   */
  async createTopics(topics: readonly NewTopic[], options: AdminCallOptions = {}): Promise<void> {
    const request = {
      topics: topics.map(({ topic, partitions, replicationFactor, configs }) => ({
        name: topic,
        numPartitions: partitions ?? -1,
        replicationFactor: replicationFactor ?? -1,
        assignments: [],
        configs: Object.entries(configs ?? {}).map(([name, value]) => ({ name, value: String(value) })),
      })),
      timeoutMs: this.#timeout(options),
    }
    const response = await this.#toController(
      'Creating topics',
      CreateTopics,
      request,
      (answer) => answer.topics,
      options,
    )
    for (const { name, errorCode, errorMessage } of response.topics) {
      if (errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode, `Creating topic ${name}`, errorMessage)
    }
    for (const { topic, partitions } of topics) await this.#awaitLeaders(topic, partitions ?? 1, options)
  }

  /** @throws {KafkaError} UNKNOWN_TOPIC_OR_PARTITION and others, for the first that failed */
  async deleteTopics(topics: readonly string[], options: AdminCallOptions = {}): Promise<void> {
    const timeoutMs = this.#timeout(options)
    const byVersion = (version: number) =>
      version >= 6
        ? { topics: topics.map((name) => ({ name, topicId: new Uint8Array(16) })), timeoutMs }
        : { topicNames: topics, timeoutMs }
    const response = await this.#toController(
      'Deleting topics',
      DeleteTopics,
      byVersion,
      (answer) => answer.responses,
      options,
    )
    for (const { name, errorCode, errorMessage } of response.responses) {
      if (errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode, `Deleting topic ${name}`, errorMessage)
      if (name !== null) this.#cluster.unfollow(name)
    }
  }

  /** Raises the number of partitions to `count`, and resolves when the new ones can be used. */
  async createPartitions(
    topics: readonly { topic: string; count: number }[],
    options: AdminCallOptions = {},
  ): Promise<void> {
    const request = {
      topics: topics.map(({ topic, count }) => ({ name: topic, count, assignments: null })),
      timeoutMs: this.#timeout(options),
      validateOnly: false,
    }
    const response = await this.#toController(
      'Creating partitions',
      CreatePartitions,
      request,
      (answer) => answer.results,
      options,
    )
    for (const { name, errorCode, errorMessage } of response.results) {
      if (errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode, `Creating partitions of ${name}`, errorMessage)
    }
    for (const { topic, count } of topics) await this.#awaitLeaders(topic, count, options)
  }

  /** All topics by name; those that Kafka keeps for itself only when asked for. */
  async listTopics(options: AdminCallOptions & { includeInternal?: boolean } = {}): Promise<TopicListing[]> {
    const topics = await this.#describe(null, options)
    const wanted = topics.filter((topic) => options.includeInternal || !topic.isInternal)
    return wanted.map(({ topic, topicId, isInternal }) => ({ topic, topicId, isInternal }))
  }

  /** @throws {KafkaError} UNKNOWN_TOPIC_OR_PARTITION */
  async describeTopics(topics: readonly string[], options: AdminCallOptions = {}): Promise<TopicDescription[]> {
    return this.#describe(topics, options)
  }

  async describeCluster(options: AdminCallOptions = {}): Promise<ClusterDescription> {
    const request = { includeClusterAuthorizedOperations: false, includeFencedBrokers: false }
    const response = await this.#retry('Describing the cluster', options, () =>
      this.#cluster.sendToAny(DescribeCluster, request),
    )
    if (response.errorCode !== ErrorCode.NONE) {
      throw new KafkaError(response.errorCode, 'Describing the cluster', response.errorMessage)
    }
    const { clusterId, controllerId } = response
    const brokers = response.brokers.map(({ brokerId, host, port, rack }) => ({ nodeId: brokerId, host, port, rack }))
    return { clusterId, controllerId, brokers }
  }

  /** The settings of a topic, broker (by id) or group. */
  async describeConfigs(
    resource: { type: ConfigResourceType; name: string },
    options: AdminCallOptions = {},
  ): Promise<ConfigEntry[]> {
    const what = `Describing the settings of ${resource.type} ${resource.name}`
    const request = {
      resources: [
        { resourceType: RESOURCE_TYPES[resource.type], resourceName: resource.name, configurationKeys: null },
      ],
    }
    const response = await this.#retry(what, options, () =>
      resource.type === 'broker'
        ? this.#toBroker(Number(resource.name), DescribeConfigs, request)
        : this.#cluster.sendToAny(DescribeConfigs, request),
    )
    const [result] = response.results
    if (!result || result.errorCode !== ErrorCode.NONE) {
      throw new KafkaError(result?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, what, result?.errorMessage)
    }
    return result.configs.map(({ name, value, readOnly, isSensitive, configSource }) => ({
      name,
      value,
      isReadOnly: readOnly,
      isSensitive,
      isDefault: configSource === DEFAULT_CONFIG_SOURCE,
    }))
  }

  /** Offsets by `'earliest'`, `'latest'` or a timestamp in milliseconds since the epoch; -1 when no record is that late. */
  async listOffsets(
    queries: readonly (TopicPartition & { at: 'earliest' | 'latest' | number })[],
    options: AdminCallOptions = {},
  ): Promise<FoundOffset[]> {
    const special = { earliest: EARLIEST_TIMESTAMP, latest: LATEST_TIMESTAMP }
    const asked = queries.map(({ topic, partition, at }) => ({
      topic,
      partition,
      timestamp: typeof at === 'number' ? at : special[at],
    }))
    // A consumer would wait for a topic to appear; here it is missing.
    await this.#describe([...new Set(queries.map(({ topic }) => topic))], options)
    const { signal } = options
    const timeoutMs = this.#timeout(options)
    return lookUpOffsets(this.#cluster, asked, { isolationLevel: 'read_uncommitted', timeoutMs, signal })
  }

  /** Removes what lies before these offsets (-1: everything so far). Returns where each partition begins then. */
  async deleteRecords(
    before: readonly (TopicPartition & { offset: number })[],
    options: AdminCallOptions = {},
  ): Promise<FoundOffset[]> {
    const results: FoundOffset[] = []
    const timeoutMs = this.#timeout(options)
    await this.#describe([...new Set(before.map(({ topic }) => topic))], options)
    for (const target of before) {
      const { topic, partition, offset } = target
      const what = `Deleting records of ${topic}-${partition}`
      const response = await this.#retry(what, options, async () => {
        const { partitions } = await this.#cluster.topic(topic, { timeoutMs, signal: options.signal })
        const leader = partitions[partition]?.leader ?? -1
        if (leader < 0) throw new KafkaError(ErrorCode.LEADER_NOT_AVAILABLE, what)
        const topics = [{ name: topic, partitions: [{ partitionIndex: partition, offset }] }]
        const answer = await this.#cluster.send(leader, DeleteRecords, { topics, timeoutMs })
        const code = answer.topics[0]?.partitions[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR
        if (code !== ErrorCode.NONE) throw new KafkaError(code, what)
        return answer
      })
      results.push({ topic, partition, offset: response.topics[0]?.partitions[0]?.lowWatermark ?? -1, timestamp: -1 })
    }
    return results
  }

  /** The groups of all brokers. */
  async listGroups(options: AdminCallOptions = {}): Promise<GroupListing[]> {
    return this.#retry('Listing groups', options, () => listGroups(this.#cluster))
  }

  /** Groups that do not exist come back as `Dead`, as from Kafka. */
  async describeGroups(groupIds: readonly string[], options: AdminCallOptions = {}): Promise<GroupDescription[]> {
    const descriptions: GroupDescription[] = []
    for (const groupId of groupIds) {
      const coordinator = new GroupCoordinator(this.#cluster, groupId)
      const what = `Describing group ${groupId}`
      descriptions.push(await this.#retry(what, options, () => describeGroup(coordinator, what)))
    }
    return descriptions
  }

  /** @throws {KafkaError} GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP */
  async deleteGroups(groupIds: readonly string[], options: AdminCallOptions = {}): Promise<void> {
    for (const groupId of groupIds) {
      const coordinator = new GroupCoordinator(this.#cluster, groupId)
      const what = `Deleting group ${groupId}`
      await this.#retry(what, options, () => deleteGroup(coordinator, what))
    }
  }

  /** The offsets that a group has stored: all, or those of some partitions. */
  async fetchOffsets(
    groupId: string,
    options: AdminCallOptions & { partitions?: readonly TopicPartition[] } = {},
  ): Promise<CommittedOffset[]> {
    const { partitions = 'all', signal } = options
    const coordinator = new GroupCoordinator(this.#cluster, groupId)
    return coordinator.committed(partitions, { timeoutMs: this.#timeout(options), signal })
  }

  /** Sets offsets of a group that has no members. @throws {KafkaError} UNKNOWN_MEMBER_ID when it has some */
  async alterOffsets(
    groupId: string,
    offsets: readonly CommittedOffset[],
    options: AdminCallOptions = {},
  ): Promise<void> {
    const { signal } = options
    const coordinator = new GroupCoordinator(this.#cluster, groupId)
    await coordinator.commit(offsets, () => NO_MEMBER, { timeoutMs: this.#timeout(options), signal })
  }

  async close(): Promise<void> {
    this.#cluster.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #describe(topics: readonly string[] | null, options: AdminCallOptions): Promise<TopicDescription[]> {
    return this.#retry('Describing topics', options, async () => {
      const response = await this.#cluster.sendToAny(Metadata, (version) => ({
        topics: topics === null ? (version === 0 ? [] : null) : topics.map((name) => ({ name })),
        allowAutoTopicCreation: version < 4,
        includeClusterAuthorizedOperations: false,
        includeTopicAuthorizedOperations: false,
      }))
      return response.topics.map(describeTopic).sort((a, b) => (a.topic < b.topic ? -1 : 1))
    })
  }

  /** Waits until at least `count` partitions of a topic have a leader. */
  async #awaitLeaders(topic: string, count: number, options: AdminCallOptions): Promise<void> {
    const what = `Waiting for the leaders of topic ${topic}`
    const settings = { ...this.#cluster.retryOptions(what), timeoutMs: this.#timeout(options), signal: options.signal }
    // A broker may not have heard of the topic yet.
    await retry(settings, async () => {
      const [description] = await this.#describe([topic], options)
      const led = description?.partitions.filter((partition) => partition.leader >= 0).length ?? 0
      if (led < count) throw new KafkaError(ErrorCode.LEADER_NOT_AVAILABLE, what)
    })
  }

  /** Topics are changed by the controller; in a KRaft cluster every broker passes the request on. */
  async #toController<A extends Api>(
    what: string,
    api: A,
    body: Body<A>,
    resultsOf: (response: ResponseOf<A>) => readonly { errorCode: number }[],
    options: AdminCallOptions,
  ): Promise<ResponseOf<A>> {
    return this.#retry(what, options, async () => {
      if (this.#cluster.metadata.brokers.size === 0) await this.#cluster.refresh()
      const { controllerId, brokers } = this.#cluster.metadata
      const response = await (brokers.has(controllerId)
        ? this.#cluster.send(controllerId, api, body)
        : this.#cluster.sendToAny(api, body))
      // It has moved: then nothing was done for any of them.
      const { NOT_CONTROLLER } = ErrorCode
      if (resultsOf(response).some(({ errorCode }) => errorCode === NOT_CONTROLLER)) {
        throw new KafkaError(NOT_CONTROLLER, what)
      }
      return response
    })
  }

  async #toBroker<A extends Api>(nodeId: number, api: A, body: Body<A>): Promise<ResponseOf<A>> {
    if (!this.#cluster.metadata.brokers.has(nodeId)) await this.#cluster.refresh()
    return this.#cluster.send(nodeId, api, body)
  }

  #retry<T>(what: string, options: AdminCallOptions, attempt: () => Promise<T>): Promise<T> {
    const { signal } = options
    const onRetry = () => this.#cluster.requestRefresh()
    const settings = { ...this.#cluster.retryOptions(what), timeoutMs: this.#timeout(options), signal, onRetry }
    return retry({ ...settings, retriable: (error) => isRetriable(error) && !isMissingTopic(error) }, attempt)
  }

  #timeout(options: AdminCallOptions): number {
    return options.timeoutMs ?? this.#defaultApiTimeoutMs
  }
}
