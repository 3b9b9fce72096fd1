import { DescribeProducers, DescribeTransactions, ListTransactions, WriteTxnMarkers } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { TopicPartition } from '../group/assignors/assignor.ts'
import { groupByTopic } from '../group/group-coordinator.ts'
import { checkPrepared, type PreparedTransaction } from '../transactions/prepared-transaction.ts'
import { endPrepared } from '../transactions/resumed-transaction.ts'
import { TransactionRequests } from '../transactions/transaction-requests.ts'
import { throwError } from './admin-context.ts'
import type {
  AdminCallOptions,
  HangingTransaction,
  ProducerState,
  TransactionDescription,
  TransactionFilter,
  TransactionListing,
} from './admin-types.ts'
import { GroupAdmin } from './group-admin.ts'

/** For a producer that is only fenced: nobody will use the transaction timeout. */
const FENCING_TIMEOUT_MS = 60_000

/** Transactions and producers. */
export class TransactionAdmin extends GroupAdmin {
  /**
   * The transactions of all coordinators.
   *
   * @example
   * await admin.listTransactions({ states: ['Ongoing'], runningLongerThanMs: 600_000 })
   */
  async listTransactions(options: AdminCallOptions & TransactionFilter = {}): Promise<TransactionListing[]> {
    const { states = [], producerIds = [], runningLongerThanMs, transactionalIdPattern } = options
    const what = 'Listing transactions'
    const request = {
      stateFilters: states,
      producerIdFilters: producerIds,
      ...(runningLongerThanMs === undefined ? {} : { durationFilter: runningLongerThanMs }),
      ...(transactionalIdPattern === undefined ? {} : { transactionalIdPattern }),
    }
    const lists = await this.context.retry(what, options, () =>
      this.context.toBrokers(undefined, ListTransactions, request, (response) => {
        throwError(what, response)
        const [unknown] = response.unknownStateFilters
        if (unknown === undefined) return response.transactionStates
        throw new KafkaError(ErrorCode.INVALID_REQUEST, what, `the broker knows no state '${unknown}'`)
      }),
    )
    return lists
      .flat()
      .map(({ transactionalId, producerId, transactionState: state }) => ({ transactionalId, producerId, state }))
      .sort((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1))
  }

  /** @throws {KafkaError} TRANSACTIONAL_ID_NOT_FOUND */
  async describeTransactions(
    transactionalIds: readonly string[],
    options: AdminCallOptions = {},
  ): Promise<TransactionDescription[]> {
    const descriptions: TransactionDescription[] = []
    for (const transactionalId of transactionalIds) {
      const what = `Describing transaction ${transactionalId}`
      const description = await this.context.retry(what, options, async () => {
        const coordinatorId = await this.context.cluster.findCoordinator('transaction', transactionalId)
        const answer = await this.context.cluster.send(coordinatorId, DescribeTransactions, {
          transactionalIds: [transactionalId],
        })
        const [found] = answer.transactionStates
        throwError(what, found ?? { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR })
        return { coordinatorId, found: found as NonNullable<typeof found> }
      })
      const { coordinatorId, found } = description
      descriptions.push({
        transactionalId,
        coordinatorId,
        producerId: found.producerId,
        producerEpoch: found.producerEpoch,
        state: found.transactionState,
        timeoutMs: found.transactionTimeoutMs,
        startedAt: found.transactionStartTimeMs < 0 ? undefined : found.transactionStartTimeMs,
        partitions: found.topics.flatMap(({ topic, partitions }) =>
          partitions.map((partition) => ({ topic, partition })),
        ),
      })
    }
    return descriptions
  }

  /** The producers that these partitions remember (KIP-664). */
  async describeProducers(
    partitions: readonly TopicPartition[],
    options: AdminCallOptions = {},
  ): Promise<ProducerState[]> {
    const what = 'Describing producers'
    await this.context.requireTopics(partitions, options)
    return this.context.retry(what, options, async () => {
      const byLeader = await this.context.byLeader(what, partitions, options)
      const answers = await Promise.all(
        [...byLeader].map(([leader, ofLeader]) =>
          this.context.cluster.send(leader, DescribeProducers, {
            topics: groupByTopic(ofLeader).map(([name, ofTopic]) => ({
              name,
              partitionIndexes: ofTopic.map(({ partition }) => partition),
            })),
          }),
        ),
      )
      return answers.flatMap(({ topics }) =>
        topics.flatMap(({ name: topic, partitions: found }) =>
          found.flatMap((result) => {
            const { partitionIndex: partition } = result
            throwError(`${what} of ${topic}-${partition}`, result)
            return result.activeProducers.map(({ currentTxnStartOffset, ...producer }) => {
              const start = currentTxnStartOffset < 0 ? undefined : currentTxnStartOffset
              return { topic, partition, ...producer, currentTransactionStartOffset: start }
            })
          }),
        ),
      )
    })
  }

  /**
   * Open transactions of these partitions that no coordinator knows of (any more): they would hold back `read_committed`
   * consumers for ever. Only those that have been open for at least `openForMs`, 15 min by default: a coordinator may know
   * of a younger one in a moment.
   *
   * @example
   * for (const hanging of await admin.findHangingTransactions([{ topic: 'out', partition: 0 }])) await admin.abortTransaction(hanging)
   */
  async findHangingTransactions(
    partitions: readonly TopicPartition[],
    options: AdminCallOptions & { openForMs?: number } = {},
  ): Promise<HangingTransaction[]> {
    const { openForMs = 900_000 } = options
    const latest = this.context.cluster.options.system.clock.now() - openForMs
    const producers = await this.describeProducers(partitions, options)
    const open = producers.filter(
      (producer) => producer.currentTransactionStartOffset !== undefined && producer.lastTimestamp <= latest,
    )
    if (open.length === 0) return []
    const producerIds = [...new Set(open.map(({ producerId }) => producerId))]
    const known = await this.listTransactions({ ...options, producerIds })
    const ids = known.map(({ transactionalId }) => transactionalId)
    const coordinated = await this.describeTransactions(ids, options)
    const isCoordinated = ({ topic, partition, producerId }: ProducerState) =>
      coordinated.some(
        (transaction) =>
          transaction.producerId === producerId &&
          transaction.partitions.some((p) => p.topic === topic && p.partition === partition),
      )
    return open
      .filter((producer) => !isCoordinated(producer))
      .map(({ topic, partition, producerId, producerEpoch, coordinatorEpoch }) => {
        return { topic, partition, producerId, producerEpoch, coordinatorEpoch }
      })
  }

  /** Writes an abort marker on one partition, past the coordinator: for a transaction that hangs there (KIP-664). */
  async abortTransaction(transaction: HangingTransaction, options: AdminCallOptions = {}): Promise<void> {
    const { topic, partition, producerId, producerEpoch, coordinatorEpoch } = transaction
    const what = `Aborting the transaction of producer ${producerId} on ${topic}-${partition}`
    await this.context.requireTopics([transaction], options)
    await this.context.retry(what, options, async () => {
      const [[leader]] = [...(await this.context.byLeader(what, [transaction], options))] as [[number, unknown]]
      const topics = [{ name: topic, partitionIndexes: [partition] }]
      const response = await this.context.cluster.send(leader, WriteTxnMarkers, {
        markers: [
          {
            producerId,
            producerEpoch,
            transactionResult: false,
            topics,
            // A producer that never ended a transaction here: any epoch is newer.
            coordinatorEpoch: Math.max(0, coordinatorEpoch),
          },
        ],
      })
      throwError(what, response.markers[0]?.topics[0]?.partitions[0])
    })
  }

  /** Fences the producers that use these transactional ids, and aborts what they have open (KIP-588). */
  async fenceProducers(transactionalIds: readonly string[], options: AdminCallOptions = {}): Promise<void> {
    await this.context.forEach(transactionalIds, (transactionalId) =>
      new TransactionRequests(this.context.cluster, transactionalId).initialize(
        FENCING_TIMEOUT_MS,
        undefined,
        this.context.callOptions(options),
      ),
    )
  }

  /**
   * Ends a transaction that was prepared with {@link KafkaProducer.prepareTransaction}, by whomever and wherever; may be
   * repeated.
   *
   * @throws {TransactionError} when it was ended the other way, or timed out
   */
  async endPreparedTransaction(
    prepared: PreparedTransaction,
    decision: 'commit' | 'abort',
    options: AdminCallOptions = {},
  ): Promise<void> {
    await endPrepared(this.context.cluster, checkPrepared(prepared), decision, this.context.callOptions(options))
  }
}
