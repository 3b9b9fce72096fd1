import { encodeResponse, ErrorCode, Fetch, type FetchRequest, type FetchResponseInput } from '@millrace/kafka'
import { type TimerHandle, type Timers, uuidToString } from '@millrace/std'
import type { Isolation } from '../log/log-reader.ts'
import type { Brokers } from '../metadata/brokers.ts'
import type { Partition, PartitionWatcher } from '../metadata/partition.ts'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import type { BufferPool } from '../net/buffer-pool.ts'
import type { ResponseStream } from '../net/response.ts'
import { leaderError } from './leader-error.ts'
import type { FetchContext, FetchTarget } from './fetch-session.ts'
import { endpointsOf, leaderOf } from './new-leader.ts'
import type { Exchange } from './registry.ts'

export interface FetchServices {
  readonly topics: TopicCatalog
  readonly brokers: Brokers
  readonly timers: Timers
  /** Where the memory for records comes from. */
  readonly pool: BufferPool
  /** Most record bytes of one answer. */
  readonly maxBytes: number
}

type TopicAnswer = FetchResponseInput['responses'][number]
type PartitionAnswer = TopicAnswer['partitions'][number]
type Records = NonNullable<PartitionAnswer['records']>
type AbortedTransactions = PartitionAnswer['abortedTransactions']

/** What was read of one partition. */
interface Read {
  readonly errorCode: number
  readonly records: Records
  readonly size: number
  readonly abortedTransactions: AbortedTransactions
}

export const noBytes = new Uint8Array(0)

/** Answers are cut to this while the memory that all of them hold together is below a quarter of the bound. */
const maxAnswerBytes = 8_388_608
/** Bound of that memory; near it answers get small, so that many clients that do not read stay affordable. */
const maxHeldBytes = 67_108_864
const leastAnswerBytes = 65_536
const firstIdVersion = 13
/** From this version on answers name the new leader. */
const newLeaderFrom = 16
const readCommitted = 1

/** A fetch that waits for enough bytes, then for the socket: its answer is read from the log when it can be sent. */
export class PendingFetch implements ResponseStream, PartitionWatcher {
  readonly #request: FetchRequest
  readonly #exchange: Exchange<typeof Fetch>
  readonly #services: FetchServices
  readonly #context: FetchContext
  readonly #isolation: Isolation
  readonly #held: Uint8Array[] = []
  /** Brokers that the answer names as leaders. */
  #newLeaders: Set<number> | undefined
  #timer: TimerHandle | undefined
  #forgetClose: (() => void) | undefined
  #isSent = false

  constructor(request: FetchRequest, exchange: Exchange<typeof Fetch>, services: FetchServices, context: FetchContext) {
    this.#request = request
    this.#exchange = exchange
    this.#services = services
    this.#context = context
    this.#isolation = request.isolationLevel === readCommitted ? 'read_committed' : 'read_uncommitted'
  }

  begin(): void {
    const byId = this.#exchange.version >= firstIdVersion
    const { topics } = this.#services
    for (const target of this.#context.targets) {
      if (target.partition && !target.partition.isDeleted) continue
      const topic = byId ? topics.getById(target.topicId) : topics.get(target.topic)
      target.partition = topic?.partitions[target.index]
    }
    if (this.#isReady()) {
      this.#exchange.stream(this)
      return
    }
    for (const { partition } of this.#context.targets) partition?.watch(this)
    this.#timer = this.#services.timers.scheduleBackground(this.#request.maxWaitMs, () => this.#answer())
    this.#forgetClose = this.#exchange.client.onClose(() => this.#stopWaiting())
  }

  partitionChanged(): void {
    try {
      if (this.#isReady()) this.#answer()
    } catch (cause) {
      // Whoever appended is not to suffer from who waits.
      this.#stopWaiting()
      this.#exchange.fail(cause)
    }
  }

  next(): readonly Uint8Array[] | undefined {
    if (this.#isSent) return undefined
    this.#isSent = true
    return this.#encode()
  }

  flushed(): void {
    for (const buffer of this.#held) this.#services.pool.release(buffer)
    this.#held.length = 0
  }

  close(): void {
    // The memory of an answer that is on its way is given back by `flushed`.
    if (!this.#isSent) this.flushed()
  }

  /** Whether there is something to tell: an error, or enough bytes. */
  #isReady(): boolean {
    const { maxWaitMs, minBytes } = this.#request
    const { targets } = this.#context
    if (maxWaitMs <= 0 || minBytes <= 0 || targets.length === 0) return true
    const { nodeId } = this.#exchange.client
    let bytes = 0
    for (const { partition, offset, currentLeaderEpoch } of targets) {
      if (!partition || partition.isDeleted || leaderError(partition, nodeId, currentLeaderEpoch) !== ErrorCode.NONE) {
        return true
      }
      const { log } = partition
      // One that takes no more writes can still be read; at its end a fetch waits, or its client would ask without a pause.
      if (offset < log.logStartOffset || offset > log.endOffset || log.state === 'closed') return true
      if (offset >= (this.#isolation === 'read_committed' ? log.lastStableOffset : log.highWatermark)) continue
      if (minBytes === 1) return true
      bytes += log.bytesFrom(offset, minBytes - bytes, this.#isolation)
      if (bytes >= minBytes) return true
    }
    return false
  }

  #answer(): void {
    this.#stopWaiting()
    this.#exchange.stream(this)
  }

  #stopWaiting(): void {
    for (const { partition } of this.#context.targets) partition?.unwatch(this)
    if (this.#timer) this.#services.timers.cancel(this.#timer)
    this.#timer = undefined
    this.#forgetClose?.()
    this.#forgetClose = undefined
  }

  #encode(): readonly Uint8Array[] {
    const { sessionId, isIncremental, targets } = this.#context
    const byId = this.#exchange.version >= firstIdVersion
    const topics = new Map<string, { topic: string; topicId: Uint8Array; partitions: PartitionAnswer[] }>()
    const withRecords: FetchTarget[] = []
    let left = Math.min(this.#request.maxBytes, this.#services.maxBytes, this.#memoryBound())
    for (const target of targets) {
      const { abortedTransactions, errorCode, records, size } = this.#read(target, left, withRecords.length === 0)
      left = Math.max(0, left - size)
      const log = errorCode === ErrorCode.NONE ? target.partition?.log : undefined
      const highWatermark = log?.highWatermark ?? -1
      const logStartOffset = log?.logStartOffset ?? -1
      // As in Kafka, a last stable offset that moves alone is not: it does so only when records were deleted.
      const isNews =
        size > 0 ||
        errorCode !== ErrorCode.NONE ||
        highWatermark !== target.toldHighWatermark ||
        logStartOffset !== target.toldLogStartOffset
      if (isIncremental && !isNews) continue
      if (size > 0) withRecords.push(target)
      target.toldHighWatermark = highWatermark
      target.toldLogStartOffset = logStartOffset
      const key = byId ? uuidToString(target.topicId) : target.topic
      let topic = topics.get(key)
      if (!topic) {
        topic = { topic: target.topic, topicId: target.topicId, partitions: [] }
        topics.set(key, topic)
      }
      topic.partitions.push({
        partitionIndex: target.index,
        errorCode,
        highWatermark,
        lastStableOffset: log?.lastStableOffset ?? -1,
        logStartOffset,
        abortedTransactions,
        records,
        currentLeader: errorCode === ErrorCode.NONE ? undefined : this.#newLeader(errorCode, target.partition),
      })
    }
    this.#context.answered(withRecords)
    const { version, correlationId } = this.#exchange
    return encodeResponse(Fetch, version, correlationId, {
      sessionId,
      responses: [...topics.values()],
      nodeEndpoints: this.#newLeaders && endpointsOf(this.#newLeaders, this.#services.brokers),
    })
  }

  /** Who has come to the wrong broker, or knows an old leader, is told the right one (KIP-951). */
  #newLeader(errorCode: number, partition: Partition | undefined) {
    if (errorCode !== ErrorCode.NOT_LEADER_OR_FOLLOWER && errorCode !== ErrorCode.FENCED_LEADER_EPOCH) return undefined
    if (!partition || this.#exchange.version < newLeaderFrom) return undefined
    this.#newLeaders ??= new Set()
    this.#newLeaders.add(partition.leaderId)
    return leaderOf(partition)
  }

  #read(target: FetchTarget, left: number, isFirst: boolean): Read {
    const { partition, offset, maxBytes, currentLeaderEpoch } = target
    // As Kafka: an error that was found before the log was asked comes with an empty list.
    if (!partition || partition.isDeleted) return failed(this.#unknown(target), [])
    const fenced = leaderError(partition, this.#exchange.client.nodeId, currentLeaderEpoch)
    if (fenced !== ErrorCode.NONE) return failed(fenced, null)
    const { abortedTransactions, errorCode, parts, size } = partition.log.read(
      offset,
      Math.max(0, Math.min(maxBytes, left)),
      { isolation: this.#isolation, minOneBatch: isFirst, allocate: (bytes) => this.#hold(bytes) },
    )
    if (errorCode !== ErrorCode.NONE) return failed(errorCode, null)
    const aborted = this.#isolation === 'read_committed' ? (abortedTransactions ?? []) : null
    return { errorCode, records: parts, size, abortedTransactions: aborted }
  }

  #unknown({ topicId }: FetchTarget): number {
    const byId = this.#exchange.version >= firstIdVersion
    if (byId && !this.#services.topics.getById(topicId)) return ErrorCode.UNKNOWN_TOPIC_ID
    return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  }

  #hold(bytes: number): Uint8Array {
    const buffer = this.#services.pool.acquire(bytes)
    this.#held.push(buffer)
    return buffer
  }

  #memoryBound(): number {
    const free = maxHeldBytes - this.#services.pool.lentBytes
    return Math.max(leastAnswerBytes, Math.min(maxAnswerBytes, free / 4))
  }
}

function failed(errorCode: number, abortedTransactions: AbortedTransactions): Read {
  return { errorCode, records: noBytes, size: 0, abortedTransactions }
}
