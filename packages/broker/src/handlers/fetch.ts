/**
 * Fetch (1): whole record batches from an offset on, as they lie in the log, waiting up to `maxWaitMs` for `minBytes`.
 *
 * At least one batch is returned even if it is larger than the limits. Consumers see what is durable. Version 13 uses topic
 * ids (KIP-516). Fetch sessions (KIP-227) are not kept: a full fetch is answered with session id 0, which tells the client
 * to go on with full fetches. The answer is read from the log when the socket can take it.
 */
import { encodeResponse, ErrorCode, Fetch, type FetchRequest } from '@millrace/kafka'
import type { TimerHandle, Timers } from '@millrace/std'
import type { Partition } from '../metadata/partition.ts'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import type { BufferPool } from '../net/buffer-pool.ts'
import type { ResponseStream } from '../net/response.ts'
import { epochError } from './epoch-error.ts'
import type { Exchange, HandlerRegistry } from './registry.ts'

export interface FetchHandlerOptions {
  readonly topics: TopicCatalog
  readonly timers: Timers
  /** Where the memory for records comes from. */
  readonly pool: BufferPool
  /** Most record bytes of one answer. */
  readonly maxBytes: number
}

/** One partition of a fetch. */
interface Wanted {
  readonly index: number
  readonly partition: Partition | undefined
  readonly errorCode: number
  readonly offset: number
  readonly maxBytes: number
}

interface WantedTopic {
  readonly topic: string
  readonly topicId: Uint8Array
  readonly partitions: readonly Wanted[]
}

const noBytes = new Uint8Array(0)

/** Answers are cut to this while the memory that all of them hold together is below a quarter of the bound. */
const maxAnswerBytes = 8_388_608
/** Bound of that memory; near it answers get small, so that many clients that do not read stay affordable. */
const maxHeldBytes = 67_108_864
const leastAnswerBytes = 65_536

export function registerFetch(registry: HandlerRegistry, options: FetchHandlerOptions): void {
  let fetches = 0
  registry.register({
    api: Fetch,
    versions: [4, 18],
    serve(request, exchange) {
      const sessionError = checkSession(request, exchange.version)
      if (sessionError !== ErrorCode.NONE) return exchange.respond({ errorCode: sessionError, responses: [] })
      new PendingFetch(request, exchange, options, fetches++).begin()
    },
    errorResponse: (request, errorCode) => ({
      errorCode,
      responses: request.topics.map(({ topic, topicId, partitions }) => ({
        topic,
        topicId,
        partitions: partitions.map(({ partition }) => ({
          partitionIndex: partition,
          errorCode,
          highWatermark: -1,
          abortedTransactions: null,
          records: noBytes,
        })),
      })),
    }),
  })
}

/** KIP-227: epoch -1 or 0 is a full fetch; anything else belongs to a session, and there are none. */
function checkSession({ sessionId, sessionEpoch }: FetchRequest, version: number): number {
  if (version < 7 || sessionEpoch === -1 || sessionEpoch === 0) return ErrorCode.NONE
  return sessionId === 0 ? ErrorCode.INVALID_FETCH_SESSION_EPOCH : ErrorCode.FETCH_SESSION_ID_NOT_FOUND
}

class PendingFetch implements ResponseStream {
  readonly #request: FetchRequest
  readonly #exchange: Exchange<typeof Fetch>
  readonly #options: FetchHandlerOptions
  readonly #topics: WantedTopic[]
  /** All partitions, in the order in which they are read: a different one comes first each time. */
  readonly #wanted: Wanted[]
  readonly #held: Uint8Array[] = []
  #timer: TimerHandle | undefined
  #forgetClose: (() => void) | undefined
  #sent = false

  constructor(request: FetchRequest, exchange: Exchange<typeof Fetch>, options: FetchHandlerOptions, turn: number) {
    this.#request = request
    this.#exchange = exchange
    this.#options = options
    this.#topics = request.topics.map((topic) => this.#resolve(topic))
    const all = this.#topics.flatMap(({ partitions }) => partitions)
    const first = all.length > 1 ? turn % all.length : 0
    this.#wanted = first === 0 ? all : [...all.slice(first), ...all.slice(0, first)]
  }

  begin(): void {
    if (this.#isReady()) {
      this.#exchange.stream(this)
      return
    }
    for (const { partition } of this.#wanted) partition?.watch(this)
    this.#timer = this.#options.timers.scheduleBackground(this.#request.maxWaitMs, () => this.#answer())
    this.#forgetClose = this.#exchange.client.onClose(() => this.#stopWaiting())
  }

  partitionChanged(): void {
    if (this.#isReady()) this.#answer()
  }

  next(): readonly Uint8Array[] | undefined {
    if (this.#sent) return undefined
    this.#sent = true
    return this.#encode()
  }

  flushed(): void {
    for (const buffer of this.#held) this.#options.pool.release(buffer)
    this.#held.length = 0
  }

  close(): void {
    // Memory of a piece that is on its way is given back by `flushed`.
    if (!this.#sent) this.flushed()
  }

  #resolve({ topic: name, topicId, partitions }: FetchRequest['topics'][number]): WantedTopic {
    const byId = this.#exchange.version >= 13
    const topic = byId ? this.#options.topics.getById(topicId) : this.#options.topics.get(name)
    const unknown = byId && !topic ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return {
      topic: name,
      topicId,
      partitions: partitions.map(({ partition: index, currentLeaderEpoch, fetchOffset, partitionMaxBytes }) => {
        const partition = topic?.partitions[index]
        const errorCode = partition ? epochError(currentLeaderEpoch) : unknown
        return { index, partition, errorCode, offset: fetchOffset, maxBytes: partitionMaxBytes }
      }),
    }
  }

  /** Whether there is something to tell: an error, or enough bytes. */
  #isReady(): boolean {
    const { maxWaitMs, minBytes } = this.#request
    if (maxWaitMs <= 0 || minBytes <= 0 || this.#wanted.length === 0) return true
    let bytes = 0
    for (const { partition, errorCode, offset } of this.#wanted) {
      if (!partition || errorCode !== ErrorCode.NONE || partition.isDeleted) return true
      const { log } = partition
      if (offset < log.logStartOffset || offset > log.endOffset || log.state !== 'online') return true
      if (offset >= log.highWatermark) continue
      if (minBytes === 1) return true
      bytes += log.read(offset, minBytes).size
      if (bytes >= minBytes) return true
    }
    return false
  }

  #answer(): void {
    this.#stopWaiting()
    this.#exchange.stream(this)
  }

  #stopWaiting(): void {
    for (const { partition } of this.#wanted) partition?.unwatch(this)
    if (this.#timer) this.#options.timers.cancel(this.#timer)
    this.#timer = undefined
    this.#forgetClose?.()
    this.#forgetClose = undefined
  }

  #encode(): readonly Uint8Array[] {
    const read = this.#readAll()
    const readCommitted = this.#request.isolationLevel === 1
    return encodeResponse(Fetch, this.#exchange.version, this.#exchange.correlationId, {
      responses: this.#topics.map(({ topic, topicId, partitions }) => ({
        topic,
        topicId,
        partitions: partitions.map((wanted) => {
          const { errorCode, records } = read.get(wanted) ?? { errorCode: wanted.errorCode, records: noBytes }
          const log = errorCode === ErrorCode.NONE ? wanted.partition?.log : undefined
          return {
            partitionIndex: wanted.index,
            errorCode,
            highWatermark: log?.highWatermark ?? -1,
            lastStableOffset: log?.highWatermark ?? -1,
            logStartOffset: log?.logStartOffset ?? -1,
            abortedTransactions: readCommitted ? [] : null,
            records,
          }
        }),
      })),
    })
  }

  #readAll(): Map<Wanted, { errorCode: number; records: Uint8Array | readonly Uint8Array[] }> {
    const results = new Map<Wanted, { errorCode: number; records: Uint8Array | readonly Uint8Array[] }>()
    let left = Math.min(this.#request.maxBytes, this.#options.maxBytes, this.#memoryBound())
    let empty = true
    for (const wanted of this.#wanted) {
      const { partition, offset, maxBytes } = wanted
      if (!partition || wanted.errorCode !== ErrorCode.NONE) continue
      if (partition.isDeleted) {
        results.set(wanted, { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, records: noBytes })
        continue
      }
      const { errorCode, parts, size } = partition.log.read(offset, Math.max(0, Math.min(maxBytes, left)), {
        minOneBatch: empty,
        allocate: (bytes) => this.#hold(bytes),
      })
      results.set(wanted, { errorCode, records: parts })
      left -= size
      if (size > 0) empty = false
    }
    return results
  }

  #hold(bytes: number): Uint8Array {
    const buffer = this.#options.pool.acquire(bytes)
    this.#held.push(buffer)
    return buffer
  }

  #memoryBound(): number {
    const free = maxHeldBytes - this.#options.pool.lentBytes
    return Math.max(leastAnswerBytes, Math.min(maxAnswerBytes, free / 4))
  }
}
