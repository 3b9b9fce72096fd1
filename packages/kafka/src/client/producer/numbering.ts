import { InitProducerId } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { isRetriable } from '../cluster/errors.ts'
import { retry } from '../cluster/waiting.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { ProducerBatch, ProducerIdentity } from './producer-batch.ts'

/**
 * Under which producer id, epoch and sequence numbers batches leave, when they may, and what a refusal means: what differs
 * between plain, idempotent and transactional producers.
 */
export interface Numbering {
  readonly transactionalId: string | null
  /** The last version of Produce that may be used. */
  readonly maxProduceVersion: number | undefined
  /** Whether what failed may be sent again. */
  readonly mayRetry: boolean
  /**
   * True when the queue's first batch may leave; numbers what has to be numbered. When something is missing, it is fetched
   * and the sender woken then.
   */
  prepareToSend(queue: PartitionQueue): boolean
  /** The broker did not take the batch. True when it may when it is sent again. */
  refused(queue: PartitionQueue, batch: ProducerBatch, error: KafkaError): boolean
  /** The batch is given up. */
  failed(batch: ProducerBatch, cause: Error): void
  /** What the failure of a batch means that is not worth a retry. */
  readonly failureVerdict: 'abortable' | 'final'
}

/** Batches without numbers. */
export const plainNumbering: Numbering = {
  transactionalId: null,
  maxProduceVersion: undefined,
  mayRetry: true,
  failureVerdict: 'final',
  prepareToSend: (queue) => queue.mayLeave,
  refused: (_queue, _batch, error) => isRetriable(error),
  failed: () => {},
}

const MAX_PRODUCER_EPOCH = 0x7fff

/** An idempotent producer: any broker gives it an id, and it raises the epoch itself where numbers have a gap. */
export class IdempotentNumbering implements Numbering {
  readonly transactionalId = null
  readonly maxProduceVersion = undefined
  readonly mayRetry = true
  readonly failureVerdict = 'final'
  readonly #cluster: Cluster
  readonly #timeoutMs: number
  readonly #wake: () => void
  readonly #giveUp: (error: Error) => void
  #identity: ProducerIdentity | undefined
  #identifying = false

  constructor(options: {
    cluster: Cluster
    timeoutMs: number
    wake: () => void
    /** There is no producer id to be had. */
    giveUp: (error: Error) => void
  }) {
    this.#cluster = options.cluster
    this.#timeoutMs = options.timeoutMs
    this.#wake = options.wake
    this.#giveUp = options.giveUp
  }

  prepareToSend(queue: PartitionQueue): boolean {
    if (!this.#identity) {
      this.#identify()
      return false
    }
    if (queue.needsNewEpoch && queue.onWire.size === 0 && !queue.hasUndecided) {
      const { producerId, producerEpoch } = this.#identity
      if (producerEpoch >= MAX_PRODUCER_EPOCH) {
        this.#identity = undefined
        this.#identify()
        return false
      }
      this.#identity = { producerId, producerEpoch: producerEpoch + 1 }
      queue.startEpoch(this.#identity)
    }
    queue.identity ??= this.#identity
    return queue.needsNewEpoch ? queue.mayDecide : queue.mayLeave
  }

  refused(queue: PartitionQueue, batch: ProducerBatch, error: KafkaError): boolean {
    switch (error.kafkaCode) {
      case ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
        // Not the first one that is missing: an earlier batch failed and will be sent again, then this one fits.
        if (batch.hasSequence && queue.isNextExpected(batch)) queue.decideUnwritten()
        return batch.hasSequence
      case ErrorCode.UNKNOWN_PRODUCER_ID:
      case ErrorCode.INVALID_PRODUCER_EPOCH:
        queue.decideUnwritten()
        return batch.hasSequence
      default:
        return isRetriable(error)
    }
  }

  failed(): void {}

  #identify(): void {
    if (this.#identifying) return
    this.#identifying = true
    const request = { transactionalId: null, transactionTimeoutMs: 0x7fff_ffff }
    const what = 'Getting a producer id'
    retry({ ...this.#cluster.retryOptions(what), timeoutMs: this.#timeoutMs }, async () => {
      const response = await this.#cluster.sendToAny(InitProducerId, request)
      if (response.errorCode !== ErrorCode.NONE) throw new KafkaError(response.errorCode, what)
      this.#identity = { producerId: response.producerId, producerEpoch: response.producerEpoch }
    })
      .catch(this.#giveUp)
      .finally(() => {
        this.#identifying = false
        this.#wake()
      })
  }
}
