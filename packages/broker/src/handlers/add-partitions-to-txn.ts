/**
 * AddPartitionsToTxn (24): makes partitions part of a producer's transaction, before it writes to them (transactions v1).
 *
 * Clients ask with versions up to 3; brokers with 4 and 5 for many transactions at once, and with `verifyOnly` only whether
 * the partitions are in the transaction (KIP-890). When one partition is unknown none is added.
 */
import { AddPartitionsToTxn, ErrorCode } from '@millrace/kafka'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import type { TopicPartition } from '../transactions/topic-partitions.ts'
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'
import { transactionErrorCode } from './transaction-error.ts'

const batchedFrom = 4
const fencedFrom = 2

interface Transaction {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly verifyOnly: boolean
  readonly topics: readonly { readonly name: string; readonly partitions: readonly number[] }[]
}

export function registerAddPartitionsToTxn(
  registry: HandlerRegistry,
  transactions: TransactionCoordinator,
  topics: TopicCatalog,
): void {
  async function errorsOf(transaction: Transaction, version: number): Promise<readonly number[]> {
    const { transactionalId, producerId, producerEpoch, verifyOnly } = transaction
    const partitions = partitionsOf(transaction)
    const isKnown = partitions.map(({ topic, partition }) => topics.partition(topic, partition) !== undefined)
    if (isKnown.includes(false)) {
      return isKnown.map((known) => (known ? ErrorCode.OPERATION_NOT_ATTEMPTED : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))
    }
    const request = { transactionalId, producerId, producerEpoch, partitions }
    if (verifyOnly) {
      const errors = await coordinate(transactions.verifyPartitions(request))
      return errors.map((error) => transactionErrorCode(error, version, fencedFrom))
    }
    const clientVersion = version >= batchedFrom ? 2 : 0
    const error = await coordinate(transactions.addPartitions({ ...request, clientVersion }))
    return partitions.map(() => transactionErrorCode(error, version, fencedFrom))
  }

  registry.registerSimple({
    api: AddPartitionsToTxn,
    versions: [0, 5],
    async handle(request, { version }) {
      const all: readonly Transaction[] =
        version >= batchedFrom
          ? request.transactions
          : [
              {
                transactionalId: request.v3AndBelowTransactionalId,
                producerId: request.v3AndBelowProducerId,
                producerEpoch: request.v3AndBelowProducerEpoch,
                verifyOnly: false,
                topics: request.v3AndBelowTopics,
              },
            ]
      const results = await Promise.all(
        all.map(async (transaction) => ({
          transactionalId: transaction.transactionalId,
          topicResults: resultsOf(transaction.topics, await errorsOf(transaction, version)),
        })),
      )
      if (version >= batchedFrom) return { errorCode: ErrorCode.NONE, resultsByTransaction: results }
      return { resultsByTopicV3AndBelow: results[0]?.topicResults ?? [] }
    },
    errorResponse: (request, errorCode, version) => {
      if (version >= batchedFrom) return { errorCode, resultsByTransaction: [] }
      const { v3AndBelowTopics } = request
      const errors = v3AndBelowTopics.flatMap(({ partitions }) => partitions.map(() => errorCode))
      return { resultsByTopicV3AndBelow: resultsOf(v3AndBelowTopics, errors) }
    },
  })
}

function partitionsOf({ topics }: Transaction): TopicPartition[] {
  return topics.flatMap(({ name, partitions }) => partitions.map((partition) => ({ topic: name, partition })))
}

/** `errors`: one for each partition, in the order of the request. */
function resultsOf(topics: Transaction['topics'], errors: readonly number[]) {
  let next = 0
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: errors[next++] ?? ErrorCode.NONE,
    })),
  }))
}
