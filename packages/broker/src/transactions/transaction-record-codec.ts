import { decodeStruct, encodeStruct, structVersion, TransactionLogKey, TransactionLogValue } from '@millrace/kafka'
import { assert } from '@millrace/std'
import type { JournalRecord } from '../journal/journal.ts'
import { noPartitions } from './topic-partitions.ts'
import { noProducerEpoch, type TransactionRecord } from './transaction-record.ts'
import { transactionStates } from './transaction-state.ts'

// The versions that Apache Kafka writes where `transaction.version` is 2.
const keyVersion = 0
const valueVersion = 1

/** A record as `__transaction_state` holds it. */
export function encodeTransactionRecord({ transactionalId, value }: TransactionRecord): JournalRecord {
  const key = encodeStruct(TransactionLogKey, keyVersion, { transactionalId })
  if (!value) return { key, value: null }
  const transactionPartitions = [...value.partitions].map(([topic, indexes]) => ({ topic, partitionIds: [...indexes] }))
  return {
    key,
    value: encodeStruct(TransactionLogValue, valueVersion, {
      producerId: value.producerId,
      previousProducerId: value.previousProducerId,
      nextProducerId: value.nextProducerId,
      producerEpoch: value.producerEpoch,
      transactionTimeoutMs: value.timeoutMs,
      transactionStatus: transactionStates.indexOf(value.state),
      transactionPartitions: value.state === 'Empty' ? null : transactionPartitions,
      transactionLastUpdateTimestampMs: value.lastUpdateTimestamp,
      transactionStartTimestampMs: value.startTimestamp,
      clientTransactionVersion: value.clientVersion,
    }),
  }
}

/** Undefined for a kind of record that is not known here. Throws ProtocolError for bytes that are not what they claim. */
export function decodeTransactionRecord({ key, value }: JournalRecord): TransactionRecord | undefined {
  if (!key || structVersion(key) !== keyVersion) return undefined
  const { transactionalId } = decodeStruct(TransactionLogKey, key).value
  if (!value) return { transactionalId, value: null }
  const decoded = decodeStruct(TransactionLogValue, value).value
  const state = transactionStates[decoded.transactionStatus]
  assert(state !== undefined, `a transaction has the unknown state ${decoded.transactionStatus}`)
  const { transactionPartitions } = decoded
  return {
    transactionalId,
    value: {
      producerId: decoded.producerId,
      previousProducerId: decoded.previousProducerId,
      nextProducerId: decoded.nextProducerId,
      producerEpoch: decoded.producerEpoch,
      lastProducerEpoch: noProducerEpoch,
      timeoutMs: decoded.transactionTimeoutMs,
      state,
      partitions: transactionPartitions
        ? new Map(transactionPartitions.map(({ topic, partitionIds }) => [topic, new Set(partitionIds)]))
        : noPartitions,
      startTimestamp: decoded.transactionStartTimestampMs,
      lastUpdateTimestamp: decoded.transactionLastUpdateTimestampMs,
      clientVersion: decoded.clientTransactionVersion >= 2 ? 2 : 0,
    },
  }
}
