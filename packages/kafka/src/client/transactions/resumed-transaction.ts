import { Cluster } from '../cluster/cluster.ts'
import type { ResolvedClientOptions } from '../cluster/options.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { PreparedTransaction } from './prepared-transaction.ts'
import { fatalError, judge, TransactionError } from './transaction-errors.ts'
import { TransactionRequests } from './transaction-requests.ts'

/**
 * Ends a transaction that another producer prepared, perhaps in a process that is gone. Does not fence anybody, and may be
 * repeated: the coordinator remembers how the transaction was ended.
 *
 * @throws {TransactionError} KAFKA_TRANSACTION_ENDED_OTHERWISE when it was decided the other way, KAFKA_PRODUCER_FENCED when
 *   it timed out (`transactionTimeoutMs`) or a newer producer with the id ended it: its records were then aborted
 * @throws {ClientTimeoutError} nothing is known: call it again
 */
export async function endPrepared(
  cluster: Cluster,
  prepared: PreparedTransaction,
  decision: 'commit' | 'abort',
  options: { timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<void> {
  const { transactionalId, transactionVersion } = prepared
  const { producerId, producerEpoch } = prepared
  try {
    const requests = new TransactionRequests(cluster, transactionalId)
    await requests.end({ producerId, producerEpoch }, decision, transactionVersion, options)
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    if (error.kafkaCode === ErrorCode.INVALID_TXN_STATE) {
      const wanted = decision === 'commit' ? 'committed' : 'aborted'
      throw new TransactionError(
        'KAFKA_TRANSACTION_ENDED_OTHERWISE',
        {
          message: `The transaction of ${transactionalId} cannot be ${wanted}: it was ended the other way.`,
          fix: 'Nothing is to be done about it: somebody else has decided. Find out who uses the transactional id, too.',
          cause: error,
        },
        'fatal',
      )
    }
    throw judge(error, 'coordinator') === 'retry' ? error : fatalError(transactionalId, error)
  }
}

/** A prepared transaction in the hands of whoever decides about it; see {@link KafkaProducer.resumeTransaction}. */
export class ResumedTransaction {
  readonly prepared: PreparedTransaction
  readonly #cluster: Cluster
  readonly #timeoutMs: number

  constructor(options: ResolvedClientOptions & { maxBlockMs: number }, prepared: PreparedTransaction) {
    this.prepared = prepared
    this.#cluster = new Cluster(options, { allowAutoTopicCreation: false })
    this.#timeoutMs = options.maxBlockMs
  }

  /** See {@link endPrepared} for what it throws. */
  async commit(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<void> {
    await endPrepared(this.#cluster, this.prepared, 'commit', { timeoutMs: this.#timeoutMs, ...options })
  }

  async abort(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<void> {
    await endPrepared(this.#cluster, this.prepared, 'abort', { timeoutMs: this.#timeoutMs, ...options })
  }

  async close(): Promise<void> {
    this.#cluster.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
