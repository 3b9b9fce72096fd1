import { noPartitions, type TopicPartitions } from './topic-partitions.ts'
import type { TransactionState } from './transaction-state.ts'

/** Stands for "no producer id" and "no epoch". */
export const noProducerId = -1
export const noProducerEpoch = -1
/** The largest epoch is kept for fencing: producers get at most the one before it. */
export const maxEpoch = 0x7fff
export const lastUsableEpoch = maxEpoch - 1

/** How a client ends its transactions: 0, the epoch stays; 2, every end is a new epoch (KIP-890). */
export type ClientTransactionVersion = 0 | 2

/** What is durable about a transactional id: the contents of a record of `__transaction_state`. */
export interface TransactionValue {
  readonly producerId: number
  /** The producer id before the last change: recognises what is asked again after the id has changed. */
  readonly previousProducerId: number
  /** The producer id that follows when the markers are written; -1 where the present one stays. */
  readonly nextProducerId: number
  readonly producerEpoch: number
  /** The epoch before the last bump, -1 when none is to be recognised. Kafka's records do not hold it. */
  readonly lastProducerEpoch: number
  /** How long a transaction may take, milliseconds. */
  readonly timeoutMs: number
  readonly state: TransactionState
  readonly partitions: TopicPartitions
  /** When the transaction began, milliseconds since the epoch; -1 when there is none. */
  readonly startTimestamp: number
  readonly lastUpdateTimestamp: number
  readonly clientVersion: ClientTransactionVersion
}

/** A value of null forgets the transactional id (a tombstone). */
export interface TransactionRecord {
  readonly transactionalId: string
  readonly value: TransactionValue | null
}

export interface ProducerIdAndEpoch {
  readonly producerId: number
  readonly producerEpoch: number
}

/** A transactional id that has just come up. */
export function newTransactionValue(producerId: number, timeoutMs: number, now: number): TransactionValue {
  return {
    producerId,
    previousProducerId: noProducerId,
    nextProducerId: noProducerId,
    producerEpoch: 0,
    lastProducerEpoch: noProducerEpoch,
    timeoutMs,
    state: 'Empty',
    partitions: noPartitions,
    startTimestamp: -1,
    lastUpdateTimestamp: now,
    clientVersion: 0,
  }
}

/** No producer may be given an epoch after this one. */
export function isExhausted(epoch: number): boolean {
  return epoch >= lastUsableEpoch
}

/** Who the producer is once the decided transaction is complete. */
export function identityAfter(value: TransactionValue): ProducerIdAndEpoch {
  return value.nextProducerId === noProducerId
    ? { producerId: value.producerId, producerEpoch: value.producerEpoch }
    : { producerId: value.nextProducerId, producerEpoch: 0 }
}
