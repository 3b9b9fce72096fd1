import { defineStruct, type StructInputOf, type StructOf } from '../codec/struct.ts'
import { array, int16, int32, int64, int8, string } from '../codec/types.ts'

// The records of `__transaction_state` (KIP-98): one for each change of a transactional id's state. A record without a value
// forgets the id.

export const TransactionLogKey = defineStruct({
  name: 'TransactionLogKey',
  versions: [0, 0],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: { transactionalId: string() },
})

export type TransactionLogKey = StructOf<typeof TransactionLogKey>
export type TransactionLogKeyInput = StructInputOf<typeof TransactionLogKey>

/**
 * The state of a transactional id. `transactionStatus`: 0 Empty, 1 Ongoing, 2 PrepareCommit, 3 PrepareAbort, 4 CompleteCommit,
 * 5 CompleteAbort, 6 Dead, 7 PrepareEpochFence. `transactionPartitions` is null in the state Empty, and empty once all
 * markers are written; timestamps that are not known are -1. As soon as a transaction v2 is prepared, `producerEpoch` is the next
 * one.
 *
 * Kafka writes version 0 where the feature `transaction.version` is 0, otherwise 1: flexible, with what transactions v2 need to
 * recognise a repeated EndTxn (KIP-890). Version 1 is the last: newer fields are tagged (KIP-915).
 */
export const TransactionLogValue = defineStruct({
  name: 'TransactionLogValue',
  versions: [0, 1],
  flexibleFrom: 1,
  fields: {
    producerId: int64(),
    previousProducerId: int64({ versions: '1+', tag: 0, default: -1 }),
    nextProducerId: int64({ versions: '1+', tag: 1, default: -1 }),
    producerEpoch: int16(),
    nextProducerEpoch: int16({ versions: '1+', tag: 3, default: -1 }),
    transactionTimeoutMs: int32(),
    transactionStatus: int8(),
    transactionPartitions: array(
      {
        topic: string(),
        partitionIds: array(int32()),
      },
      { nullable: true },
    ),
    transactionLastUpdateTimestampMs: int64(),
    transactionStartTimestampMs: int64(),
    clientTransactionVersion: int16({ versions: '1+', tag: 2, default: 0 }),
  },
})

export type TransactionLogValue = StructOf<typeof TransactionLogValue>
export type TransactionLogValueInput = StructInputOf<typeof TransactionLogValue>
