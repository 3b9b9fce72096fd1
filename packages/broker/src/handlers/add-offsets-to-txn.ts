/**
 * AddOffsetsToTxn (25): makes the partition of `__consumer_offsets` that a group belongs to part of a producer's
 * transaction, before TxnOffsetCommit (transactions v1).
 */
import { AddOffsetsToTxn } from '@millrace/kafka'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import { offsetsTopicName } from '../metadata/topic-name.ts'
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'
import { transactionErrorCode } from './transaction-error.ts'

const fencedFrom = 2

export function registerAddOffsetsToTxn(
  registry: HandlerRegistry,
  transactions: TransactionCoordinator,
  groups: GroupCoordinator,
): void {
  registry.registerSimple({
    api: AddOffsetsToTxn,
    versions: [0, 4],
    async handle({ groupId, ...producer }, { version }) {
      const partition = await coordinate(groups.partitionOf(groupId))
      const partitions = [{ topic: offsetsTopicName, partition }]
      const error = await coordinate(transactions.addPartitions({ ...producer, partitions, clientVersion: 0 }))
      return { errorCode: transactionErrorCode(error, version, fencedFrom) }
    },
    errorResponse: (_request, errorCode) => ({ errorCode }),
  })
}
