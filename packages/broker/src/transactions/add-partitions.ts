import { type Decision, refuse, type TransactionError } from './transaction-decision.ts'
import { hasPartition, type TopicPartition, withPartitions } from './topic-partitions.ts'
import type { ClientTransactionVersion, ProducerIdAndEpoch, TransactionValue } from './transaction-record.ts'
import { noProducerId } from './transaction-record.ts'
import { isPrepared, step } from './transaction-state.ts'

export interface PartitionsRequest extends ProducerIdAndEpoch {
  readonly transactionalId: string
  readonly partitions: readonly TopicPartition[]
}

export interface AddPartitionsRequest extends PartitionsRequest {
  readonly clientVersion: ClientTransactionVersion
}

/** Partitions become part of the transaction, which begins with the first. */
export function decideAddPartitions(
  current: TransactionValue | undefined,
  { partitions, clientVersion, ...producer }: AddPartitionsRequest,
  { now }: { now: number },
): Decision {
  if (!current) return refuse('INVALID_PRODUCER_ID_MAPPING')
  // Before anything else: the producer may have the identity already that it has once the transaction is complete.
  if (isPrepared(current.state)) return refuse('CONCURRENT_TRANSACTIONS')
  const error = checkProducer(current, producer)
  if (error !== 'NONE') return refuse(error)
  const isOngoing = current.state === 'Ongoing'
  if (isOngoing && partitions.every((each) => hasPartition(current.partitions, each))) return refuse('NONE')
  return {
    error: 'NONE',
    next: {
      ...current,
      state: step(current.state, 'Ongoing'),
      previousProducerId: current.producerId,
      nextProducerId: noProducerId,
      partitions: withPartitions(current.partitions, partitions),
      startTimestamp: isOngoing ? current.startTimestamp : now,
      lastUpdateTimestamp: now,
      clientVersion,
    },
  }
}

/** Whether the partitions are part of the producer's transaction: one error for each (KIP-890). */
export function verifyPartitions(
  current: TransactionValue | undefined,
  { partitions, ...producer }: PartitionsRequest,
): readonly TransactionError[] {
  const error = !current ? 'INVALID_PRODUCER_ID_MAPPING' : checkProducer(current, producer)
  if (!current || error !== 'NONE') return partitions.map(() => error)
  if (isPrepared(current.state)) return partitions.map(() => 'CONCURRENT_TRANSACTIONS')
  return partitions.map((each) => (hasPartition(current.partitions, each) ? 'NONE' : 'TRANSACTION_ABORTABLE'))
}

function checkProducer(
  current: TransactionValue,
  { producerId, producerEpoch }: ProducerIdAndEpoch,
): 'NONE' | 'INVALID_PRODUCER_ID_MAPPING' | 'PRODUCER_FENCED' {
  if (current.producerId !== producerId) return 'INVALID_PRODUCER_ID_MAPPING'
  return current.producerEpoch === producerEpoch ? 'NONE' : 'PRODUCER_FENCED'
}
