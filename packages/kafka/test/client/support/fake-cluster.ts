import type { Connection, Listener } from '@millrace/std'
import { decodeRequest, encodeResponse } from '../../../src/codec/frame.ts'
import type { Api, RequestOf, ResponseInputOf } from '../../../src/codec/schema.ts'
import { FrameReader } from '../../../src/client/cluster/frame-reader.ts'
import {
  ApiVersions,
  apiByKey,
  apis,
  decodeRequestHeader,
  Fetch,
  FindCoordinator,
  InitProducerId,
  ListOffsets,
  Metadata,
  OffsetCommit,
  OffsetFetch,
  OffsetForLeaderEpoch,
  Produce,
} from '../../../src/definitions/index.ts'
import { ErrorCode } from '../../../src/errors/index.ts'
import { FakeLog } from './fake-log.ts'
import type { VirtualSystem } from './virtual-system.ts'

export interface FakeRequest<A extends Api = Api> {
  readonly nodeId: number
  readonly api: A
  readonly version: number
  readonly body: RequestOf<A>
}

/** What becomes of a request: answered, late or never, or the connection cut before or after it took effect. */
export type Fate = 'answer' | 'slow' | 'silence' | 'cutBefore' | 'cutAfter'

const SLOW_MS = 12_000

// biome-ignore lint: a table of handlers of different types
type Handler = (request: FakeRequest<any>) => any

/** Brokers on a virtual network that speak the real protocol, keep records in memory and fail when a test says so. */
export class FakeCluster {
  readonly system: VirtualSystem
  readonly topics = new Map<string, { topicId: Uint8Array; logs: FakeLog[] }>()
  readonly offsets = new Map<string, number>()
  /** All requests that came, in order. */
  readonly requests: FakeRequest[] = []
  /** Decides about each request; a test replaces it. */
  fateOf: (request: FakeRequest) => Fate = () => 'answer'
  /** Answers instead of the usual ones, by API name. Undefined: the usual one. */
  readonly overrides = new Map<string, Handler>()
  /** Versions that the brokers claim, where they differ from all. */
  readonly versions = new Map<string, readonly [number, number]>()
  /** What the cluster has agreed on, by name. */
  readonly features = new Map<string, number>()
  /** A mistake in the fake itself, such as an answer that cannot be encoded. */
  failure: Error | undefined
  nextProducerId = 1000
  autoCreate = false
  brokerCount: number
  readonly #connections = new Map<number, Set<Connection>>()
  /** What still comes in over these is not served. */
  readonly #cut = new WeakSet<Connection>()
  readonly #listeners = new Map<number, Listener>()
  readonly #handlers = new Map<string, Handler>()

  constructor(system: VirtualSystem, brokerCount = 1) {
    this.system = system
    this.brokerCount = brokerCount
    this.on(ApiVersions, () => ({
      finalizedFeaturesEpoch: 1,
      finalizedFeatures: [...this.features].map(([name, level]) => {
        return { name, maxVersionLevel: level, minVersionLevel: level }
      }),
      apiKeys: apis.map((api) => {
        const [minVersion, maxVersion] = this.versions.get(api.name) ?? api.versions
        return { apiKey: api.key, minVersion, maxVersion }
      }),
    }))
    this.on(Metadata, ({ body }) => this.#metadata(body))
    this.on(Produce, (request) => this.#produce(request))
    this.on(Fetch, (request) => this.#fetch(request))
    this.on(ListOffsets, ({ body, nodeId }) => this.#listOffsets(body, nodeId))
    this.on(OffsetForLeaderEpoch, ({ body }) => ({
      topics: body.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition, leaderEpoch }) => {
          return { partition, ...this.log(topic, partition).endOfEpoch(leaderEpoch) }
        }),
      })),
    }))
    this.on(InitProducerId, () => ({ producerId: this.nextProducerId++, producerEpoch: 0 }))
    this.on(FindCoordinator, ({ body, version }) => {
      const found = { nodeId: 0, host: 'broker', port: 9000 }
      if (version < 4) return { ...found, errorCode: 0, coordinators: [] }
      return { coordinators: body.coordinatorKeys.map((key) => ({ ...found, key })) }
    })
    this.on(OffsetCommit, ({ body }) => this.#commit(body))
    this.on(OffsetFetch, ({ body }) => this.#committed(body))
  }

  static async start(system: VirtualSystem, brokerCount = 1): Promise<FakeCluster> {
    const cluster = new FakeCluster(system, brokerCount)
    for (let nodeId = 0; nodeId < brokerCount; nodeId++) await cluster.startBroker(nodeId)
    return cluster
  }

  get bootstrapServers(): string {
    return Array.from({ length: this.brokerCount }, (_, i) => `broker:${9000 + i}`).join()
  }

  on<A extends Api>(api: A, handler: (request: FakeRequest<A>) => unknown): void {
    this.#handlers.set(api.name, handler as Handler)
  }

  override<A extends Api>(
    api: A,
    handler: (request: FakeRequest<A>) => ResponseInputOf<A> | Promise<ResponseInputOf<A>> | undefined,
  ): void {
    this.overrides.set(api.name, handler as Handler)
  }

  createTopic(name: string, partitions: number): FakeLog[] {
    const logs = Array.from({ length: partitions }, (_, i) => {
      const log = new FakeLog()
      log.leader = i % this.brokerCount
      return log
    })
    this.topics.set(name, { topicId: this.system.random.fill(new Uint8Array(16)), logs })
    return logs
  }

  log(topic: string, partition: number): FakeLog {
    return this.topics.get(topic)?.logs[partition] as FakeLog
  }

  countOf(api: Api): number {
    return this.requests.filter((request) => request.api === api).length
  }

  async startBroker(nodeId: number): Promise<void> {
    const listener = await this.system.network.listen({ host: 'broker', port: 9000 + nodeId }, (connection) =>
      this.#accept(nodeId, connection),
    )
    this.#listeners.set(nodeId, listener)
  }

  async stopBroker(nodeId: number): Promise<void> {
    await this.#listeners.get(nodeId)?.close()
    this.cutConnections(nodeId)
  }

  cutConnections(nodeId: number): void {
    for (const connection of this.#connections.get(nodeId) ?? []) connection.close()
  }

  #accept(nodeId: number, connection: Connection) {
    const connections = this.#connections.get(nodeId) ?? new Set()
    this.#connections.set(nodeId, connections.add(connection))
    // One request of a connection after the other, as brokers do.
    let turn = Promise.resolve()
    const reader = new FrameReader({
      maxFrameBytes: 1 << 28,
      onFrame: (frame) => {
        turn = turn
          .then(() => this.#serve(nodeId, connection, frame))
          .catch((error) => {
            this.failure ??= error
            connection.close()
          })
      },
    })
    return {
      buffer: () => reader.buffer(),
      received: (count: number) => reader.received(count),
      drained: () => {},
      closed: () => {
        connections.delete(connection)
      },
    }
  }

  async #serve(nodeId: number, connection: Connection, frame: Buffer): Promise<void> {
    if (this.#cut.has(connection)) return
    const { apiKey, apiVersion: version, correlationId, bodyOffset } = decodeRequestHeader(frame)
    const api = apiByKey(apiKey) as Api
    const [min, max] = this.versions.get(api.name) ?? api.versions
    if (version < min || version > max) {
      const range = { apiKey, minVersion: min, maxVersion: max }
      const body = { errorCode: ErrorCode.UNSUPPORTED_VERSION, apiKeys: [range] }
      connection.write(encodeResponse(ApiVersions, 0, correlationId, body))
      return
    }
    const request: FakeRequest = { nodeId, api, version, body: decodeRequest(api, version, frame, bodyOffset) }
    this.requests.push(request)
    const fate = this.fateOf(request)
    if (fate === 'cutBefore' || fate === 'cutAfter') this.#cut.add(connection)
    if (fate === 'cutBefore') {
      connection.close()
      return
    }
    if (fate === 'slow') await new Promise<void>((resolve) => this.system.timers.schedule(SLOW_MS, resolve))
    const override = this.overrides.get(api.name)?.(request)
    const body = await (override ?? this.#handlers.get(api.name)?.(request))
    if (fate === 'cutAfter') connection.close()
    else if (fate !== 'silence' && body !== undefined)
      connection.write(encodeResponse(api, version, correlationId, body))
  }

  #metadata(body: RequestOf<typeof Metadata>): ResponseInputOf<typeof Metadata> {
    const names =
      body.topics === null ? [...this.topics.keys()] : body.topics.map((topic) => this.nameOf(topic, topic.name ?? ''))
    return {
      brokers: Array.from({ length: this.brokerCount }, (_, i) => ({ nodeId: i, host: 'broker', port: 9000 + i })),
      clusterId: 'fake',
      controllerId: 0,
      topics: names.map((name) => {
        if (!this.topics.has(name) && this.autoCreate && body.allowAutoTopicCreation) this.createTopic(name, 1)
        const topic = this.topics.get(name)
        if (!topic) return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, name, partitions: [] }
        const partitions = topic.logs.map(({ leader: leaderId, leaderEpoch }, partitionIndex) => {
          return { partitionIndex, leaderId, leaderEpoch, replicaNodes: [leaderId], isrNodes: [leaderId] }
        })
        return { name, topicId: topic.topicId, partitions }
      }),
    }
  }

  nameOf(topic: { topicId: Uint8Array }, name: string): string {
    if (name !== '') return name
    return [...this.topics].find(([, { topicId }]) => Buffer.compare(topicId, topic.topicId) === 0)?.[0] ?? ''
  }

  #produce({ body, nodeId }: FakeRequest<typeof Produce>): ResponseInputOf<typeof Produce> | undefined {
    const responses = body.topicData.map((topic) => ({
      name: topic.name,
      topicId: topic.topicId,
      partitionResponses: topic.partitionData.map(({ index, records }) => {
        const log = this.topics.get(this.nameOf(topic, topic.name))?.logs[index]
        if (!log) return { index, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, baseOffset: -1 }
        if (log.leader !== nodeId) return { index, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, baseOffset: -1 }
        return { index, ...log.append(records as Uint8Array) }
      }),
    }))
    return body.acks === 0 ? undefined : { responses }
  }

  async #fetch({ body, nodeId }: FakeRequest<typeof Fetch>): Promise<ResponseInputOf<typeof Fetch>> {
    const answer = () =>
      body.topics.map((topic) => ({
        topic: topic.topic,
        topicId: topic.topicId,
        partitions: topic.partitions.map(
          ({ partition: partitionIndex, fetchOffset, partitionMaxBytes, currentLeaderEpoch }) => {
            const log = this.topics.get(this.nameOf(topic, topic.topic))?.logs[partitionIndex]
            const failed = (errorCode: number) => {
              return { partitionIndex, errorCode, highWatermark: -1, abortedTransactions: null, records: null }
            }
            if (!log) return failed(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
            if (log.leader !== nodeId) return failed(ErrorCode.NOT_LEADER_OR_FOLLOWER)
            if (currentLeaderEpoch >= 0 && currentLeaderEpoch < log.leaderEpoch) {
              return failed(ErrorCode.FENCED_LEADER_EPOCH)
            }
            if (fetchOffset > log.endOffset || fetchOffset < log.startOffset)
              return failed(ErrorCode.OFFSET_OUT_OF_RANGE)
            const records = log.read(fetchOffset, partitionMaxBytes)
            const { endOffset: highWatermark, startOffset: logStartOffset } = log
            const errorCode: number = ErrorCode.NONE
            return { partitionIndex, errorCode, highWatermark, logStartOffset, abortedTransactions: null, records }
          },
        ),
      }))
    const isEmpty = (responses: ReturnType<typeof answer>) =>
      responses.every((topic) => topic.partitions.every((p) => !p.errorCode && p.records?.byteLength === 0))
    if (isEmpty(answer())) {
      await new Promise<void>((resolve) => {
        this.system.timers.schedule(body.maxWaitMs, resolve)
      })
    }
    return { responses: answer() }
  }

  #listOffsets(body: RequestOf<typeof ListOffsets>, nodeId: number): ResponseInputOf<typeof ListOffsets> {
    return {
      topics: body.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, timestamp }) => {
          const log = this.topics.get(name)?.logs[partitionIndex]
          if (!log) return { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }
          if (log.leader !== nodeId) return { partitionIndex, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }
          return { partitionIndex, offset: timestamp === -2 ? log.startOffset : log.endOffset }
        }),
      })),
    }
  }

  #commit(body: RequestOf<typeof OffsetCommit>): ResponseInputOf<typeof OffsetCommit> {
    return {
      topics: body.topics.map((topic) => ({
        name: topic.name,
        topicId: topic.topicId,
        partitions: topic.partitions.map(({ partitionIndex, committedOffset }) => {
          const name = this.nameOf(topic, topic.name)
          this.offsets.set(`${body.groupId}/${name}-${partitionIndex}`, committedOffset)
          return { partitionIndex }
        }),
      })),
    }
  }

  #committed(body: RequestOf<typeof OffsetFetch>): ResponseInputOf<typeof OffsetFetch> {
    type Topic = { name: string; topicId?: Uint8Array; partitionIndexes: readonly number[] }
    const topicsOf = (groupId: string, topics: readonly Topic[]) =>
      topics.map(({ name, topicId = new Uint8Array(16), partitionIndexes }) => ({
        name,
        topicId,
        partitions: partitionIndexes.map((partitionIndex) => {
          const key = `${groupId}/${this.nameOf({ topicId }, name)}-${partitionIndex}`
          return { partitionIndex, committedOffset: this.offsets.get(key) ?? -1, metadata: '' }
        }),
      }))
    return {
      topics: topicsOf(body.groupId, body.topics ?? []),
      groups: body.groups.map(({ groupId, topics }) => ({ groupId, topics: topicsOf(groupId, topics ?? []) })),
    }
  }
}
