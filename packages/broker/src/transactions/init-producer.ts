import { type Decision, needsProducerId, refuse } from './transaction-decision.ts'
import { fence } from './end-transaction.ts'
import { noPartitions } from './topic-partitions.ts'
import {
  isExhausted,
  newTransactionValue,
  noProducerEpoch,
  noProducerId,
  type ProducerIdAndEpoch,
  type TransactionValue,
} from './transaction-record.ts'
import { isPrepared, step } from './transaction-state.ts'

export interface InitProducerRequest {
  readonly transactionalId: string
  readonly timeoutMs: number
  /** Who the producer has been so far: it goes on after an error and must not fence a newer one (KIP-360). */
  readonly expected: ProducerIdAndEpoch | undefined
}

/**
 * A producer starts, or goes on after an error: it gets the next epoch, which fences those before it. An open transaction
 * is aborted first, and the client told to come back.
 */
export function decideInitProducer(
  current: TransactionValue | undefined,
  { timeoutMs, expected }: InitProducerRequest,
  { now, producerId }: { now: number; producerId: number | undefined },
): Decision {
  if (!current) {
    if (producerId === undefined) return needsProducerId
    return { error: 'NONE', next: newTransactionValue(producerId, timeoutMs, now) }
  }
  if (isPrepared(current.state)) return refuse('CONCURRENT_TRANSACTIONS')
  const isRotated = expected !== undefined && isBeforeRotation(current, expected)
  if (expected && expected.producerId !== current.producerId && !isRotated) return refuse('PRODUCER_FENCED')
  if (current.state === 'Ongoing') {
    if (expected && expected.producerEpoch !== current.producerEpoch) return refuse('PRODUCER_FENCED')
    return fence(current, { now, producerId, error: 'CONCURRENT_TRANSACTIONS' })
  }
  const next: TransactionValue = {
    ...current,
    state: step(current.state, 'Empty'),
    previousProducerId: current.producerId,
    nextProducerId: noProducerId,
    timeoutMs,
    partitions: noPartitions,
    startTimestamp: -1,
    lastUpdateTimestamp: now,
  }
  // It has asked before and not heard the answer: it gets the same again.
  if (isRotated || (expected && isBeforeBump(current, expected))) {
    return { error: 'NONE', next: { ...next, previousProducerId: current.previousProducerId } }
  }
  if (expected && expected.producerEpoch !== current.producerEpoch) return refuse('PRODUCER_FENCED')
  const lastProducerEpoch = expected ? current.producerEpoch : noProducerEpoch
  if (!isExhausted(current.producerEpoch)) {
    return { error: 'NONE', next: { ...next, producerEpoch: current.producerEpoch + 1, lastProducerEpoch } }
  }
  if (producerId === undefined) return needsProducerId
  return { error: 'NONE', next: { ...next, producerId, producerEpoch: 0, lastProducerEpoch } }
}

function isBeforeBump(current: TransactionValue, { producerEpoch }: ProducerIdAndEpoch): boolean {
  return producerEpoch === current.lastProducerEpoch && producerEpoch !== current.producerEpoch
}

function isBeforeRotation(current: TransactionValue, { producerId, producerEpoch }: ProducerIdAndEpoch): boolean {
  return (
    producerId === current.previousProducerId &&
    producerId !== current.producerId &&
    isExhausted(producerEpoch) &&
    current.producerEpoch === 0
  )
}
