import type { Api, ResponseOf } from '../../codec/schema.ts'
import { Metadata } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import { type Body, Cluster } from '../cluster/cluster.ts'
import { isRetriable } from '../cluster/errors.ts'
import { CLIENT_DEFAULTS, parseBootstrapServers, resolveOptions } from '../cluster/options.ts'
import { retry } from '../cluster/waiting.ts'
import type { TopicPartition } from '../group/assignors/assignor.ts'
import { GroupCoordinator } from '../group/group-coordinator.ts'
import type { AdminCallOptions, KafkaAdminOptions, TopicDescription } from './admin-types.ts'
import { describeTopic, isMissingTopic } from './topic-description.ts'

const ADMIN_DEFAULTS = {
  ...CLIENT_DEFAULTS,
  bootstrapServers: '' as string | readonly string[],
  defaultApiTimeoutMs: 60_000,
}

/** What all calls of an admin client share: the cluster, time limits, and where requests of each kind go. */
export class AdminContext {
  readonly cluster: Cluster
  readonly #defaultApiTimeoutMs: number

  constructor(options: KafkaAdminOptions) {
    const resolved = resolveOptions('KafkaAdmin', ADMIN_DEFAULTS, options)
    const bootstrapServers = parseBootstrapServers(resolved.bootstrapServers)
    this.cluster = new Cluster({ ...resolved, bootstrapServers }, { allowAutoTopicCreation: false })
    this.#defaultApiTimeoutMs = resolved.defaultApiTimeoutMs
  }

  timeout(options: AdminCallOptions): number {
    return options.timeoutMs ?? this.#defaultApiTimeoutMs
  }

  callOptions(options: AdminCallOptions): { timeoutMs: number; signal: AbortSignal | undefined } {
    return { timeoutMs: this.timeout(options), signal: options.signal }
  }

  coordinator(groupId: string): GroupCoordinator {
    return new GroupCoordinator(this.cluster, groupId)
  }

  retry<T>(what: string, options: AdminCallOptions, attempt: () => Promise<T>): Promise<T> {
    const onRetry = () => this.cluster.requestRefresh()
    const settings = { ...this.cluster.retryOptions(what), ...this.callOptions(options), onRetry }
    return retry({ ...settings, retriable: (error) => isRetriable(error) && !isMissingTopic(error) }, attempt)
  }

  /** One after the other. The first failure is thrown when all had their turn. */
  async forEach<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
    const results: R[] = []
    const failures: unknown[] = []
    for (const item of items) {
      try {
        results.push(await act(item))
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
    return results
  }

  /** Sends to whichever broker answers. An error of the whole answer is thrown. */
  async toAny<A extends Api>(
    what: string,
    api: A,
    body: Body<A>,
    options: AdminCallOptions,
    errorOf: (response: ResponseOf<A>) => { errorCode: number; errorMessage?: string | null } | undefined = noError,
  ): Promise<ResponseOf<A>> {
    return this.retry(what, options, async () => {
      const response = await this.cluster.sendToAny(api, body)
      throwError(what, errorOf(response))
      return response
    })
  }

  /** Topics are changed by the controller; in a KRaft cluster every broker passes the request on. */
  async toController<A extends Api>(
    what: string,
    api: A,
    body: Body<A>,
    resultsOf: (response: ResponseOf<A>) => readonly { errorCode: number }[],
    options: AdminCallOptions,
  ): Promise<ResponseOf<A>> {
    return this.retry(what, options, async () => {
      if (this.cluster.metadata.brokers.size === 0) await this.cluster.refresh()
      const { controllerId, brokers } = this.cluster.metadata
      const response = await (brokers.has(controllerId)
        ? this.cluster.send(controllerId, api, body)
        : this.cluster.sendToAny(api, body))
      // It has moved: then nothing was done for any of them.
      const { NOT_CONTROLLER } = ErrorCode
      if (resultsOf(response).some(({ errorCode }) => errorCode === NOT_CONTROLLER)) {
        throw new KafkaError(NOT_CONTROLLER, what)
      }
      return response
    })
  }

  async toBroker<A extends Api>(nodeId: number, api: A, body: Body<A>): Promise<ResponseOf<A>> {
    if (!this.cluster.metadata.brokers.has(nodeId)) await this.cluster.refresh()
    return this.cluster.send(nodeId, api, body)
  }

  /** Asks these brokers, or all, and hands each answer on with the id of its broker. */
  async toBrokers<A extends Api, R>(
    nodeIds: readonly number[] | undefined,
    api: A,
    body: Body<A>,
    read: (response: ResponseOf<A>, nodeId: number) => R,
  ): Promise<R[]> {
    await this.cluster.refresh()
    const asked = nodeIds ?? [...this.cluster.metadata.brokers.keys()].sort((a, b) => a - b)
    return Promise.all(asked.map(async (nodeId) => read(await this.toBroker(nodeId, api, body), nodeId)))
  }

  /** The partitions by the broker that leads them. */
  async byLeader<T extends TopicPartition>(
    what: string,
    partitions: readonly T[],
    options: AdminCallOptions,
  ): Promise<Map<number, T[]>> {
    const byLeader = new Map<number, T[]>()
    for (const partition of partitions) {
      const found = await this.cluster.topic(partition.topic, this.callOptions(options))
      const leader = found.partitions[partition.partition]?.leader ?? -1
      if (leader < 0) throw new KafkaError(ErrorCode.LEADER_NOT_AVAILABLE, what)
      const ofLeader = byLeader.get(leader)
      if (ofLeader) ofLeader.push(partition)
      else byLeader.set(leader, [partition])
    }
    return byLeader
  }

  async describeTopics(topics: readonly string[] | null, options: AdminCallOptions): Promise<TopicDescription[]> {
    return this.retry('Describing topics', options, async () => {
      const response = await this.cluster.sendToAny(Metadata, (version) => ({
        topics: topics === null ? (version === 0 ? [] : null) : topics.map((name) => ({ name })),
        allowAutoTopicCreation: version < 4,
        includeClusterAuthorizedOperations: false,
        includeTopicAuthorizedOperations: false,
      }))
      return response.topics.map(describeTopic).sort((a, b) => (a.topic < b.topic ? -1 : 1))
    })
  }

  /** A consumer would wait for a topic to appear; for whoever manages topics it is missing. */
  async requireTopics(partitions: readonly TopicPartition[], options: AdminCallOptions): Promise<void> {
    const names = [...new Set(partitions.map(({ topic }) => topic))]
    if (names.length > 0) await this.describeTopics(names, options)
  }
}

export function throwError(
  what: string,
  result: { errorCode: number; errorMessage?: string | null } | undefined,
): void {
  if (!result || result.errorCode === ErrorCode.NONE) return
  throw new KafkaError(result.errorCode, what, result.errorMessage)
}

function noError(): undefined {
  return undefined
}
