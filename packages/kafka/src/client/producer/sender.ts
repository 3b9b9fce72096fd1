import type { TimerHandle } from '@millrace/std'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import {
  ClientClosedError,
  ClientTimeoutError,
  isRetriable,
  needsRefresh,
  ProduceError,
  reasonOf,
} from '../cluster/errors.ts'
import type { PartitionQueue } from './partition-queue.ts'
import { type ProduceAnswer, produce, type Sent } from './produce-exchange.ts'
import type { Numbering } from './numbering.ts'
import type { ProducerBatch } from './producer-batch.ts'
import { backoff } from '../cluster/waiting.ts'

/** The first pause while the transaction before is still being ended, which takes milliseconds. */
const PREVIOUS_TRANSACTION_MS = 20

export interface SenderOptions {
  cluster: Cluster
  acks: -1 | 0 | 1
  numbering: Numbering
  batchSize: number
  lingerMs: number
  maxRequestSize: number
  maxInFlightRequestsPerConnection: number
  retries: number
  deliveryTimeoutMs: number
  /** The batch is completed or failed: its memory is free. */
  onFinished: (batch: ProducerBatch) => void
  /** Splits a batch that the broker found too large. */
  split: (batch: ProducerBatch) => ProducerBatch[]
}

/**
 * Moves batches from the queues to the brokers: one request carries a batch of each partition that is ready and led by
 * the broker, several requests are under way at once, and what fails for a passing reason goes back into its queue.
 */
export class Sender {
  readonly #options: SenderOptions
  readonly #queues = new Set<PartitionQueue>()
  readonly #inFlight = new Map<number, number>()
  readonly #connecting = new Set<number>()
  #hurried = 0
  #woken = false
  #timer: TimerHandle | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #closed = false

  constructor(options: SenderOptions) {
    this.#options = options
  }

  /** The queue has something to send. */
  activate(queue: PartitionQueue): void {
    this.#queues.add(queue)
  }

  /** While hurried, nothing lingers: somebody waits for it to be sent. Each call is undone by {@link relax}. */
  hurry(): void {
    this.#hurried++
    this.wake()
  }

  relax(): void {
    this.#hurried--
  }

  /** Looks at the queues soon: when the code that runs now is through. */
  wake(): void {
    if (this.#woken || this.#closed) return
    this.#woken = true
    queueMicrotask(() => {
      this.#woken = false
      if (!this.#closed) this.#drain()
    })
  }

  /** Looks at the queues when the linger of a batch that was begun now is over. */
  wakeAfterLinger(): void {
    if (this.#options.lingerMs === 0 || this.#hurried > 0) this.wake()
    else this.#wakeAt(this.#now() + this.#options.lingerMs)
  }

  unfinished(): ProducerBatch[] {
    return [...this.#queues].flatMap((queue) => [...queue.onWire, ...queue.waiting])
  }

  /** Fails what is not on its way. */
  giveUp(error: Error): void {
    for (const queue of this.#queues) for (const batch of [...queue.waiting]) this.#fail(queue, batch, error)
  }

  /** Fails what is not sent and takes nothing more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancelTimer()
    for (const queue of this.#queues) {
      for (const batch of [...queue.onWire, ...queue.waiting])
        this.#fail(queue, batch, new ClientClosedError('producer'))
    }
  }

  #drain(): void {
    const now = this.#now()
    let nextAt = Number.POSITIVE_INFINITY
    const ready = new Map<number, PartitionQueue[]>()
    for (const queue of this.#queues) {
      this.#expire(queue, now)
      const head = queue.waiting[0]
      if (!head) {
        if (queue.isEmpty) this.#queues.delete(queue)
        continue
      }
      nextAt = Math.min(nextAt, head.createdAt + this.#options.deliveryTimeoutMs)
      const readyAt = this.#readyAt(queue, head)
      if (readyAt > now) {
        nextAt = Math.min(nextAt, readyAt)
        continue
      }
      if (!this.#options.numbering.prepareToSend(queue)) continue
      const leader = this.#options.cluster.metadata.partition(queue.topic, queue.partition)?.leader ?? -1
      if (leader < 0) {
        head.lastError ??= new KafkaError(ErrorCode.LEADER_NOT_AVAILABLE)
        this.#options.cluster.requestRefresh()
        continue
      }
      const queues = ready.get(leader)
      if (queues) queues.push(queue)
      else ready.set(leader, [queue])
    }
    for (const [nodeId, queues] of ready) this.#sendTo(nodeId, queues, now)
    this.#wakeAt(nextAt)
  }

  /** When the first batch may leave; the past when it may now. */
  #readyAt(queue: PartitionQueue, head: ProducerBatch): number {
    if (head.attempts > 0) return head.retryAt
    const isFull = queue.waiting.length > 1 || head.builder.sizeInBytes >= this.#options.batchSize
    return isFull || this.#hurried > 0 ? 0 : head.createdAt + this.#options.lingerMs
  }

  #sendTo(nodeId: number, queues: readonly PartitionQueue[], now: number): void {
    const connection = this.#options.cluster.liveConnection(nodeId)
    if (!connection) {
      this.#connect(nodeId, queues)
      return
    }
    let left = queues
    while (left.length > 0 && (this.#inFlight.get(nodeId) ?? 0) < this.#options.maxInFlightRequestsPerConnection) {
      const sent: Sent[] = []
      let size = 0
      for (const queue of left) {
        const batch = queue.waiting[0] as ProducerBatch
        const bytes = batch.bytes?.byteLength ?? batch.builder.sizeInBytes
        if (size > 0 && size + bytes > this.#options.maxRequestSize) continue
        size += bytes
        if (!batch.isClosed) queue.close(batch)
        queue.waiting.shift()
        queue.onWire.add(batch)
        batch.attempts++
        sent.push({ queue, batch })
        // Behind the others, so that large partitions do not always go first.
        this.#queues.delete(queue)
        this.#queues.add(queue)
      }
      this.#request(nodeId, connection, sent)
      left = left.filter((queue) => {
        const head = queue.waiting[0]
        return head !== undefined && this.#readyAt(queue, head) <= now && this.#options.numbering.prepareToSend(queue)
      })
    }
  }

  #connect(nodeId: number, queues: readonly PartitionQueue[]): void {
    if (this.#connecting.has(nodeId)) return
    this.#connecting.add(nodeId)
    this.#options.cluster
      .connection(nodeId)
      .catch((error: Error) => {
        for (const queue of queues) if (queue.waiting[0]) queue.waiting[0].lastError = error
        // The leader may have moved: wait for news, or for the time at which the broker may be called again.
        return this.#options.cluster.metadataUpdated.wait(Math.max(10, this.#options.cluster.reconnectDelay(nodeId)))
      })
      .finally(() => {
        this.#connecting.delete(nodeId)
        this.wake()
      })
  }

  #request(nodeId: number, connection: BrokerConnection, sent: readonly Sent[]): void {
    this.#inFlight.set(nodeId, (this.#inFlight.get(nodeId) ?? 0) + 1)
    this.#exchange(connection, sent)
      .catch((error: Error) => {
        for (const { queue, batch } of sent) {
          batch.isUndecided = true
          this.#retryOrFail(queue, batch, error)
        }
        if (needsRefresh(error)) this.#options.cluster.requestRefresh()
      })
      .finally(() => {
        this.#inFlight.set(nodeId, (this.#inFlight.get(nodeId) as number) - 1)
        this.wake()
      })
  }

  async #exchange(connection: BrokerConnection, sent: readonly Sent[]): Promise<void> {
    const { cluster, acks, numbering } = this.#options
    const answers = await produce(cluster, connection, sent, { acks, numbering })
    sent.forEach(({ queue, batch }, i) => {
      if (answers) this.#settle(queue, batch, answers[i])
      else this.#complete(queue, batch, -1, -1)
    })
  }

  #settle(queue: PartitionQueue, batch: ProducerBatch, answer: ProduceAnswer | undefined): void {
    const code = answer?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR
    if (answer && code === ErrorCode.NONE) this.#complete(queue, batch, answer.baseOffset, answer.logAppendTimeMs)
    else if (code === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) this.#complete(queue, batch, -1, -1)
    else {
      const reason = answer?.errorMessage ?? answer?.recordErrors[0]?.batchIndexErrorMessage
      this.#refuse(queue, batch, new KafkaError(code, undefined, reason))
      if (!answer) return
      const { leaderId, leaderEpoch } = answer.currentLeader
      this.#options.cluster.metadata.updateLeader(queue.topic, queue.partition, leaderId, leaderEpoch)
    }
  }

  /** The broker did not take the batch. */
  #refuse(queue: PartitionQueue, batch: ProducerBatch, error: KafkaError): void {
    switch (error.kafkaCode) {
      case ErrorCode.MESSAGE_TOO_LARGE:
      case ErrorCode.RECORD_LIST_TOO_LARGE:
        if (batch.recordCount === 1 || !this.#options.numbering.mayRetry) break
        queue.replace(batch, this.#options.split(batch))
        return
    }
    if (error.needsRefresh) this.#options.cluster.requestRefresh()
    this.#retryOrFail(queue, batch, error, this.#options.numbering.refused(queue, batch, error))
  }

  #retryOrFail(queue: PartitionQueue, batch: ProducerBatch, error: Error, retriable = isRetriable(error)): void {
    if (!queue.onWire.has(batch)) return
    batch.lastError = error
    const now = this.#now()
    const inTime = now < batch.createdAt + this.#options.deliveryTimeoutMs
    if (
      !retriable ||
      !this.#options.numbering.mayRetry ||
      !inTime ||
      batch.attempts > this.#options.retries ||
      this.#closed
    ) {
      this.#fail(queue, batch, error)
      return
    }
    const { system, retryBackoffMs, retryBackoffMaxMs } = this.#options.cluster.options
    const isShort = error instanceof KafkaError && error.kafkaCode === ErrorCode.CONCURRENT_TRANSACTIONS
    const pause = isShort ? Math.min(PREVIOUS_TRANSACTION_MS, retryBackoffMs) : retryBackoffMs
    batch.retryAt = now + backoff(system.random, batch.attempts, pause, retryBackoffMaxMs)
    queue.requeue(batch)
  }

  #expire(queue: PartitionQueue, now: number): void {
    for (let head = queue.waiting[0]; head; head = queue.waiting[0]) {
      if (now < head.createdAt + this.#options.deliveryTimeoutMs) return
      const last = head.lastError ? ` Last: ${reasonOf(head.lastError)}` : ''
      const reason = `not written within deliveryTimeoutMs (${this.#options.deliveryTimeoutMs} ms).${last}`
      this.#fail(queue, head, head.lastError ?? new ClientTimeoutError('KAFKA_TIMEOUT', { message: reason }), reason)
    }
  }

  #complete(queue: PartitionQueue, batch: ProducerBatch, baseOffset: number, logAppendTime: number): void {
    queue.remove(batch)
    batch.complete(baseOffset, logAppendTime)
    this.#options.onFinished(batch)
  }

  #fail(queue: PartitionQueue, batch: ProducerBatch, cause: Error, reason = cause.message): void {
    // Whether it was written or not, the broker expects its number next; only a new epoch gets past that.
    if (batch.hasSequence) queue.needsNewEpoch = true
    queue.remove(batch)
    const { topic, partition } = batch
    const { numbering } = this.#options
    numbering.failed(batch, cause)
    const isPassing = isRetriable(cause) || cause instanceof ClientTimeoutError
    const verdict = isPassing && numbering.transactionalId === null ? 'retriable' : numbering.failureVerdict
    batch.fail(new ProduceError({ topic, partition, reason, verdict, cause }))
    this.#options.onFinished(batch)
  }

  #now(): number {
    return this.#options.cluster.options.system.clock.monotonic()
  }

  #wakeAt(time: number): void {
    if (time >= this.#timerAt || this.#closed) return
    this.#cancelTimer()
    this.#timerAt = time
    this.#timer = this.#options.cluster.options.system.timers.schedule(Math.max(0, time - this.#now()), () => {
      this.#timer = undefined
      this.#timerAt = Number.POSITIVE_INFINITY
      this.wake()
    })
  }

  #cancelTimer(): void {
    if (this.#timer) this.#options.cluster.options.system.timers.cancel(this.#timer)
    this.#timer = undefined
    this.#timerAt = Number.POSITIVE_INFINITY
  }
}
