/**
 * DescribeTransactions (65): the state of transactional ids, and the partitions of their transactions (KIP-664).
 */
import { DescribeTransactions, ErrorCode } from '@millrace/kafka'
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts'
import type { TransactionValue } from '../transactions/transaction-record.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerDescribeTransactions(registry: HandlerRegistry, transactions: TransactionCoordinator): void {
  registry.registerSimple({
    api: DescribeTransactions,
    versions: [0, 0],
    async handle({ transactionalIds }) {
      const answers = transactionalIds.map(async (transactionalId) => {
        if (transactionalId === '') return failed(transactionalId, ErrorCode.INVALID_REQUEST)
        const value = await coordinate(transactions.describe(transactionalId))
        return value ? described(transactionalId, value) : failed(transactionalId, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND)
      })
      return { transactionStates: await Promise.all(answers) }
    },
    errorResponse: ({ transactionalIds }, errorCode) => ({
      transactionStates: transactionalIds.map((transactionalId) => failed(transactionalId, errorCode)),
    }),
  })
}

function described(transactionalId: string, value: TransactionValue) {
  return {
    transactionalId,
    transactionState: value.state,
    transactionTimeoutMs: value.timeoutMs,
    transactionStartTimeMs: value.startTimestamp,
    producerId: value.producerId,
    producerEpoch: value.producerEpoch,
    topics: [...value.partitions].map(([topic, partitions]) => ({ topic, partitions: [...partitions] })),
  }
}

function failed(transactionalId: string, errorCode: number) {
  return {
    errorCode,
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0,
    producerId: 0,
    producerEpoch: 0,
    topics: [],
  }
}
