import type { TimerHandle } from '@millrace/std'
import type { Api, RequestInputOf, ResponseOf } from '../../codec/schema.ts'
import { FindCoordinator, Metadata } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { BrokerConnection } from './connection.ts'
import type { CoordinatorKind } from './coordinator.ts'
import { ConnectionError } from './errors.ts'
import type { FramePool } from './frame-pool.ts'
import { type Lane, Links } from './links.ts'
import { ClusterMetadata, type TopicMetadata } from './metadata.ts'
import type { ResolvedClientOptions } from './options.ts'
import { backoff, Pulse, retry } from './waiting.ts'

export interface SendOptions {
  timeoutMs?: number
  maxVersion?: number
  lane?: Lane
}

/** How often a client that is being closed looks whether there is still a broker. */
const REACHABLE_CHECK_MS = 100

const COORDINATOR_KEY_TYPES: Record<CoordinatorKind, number> = { group: 0, transaction: 1 }

/** A body, or how to make it for the version that was agreed on. */
export type Body<A extends Api> = RequestInputOf<A> | ((version: number) => RequestInputOf<A>)

/**
 * A client's picture of the cluster: connections that are made when needed and made again with growing pauses, and
 * metadata that is fetched when a topic is new, when an answer shows that it is out of date, and when it is old.
 */
export class Cluster {
  readonly metadata = new ClusterMetadata()
  /** Told after each update of the metadata. */
  readonly metadataUpdated: Pulse
  onMetadata: (() => void) | undefined
  readonly options: ResolvedClientOptions
  readonly #allowAutoTopicCreation: boolean
  readonly #links: Links
  readonly #topics = new Set<string>()
  #refreshing: Promise<void> | undefined
  #followsAll = false
  #topicsAdded = false
  /** Asked for while one was under way or in the pause after it. */
  #refreshAgain = false
  #refreshFailures = 0
  #ageTimer: TimerHandle | undefined
  #refreshTimer: TimerHandle | undefined
  #closed = false

  constructor(options: ResolvedClientOptions, { allowAutoTopicCreation }: { allowAutoTopicCreation: boolean }) {
    this.options = options
    this.#allowAutoTopicCreation = allowAutoTopicCreation
    this.metadataUpdated = new Pulse(options.system.timers)
    this.#links = new Links(options, { onLost: () => this.requestRefresh() })
  }

  /** Memory of large answers to fetches. */
  get framePool(): FramePool {
    return this.#links.framePool
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Sends to the broker with this id, connecting to it first if needed. */
  async send<A extends Api>(nodeId: number, api: A, body: Body<A>, options?: SendOptions): Promise<ResponseOf<A>> {
    return exchange(await this.connection(nodeId, options?.lane), api, body, options)
  }

  /** Sends to whichever broker answers. */
  async sendToAny<A extends Api>(api: A, body: Body<A>, options?: SendOptions): Promise<ResponseOf<A>> {
    const addresses = [...this.metadata.brokers.values(), ...this.options.bootstrapServers]
    return exchange(await this.#links.any(addresses), api, body, options)
  }

  /** The connection to a broker, if it is there and can take requests now. */
  liveConnection(nodeId: number, lane: Lane = 'common'): BrokerConnection | undefined {
    const address = this.metadata.brokers.get(nodeId)
    return address && this.#links.live(address, lane)
  }

  /**
   * The connection to a broker; waits out its backoff.
   *
   * @throws {ConnectionError} when it cannot be reached or is not known
   */
  async connection(nodeId: number, lane: Lane = 'common'): Promise<BrokerConnection> {
    const address = this.metadata.brokers.get(nodeId)
    if (!address) {
      this.requestRefresh()
      throw new ConnectionError('KAFKA_UNKNOWN_BROKER', { message: `The cluster has no broker ${nodeId} at present.` })
    }
    try {
      return await this.#links.connect(address, lane)
    } catch (error) {
      this.requestRefresh()
      throw error
    }
  }

  /** Whether a broker that failed is still in its pause. Milliseconds until it may be called again, 0 when now. */
  reconnectDelay(nodeId: number): number {
    const address = this.metadata.brokers.get(nodeId)
    return address ? this.#links.delay(address) : 0
  }

  /**
   * What is known of a topic; asks for it and waits when nothing is.
   *
   * @throws {KafkaError} when the topic's name is invalid or access is denied
   * @throws {ClientTimeoutError} when it does not exist (and is not created) within the time
   */
  async topic(topic: string, options: { timeoutMs: number; signal?: AbortSignal | undefined }): Promise<TopicMetadata> {
    this.follow([topic])
    const known = this.metadata.topics.get(topic)
    if (known) return known
    return retry({ ...this.retryOptions(`Finding topic ${topic}`), ...options }, async () => {
      await this.refresh()
      const found = this.metadata.topics.get(topic)
      if (found) return found
      const code = this.metadata.topicErrors.get(topic) ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      throw new KafkaError(code, `Finding topic ${topic}`)
    })
  }

  /** Keeps the metadata of these topics up to date from now on. True when some are new. */
  follow(topics: Iterable<string>): boolean {
    const before = this.#topics.size
    for (const topic of topics) this.#topics.add(topic)
    const added = this.#topics.size > before
    if (added) this.#topicsAdded = true
    return added
  }

  /** From now on all topics count as followed: for subscriptions by pattern. */
  followAll(isWanted: boolean): void {
    if (isWanted && !this.#followsAll) this.#topicsAdded = true
    this.#followsAll = isWanted
  }

  /** Asks what topics with these ids are called, and follows those that exist. */
  async findTopicsById(topicIds: readonly Uint8Array[]): Promise<void> {
    const response = await this.sendToAny(Metadata, {
      topics: topicIds.map((topicId) => ({ topicId, name: null })),
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    })
    const names = response.topics.flatMap(({ name, errorCode }) => (errorCode === ErrorCode.NONE && name ? [name] : []))
    if (this.follow(names)) await this.refresh()
  }

  unfollow(topic: string): void {
    this.#topics.delete(topic)
    this.metadata.forget(topic)
    this.metadata.topicErrors.delete(topic)
  }

  /** Fetches the metadata of all topics that are followed. Calls that come while one is under way share it. */
  async refresh(): Promise<void> {
    if (this.#refreshing && !this.#topicsAdded) return this.#refreshing
    if (this.#refreshing) await this.#refreshing.catch(() => {})
    this.#refreshing ??= this.#refreshNow().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  /** Something is out of date: refresh soon, without waiting for it and not more often than `retryBackoffMs`. */
  requestRefresh(): void {
    if (this.#refreshTimer || this.#closed) {
      this.#refreshAgain = true
      return
    }
    const { system, retryBackoffMs, retryBackoffMaxMs } = this.options
    const pause =
      this.#refreshFailures === 0 ? 0 : backoff(system.random, this.#refreshFailures, retryBackoffMs, retryBackoffMaxMs)
    this.#refreshTimer = system.timers.schedule(pause, () => {
      void this.refresh().then(
        () => this.#afterRequestedRefresh(),
        () => {
          this.#refreshTimer = undefined
          this.requestRefresh()
        },
      )
    })
  }

  /** Asks for the coordinator of a group or transactional id. Its broker is known afterwards. */
  async findCoordinator(kind: CoordinatorKind, key: string): Promise<number> {
    const keyType = COORDINATOR_KEY_TYPES[kind]
    const response = await this.sendToAny(FindCoordinator, (version) =>
      version >= 4 ? { key: '', keyType, coordinatorKeys: [key] } : { key, keyType, coordinatorKeys: [] },
    )
    const found = response.coordinators[0] ?? response
    if (found.errorCode !== ErrorCode.NONE) {
      throw new KafkaError(found.errorCode, `Finding the coordinator of ${kind} ${key}`, found.errorMessage)
    }
    const { nodeId, host, port } = found
    const known = this.metadata.brokers.get(nodeId)
    if (!known) this.metadata.brokers.set(nodeId, { nodeId, host, port, rack: null })
    return nodeId
  }

  /** The level of a feature that the cluster has agreed on (KIP-584), 0 without it: as of the newest connection. */
  finalizedFeature(name: string): number {
    return this.#links.features.levels.get(name) ?? 0
  }

  /** The settings of {@link retry} that every operation of this client shares. */
  retryOptions(what: string) {
    const { system, retryBackoffMs, retryBackoffMaxMs } = this.options
    return { what, system, retryBackoffMs, retryBackoffMaxMs }
  }

  /**
   * Waits for `work`, at most `timeoutMs`, and no longer than `unreachableMs` while no broker is heard: what ends a client
   * must not hang with its cluster. A broker may be slow to answer; whether one is there at all, a connection of its own
   * tells. True when the work is done; what it throws is thrown.
   */
  async whileReachable(
    work: Promise<void>,
    { timeoutMs, unreachableMs }: { timeoutMs: number; unreachableMs: number },
  ): Promise<boolean> {
    const { clock, timers } = this.options.system
    const deadline = clock.monotonic() + timeoutMs
    const settled = new Pulse(timers)
    let isDone = false
    void work
      .catch(() => {})
      .finally(() => {
        isDone = true
        settled.notify()
      })
    let silentSince = clock.monotonic()
    let nextProbeAt = silentSince + unreachableMs / 2
    let heard = this.#links.answers
    for (;;) {
      const now = clock.monotonic()
      if (this.#links.answers !== heard) {
        heard = this.#links.answers
        silentSince = now
        nextProbeAt = now + unreachableMs / 2
      }
      const left = Math.min(deadline - now, silentSince + unreachableMs - now)
      if (left <= 0) return false
      if (now >= nextProbeAt) {
        nextProbeAt = now + unreachableMs / 2
        void this.#links.probe([...this.metadata.brokers.values(), ...this.options.bootstrapServers])
      }
      await settled.wait(Math.min(left, REACHABLE_CHECK_MS))
      if (isDone) {
        await work
        return true
      }
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    const { timers } = this.options.system
    if (this.#ageTimer) timers.cancel(this.#ageTimer)
    if (this.#refreshTimer) timers.cancel(this.#refreshTimer)
    this.#links.close()
    this.metadataUpdated.notify()
  }

  async #refreshNow(): Promise<void> {
    try {
      // Topics that are added from here on are not in this request.
      this.#topicsAdded = false
      const ofAllTopics = this.#followsAll
      const topics = [...this.#topics].map((name) => ({ name }))
      const response = await this.sendToAny(Metadata, (version) => ({
        topics: ofAllTopics || (version === 0 && topics.length === 0) ? null : topics,
        allowAutoTopicCreation: version < 4 || this.#allowAutoTopicCreation,
        includeClusterAuthorizedOperations: false,
        includeTopicAuthorizedOperations: false,
      }))
      if (response.errorCode !== ErrorCode.NONE) throw new KafkaError(response.errorCode, 'Fetching metadata')
      this.metadata.update(response, { ofAllTopics })
      this.#refreshFailures = 0
    } catch (error) {
      this.#refreshFailures++
      throw error
    }
    this.#scheduleAgeRefresh()
    this.onMetadata?.()
    this.metadataUpdated.notify()
  }

  #afterRequestedRefresh(): void {
    const { system, retryBackoffMs } = this.options
    // The pause keeps a partition without a leader from being asked for in a tight loop.
    this.#refreshTimer = system.timers.scheduleBackground(retryBackoffMs, () => {
      this.#refreshTimer = undefined
      if (!this.#refreshAgain) return
      this.#refreshAgain = false
      this.requestRefresh()
    })
  }

  #scheduleAgeRefresh(): void {
    const { timers } = this.options.system
    if (this.#ageTimer) timers.cancel(this.#ageTimer)
    if (this.#closed) return
    this.#ageTimer = timers.scheduleBackground(this.options.metadataMaxAgeMs, () => this.requestRefresh())
  }
}

function exchange<A extends Api>(
  connection: BrokerConnection,
  api: A,
  body: Body<A>,
  options?: SendOptions,
): Promise<ResponseOf<A>> {
  const version = connection.versionOf(api, options?.maxVersion)
  const made = typeof body === 'function' ? (body as (version: number) => RequestInputOf<A>)(version) : body
  return connection.request(api, version, made, options)
}
