import { MillraceError } from '@millrace/std'
import { Fetch, type FetchResponse } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { FetchLane } from '../cluster/links.ts'
import type { ResolvedConsumerOptions } from './consumer-options.ts'
import type { ConsumerRecord, PartitionBatches } from './consumer-record.ts'
import { ConnectionError, isRetriable } from '../cluster/errors.ts'
import { FetchSession } from './fetch-session.ts'
import { FetchedPartition } from './fetched-partition.ts'
import { FrameLease } from '../cluster/frame-pool.ts'
import { uuidKey } from '../cluster/metadata.ts'
import { PositionValidation } from './position-validation.ts'
import { type PartitionState, partitionKey, type SubscriptionState } from './subscription.ts'
import { backoff } from '../cluster/waiting.ts'

type FetchedAnswer = FetchResponse['responses'][number]['partitions'][number]

/** A session that a broker is not told of goes by itself in time: a courtesy, not to be waited for. */
const SESSION_CLOSE_MS = 1_000
/** From this version on, topics go by their ids. */
const TOPIC_ID_VERSION = 13

export interface FetcherOptions {
  cluster: Cluster
  subscription: SubscriptionState
  options: ResolvedConsumerOptions
  /** Something arrived, or a partition needs a look. */
  onChange: () => void
}

/**
 * Fetches ahead: for each partition at most one answer is on its way or waits to be handed out. For each broker one
 * request is under way, and a second one if a partition was sought, resumed or assigned since. That bounds the memory,
 * and the next request travels while the last answer is worked on.
 */
export class Fetcher {
  readonly #cluster: Cluster
  readonly #subscription: SubscriptionState
  readonly #options: ResolvedConsumerOptions
  readonly #onChange: () => void
  /** Requests under way to each broker. */
  readonly #busy = new Map<number, Set<FetchLane>>()
  /** By broker and lane. */
  readonly #sessions = new Map<string, FetchSession>()
  readonly #validation: PositionValidation
  readonly #errors: Error[] = []

  constructor({ cluster, subscription, options, onChange }: FetcherOptions) {
    this.#cluster = cluster
    this.#subscription = subscription
    this.#options = options
    this.#onChange = onChange
    this.#validation = new PositionValidation({ cluster, subscription, options, onChange })
  }

  /** The first failure that the user has to know of, once. */
  takeError(): Error | undefined {
    return this.#errors.shift() ?? this.#validation.takeError()
  }

  /** Records that have arrived, up to `maxPollRecords`. */
  takeRecords(): ConsumerRecord[] | undefined {
    const records: ConsumerRecord[] = []
    for (const state of [...this.#ready()]) {
      const fetched = state.fetched as FetchedPartition
      const room = this.#options.maxPollRecords - records.length
      if (room === 0) break
      try {
        if (fetched.takeRecords(room, records) < room) this.#finish(state)
      } catch (error) {
        // What was read before the bad batch is handed out first; the next call meets it again.
        state.advance(fetched)
        if (records.length > 0) return records
        throw error
      }
      state.advance(fetched)
    }
    return records.length > 0 ? records : undefined
  }

  /** All that has arrived, as whole batches. */
  takeBatches(): PartitionBatches[] | undefined {
    const batches: PartitionBatches[] = []
    for (const state of [...this.#ready()]) {
      const fetched = state.fetched as FetchedPartition
      try {
        const taken = fetched.takeBatches()
        if (taken) batches.push(taken)
      } catch (error) {
        if (batches.length > 0) return batches
        throw error
      }
      this.#finish(state)
      state.advance(fetched)
    }
    return batches.length > 0 ? batches : undefined
  }

  /** Sends a request to each broker that leads a partition whose next records are neither here nor on their way. */
  sendFetches(): void {
    const now = this.#cluster.options.system.clock.monotonic()
    const byNode = new Map<number, PartitionState[]>()
    const waiting = this.#nodesWithData()
    for (const state of this.#subscription) {
      if (state.position === undefined || state.isPaused || state.fetched || state.request) continue
      if (state.retryAt > now || state.validating) continue
      const { leader = -1, leaderEpoch = -1 } = this.#cluster.metadata.partition(state.topic, state.partition) ?? {}
      if (leader < 0) {
        this.#cluster.follow([state.topic])
        this.#cluster.requestRefresh()
        continue
      }
      if (this.#validation.holdsBack(state, leader, leaderEpoch)) continue
      const nodeId = this.#replicaFor(state, leader, now)
      if (waiting.has(nodeId) || this.#freeLane(nodeId) === undefined) continue
      const states = byNode.get(nodeId)
      if (states) states.push(state)
      else byNode.set(nodeId, [state])
    }
    for (const [nodeId, states] of byNode) void this.#fetch(nodeId, this.#freeLane(nodeId) as FetchLane, states)
  }

  /**
   * Brokers whose last answer is not handed out yet. A request for the other partitions alone could wait there for
   * records until `fetchMaxWaitMs`, and hold up those that have some (KAFKA-17182).
   */
  #nodesWithData(): Set<number> {
    const nodes = new Set<number>()
    for (const state of this.#ready()) {
      const leader = this.#cluster.metadata.partition(state.topic, state.partition)?.leader
      if (leader !== undefined) nodes.add(leader)
    }
    return nodes
  }

  /** Whether some partition waits for a pause to end or for a leader: then there is nothing that would wake a poll. */
  get hasStalled(): boolean {
    for (const state of this.#subscription) {
      if (!state.isPaused && !state.request && !state.fetched) return true
    }
    return false
  }

  /** Tells brokers to forget the sessions of this consumer, where a connection is there. */
  async close(): Promise<void> {
    const closing = [...this.#sessions].map(async ([key, session]) => {
      const [nodeId, lane] = key.split(' ') as [string, FetchLane]
      const connection = this.#cluster.liveConnection(Number(nodeId), lane)
      if (!session.isOpen || !connection || this.#busy.get(Number(nodeId))?.has(lane)) return
      const body = { ...session.closing(), maxWaitMs: 0, minBytes: 0, topics: [], forgottenTopicsData: [] }
      await connection.request(Fetch, connection.versionOf(Fetch), body, { timeoutMs: SESSION_CLOSE_MS })
    })
    await Promise.allSettled(closing)
  }

  /** The leader, or a replica nearby that it pointed to. */
  #replicaFor(state: PartitionState, leader: number, now: number): number {
    const { preferredReplica } = state
    if (!preferredReplica) return leader
    if (preferredReplica.until > now && this.#cluster.metadata.brokers.has(preferredReplica.nodeId)) {
      return preferredReplica.nodeId
    }
    state.preferredReplica = undefined
    return leader
  }

  #session(nodeId: number, lane: FetchLane): FetchSession {
    const key = `${nodeId} ${lane}`
    const known = this.#sessions.get(key)
    if (known) return known
    const session = new FetchSession()
    this.#sessions.set(key, session)
    return session
  }

  *#ready(): Iterable<PartitionState> {
    for (const state of this.#subscription) if (state.fetched && !state.isPaused) yield state
  }

  #finish(state: PartitionState): void {
    state.fetched = undefined
    this.#subscription.moveToEnd(state)
  }

  #freeLane(nodeId: number): FetchLane | undefined {
    const busy = this.#busy.get(nodeId)
    if (!busy?.has('fetch')) return 'fetch'
    return busy.has('secondFetch') ? undefined : 'secondFetch'
  }

  async #fetch(nodeId: number, lane: FetchLane, states: readonly PartitionState[]): Promise<void> {
    const busy = this.#busy.get(nodeId) ?? new Set()
    this.#busy.set(nodeId, busy.add(lane))
    const request = {}
    for (const state of states) state.request = request
    // A seek or a rebalance in the meantime makes an answer worthless.
    const isWanted = (state: PartitionState) => state.request === request && this.#subscription.isCurrent(state)
    const session = this.#session(nodeId, lane)
    try {
      const { response, nameOf } = await this.#request(nodeId, lane, session, states)
      // What the broker has forgotten is asked for again at once.
      if (!session.answered(response)) return
      if (response.errorCode !== ErrorCode.NONE) throw new KafkaError(response.errorCode, 'Fetching')
      const byKey = new Map(states.filter(isWanted).map((state) => [partitionKey(state), state]))
      let lease: FrameLease | undefined
      for (const topic of response.responses) {
        const name = nameOf(topic)
        if (name === undefined) continue
        for (const answer of topic.partitions) {
          if (answer.records) lease ??= new FrameLease(this.#cluster.framePool, answer.records.buffer)
          const state = byKey.get(partitionKey({ topic: name, partition: answer.partitionIndex }))
          if (state) this.#arrive(state, answer, lease)
        }
      }
    } catch (error) {
      session.failed()
      for (const state of states) {
        if (!isWanted(state)) continue
        state.preferredReplica = undefined
        this.#rest(state)
      }
      if (!isRetriable(error) || isTooLarge(error)) this.#errors.push(error as Error)
      else this.#cluster.requestRefresh()
    } finally {
      busy.delete(lane)
      for (const state of states) if (state.request === request) state.request = undefined
      this.#onChange()
    }
  }

  async #request(nodeId: number, lane: FetchLane, session: FetchSession, states: readonly PartitionState[]) {
    const { metadata } = this.#cluster
    const options = this.#options
    const connection = this.#cluster.liveConnection(nodeId, lane) ?? (await this.#cluster.connection(nodeId, lane))
    const names = new Map<string, string>()
    const targets = states.map((state) => {
      const { topic, partition, position } = state
      const topicId = metadata.topics.get(topic)?.topicId
      names.set(uuidKey(topicId), topic)
      state.requestEpoch = metadata.partition(topic, partition)?.leaderEpoch ?? -1
      return {
        topic,
        topicId,
        partition,
        currentLeaderEpoch: state.requestEpoch,
        // After a seek while the connection was made, the answer is not wanted anyway.
        fetchOffset: position ?? 0,
        partitionMaxBytes: options.maxPartitionFetchBytes,
      }
    })
    const version = connection.versionOf(Fetch, names.has('') ? TOPIC_ID_VERSION - 1 : undefined)
    const byIds = version >= TOPIC_ID_VERSION
    const body = {
      maxWaitMs: options.fetchMaxWaitMs,
      minBytes: options.fetchMinBytes,
      maxBytes: options.fetchMaxBytes,
      isolationLevel: options.isolationLevel === 'read_committed' ? 1 : 0,
      rackId: options.clientRack ?? '',
      ...session.request(targets, { byIds }),
    }
    const timeoutMs = this.#cluster.options.requestTimeoutMs + options.fetchMaxWaitMs
    const response = await connection.request(Fetch, version, body, { timeoutMs })
    const nameOf = (topic: FetchResponse['responses'][number]) =>
      byIds ? names.get(uuidKey(topic.topicId)) : topic.topic
    return { response, nameOf }
  }

  #arrive(state: PartitionState, answer: FetchedAnswer, lease: FrameLease | undefined): void {
    const { topic, partition } = state
    switch (answer.errorCode) {
      case ErrorCode.NONE: {
        state.failures = 0
        state.highWatermark = answer.highWatermark
        state.lastStableOffset = answer.lastStableOffset
        if (answer.preferredReadReplica >= 0) {
          const { system, metadataMaxAgeMs } = this.#cluster.options
          const until = system.clock.monotonic() + metadataMaxAgeMs
          state.preferredReplica = { nodeId: answer.preferredReadReplica, until }
          return
        }
        if (!answer.records || !lease || answer.records.byteLength === 0) return
        const { checkCrcs, maxDecompressedBytes, isolationLevel } = this.#options
        state.fetched = new FetchedPartition({
          topic,
          partition,
          bytes: answer.records,
          fetchOffset: state.position as number,
          highWatermark: answer.highWatermark,
          lastStableOffset: answer.lastStableOffset,
          logStartOffset: answer.logStartOffset,
          currentLeaderEpoch: state.requestEpoch,
          abortedTransactions: isolationLevel === 'read_committed' ? (answer.abortedTransactions ?? []) : [],
          checkCrcs,
          maxDecompressedBytes,
          release: lease.share(),
        })
        return
      }
      case ErrorCode.OFFSET_OUT_OF_RANGE:
        // A follower may lag behind: the leader decides.
        if (state.preferredReplica) state.preferredReplica = undefined
        else this.#outOfRange(state)
        return
      case ErrorCode.NOT_LEADER_OR_FOLLOWER:
      case ErrorCode.REPLICA_NOT_AVAILABLE:
      case ErrorCode.KAFKA_STORAGE_ERROR:
      case ErrorCode.FENCED_LEADER_EPOCH:
      case ErrorCode.UNKNOWN_LEADER_EPOCH:
      case ErrorCode.OFFSET_NOT_AVAILABLE:
      case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      case ErrorCode.UNKNOWN_TOPIC_ID:
      case ErrorCode.INCONSISTENT_TOPIC_ID: {
        state.preferredReplica = undefined
        const { leaderId, leaderEpoch } = answer.currentLeader
        if (this.#cluster.metadata.updateLeader(topic, partition, leaderId, leaderEpoch)) return
        this.#rest(state)
        this.#cluster.requestRefresh()
        return
      }
      case ErrorCode.UNKNOWN_SERVER_ERROR:
        // Nobody knows what it was: Kafka's own consumer goes on, too.
        this.#rest(state)
        return
      default:
        this.#rest(state)
        this.#errors.push(
          new KafkaError(answer.errorCode, `Fetching ${topic}-${partition} at offset ${state.position}`),
        )
    }
  }

  #outOfRange(state: PartitionState): void {
    const reset = this.#options.autoOffsetReset
    if (reset !== 'none') {
      state.seekToEnd(reset)
      return
    }
    this.#rest(state)
    this.#errors.push(
      new MillraceError('KAFKA_OFFSET_OUT_OF_RANGE', {
        message: `Offset ${state.position} of ${partitionKey(state)} is not there (any more).`,
        fix: 'Seek to an offset that exists, or set autoOffsetReset to earliest or latest.',
      }),
    )
  }

  #rest(state: PartitionState): void {
    const { system, retryBackoffMs, retryBackoffMaxMs } = this.#cluster.options
    state.failures++
    const pause = backoff(system.random, state.failures, retryBackoffMs, retryBackoffMaxMs)
    state.retryAt = system.clock.monotonic() + pause
  }
}

/** An answer above `maxFrameBytes` comes again however often it is asked for. */
function isTooLarge(error: unknown): boolean {
  return error instanceof ConnectionError && error.code === 'KAFKA_BAD_FRAME'
}
