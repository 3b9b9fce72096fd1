import { type Decision, needsProducerId, refuse, type TransactionError } from './transaction-decision.ts'
import { noPartitions } from './topic-partitions.ts'
import {
  type ClientTransactionVersion,
  identityAfter,
  isExhausted,
  lastUsableEpoch,
  maxEpoch,
  noProducerId,
  type ProducerIdAndEpoch,
  type TransactionValue,
} from './transaction-record.ts'
import { isPrepared, step, type TransactionState } from './transaction-state.ts'

export interface EndTransactionRequest extends ProducerIdAndEpoch {
  readonly transactionalId: string
  readonly commit: boolean
  readonly clientVersion: ClientTransactionVersion
}

export interface DecisionContext {
  readonly now: number
  /** An id that nobody has had, where one was asked for. */
  readonly producerId: number | undefined
}

/** A producer ends its transaction, or asks again whether it has ended. */
export function decideEndTransaction(
  current: TransactionValue | undefined,
  request: EndTransactionRequest,
  context: DecisionContext,
): Decision {
  if (!current) return refuse('INVALID_PRODUCER_ID_MAPPING')
  return request.clientVersion === 2 ? endV2(current, request, context) : endV1(current, request, context)
}

/** The epoch stays: only the state tells whether a request comes for the second time. */
function endV1(current: TransactionValue, request: EndTransactionRequest, context: DecisionContext): Decision {
  if (current.producerId !== request.producerId) return refuse('INVALID_PRODUCER_ID_MAPPING')
  if (current.producerEpoch !== request.producerEpoch) return refuse('PRODUCER_FENCED')
  if (isPrepared(current.state)) return refuse('CONCURRENT_TRANSACTIONS')
  if (current.state === 'Ongoing') return prepare(current, request, context)
  return refuse(current.state === completeState(request.commit) ? 'NONE' : 'INVALID_TXN_STATE')
}

/**
 * Every end of a transaction is a new epoch (KIP-890): a request with the epoch before it asks again, and one that was
 * delayed does not touch the transaction after it (KAFKA-17754).
 */
function endV2(current: TransactionValue, request: EndTransactionRequest, context: DecisionContext): Decision {
  const { commit, producerEpoch, producerId } = request
  const isRetryOfRotation =
    current.previousProducerId === producerId && producerEpoch === lastUsableEpoch && current.producerEpoch === 0
  if (isPrepared(current.state)) {
    const isKnown = current.producerId === producerId || identityAfter(current).producerId === producerId
    return refuse(isKnown ? 'CONCURRENT_TRANSACTIONS' : 'INVALID_PRODUCER_ID_MAPPING')
  }
  if (current.producerId !== producerId && !isRetryOfRotation) return refuse('INVALID_PRODUCER_ID_MAPPING')
  const isRetry = isRetryOfRotation || current.producerEpoch === producerEpoch + 1
  if (current.state !== 'CompleteCommit' && current.state !== 'CompleteAbort') {
    if (current.producerEpoch !== producerEpoch) return refuse('PRODUCER_FENCED')
    // The client may not know that nothing was added: it may abort, to get the next epoch, but has nothing to commit.
    return current.state === 'Ongoing' || !commit ? prepare(current, request, context) : refuse('INVALID_TXN_STATE')
  }
  if (isRetry) {
    if (current.state === completeState(commit)) return refuse('NONE')
    // A client that asks again asks for the same: this one lost its transaction to the timeout (KAFKA-20785).
    return refuse(commit ? 'PRODUCER_FENCED' : 'INVALID_TXN_STATE')
  }
  if (current.producerEpoch !== producerEpoch) return refuse('PRODUCER_FENCED')
  return commit ? refuse('INVALID_TXN_STATE') : prepare(current, request, context)
}

/** The coordinator aborts an open transaction by itself, and fences the producer. `error`: what is answered. */
export function fence(
  current: TransactionValue,
  context: DecisionContext & { readonly error: TransactionError },
): Decision {
  // The bump of v2 is the one that fences: there is no second one (KAFKA-19367).
  const decision = prepare(
    { ...current, state: step(current.state, 'PrepareEpochFence') },
    { commit: false, clientVersion: 2 },
    context,
  )
  return 'error' in decision ? { ...decision, error: context.error } : decision
}

/** All partitions have their marker. */
export function complete(current: TransactionValue, now: number): TransactionValue {
  return {
    ...current,
    ...identityAfter(current),
    state:
      current.state === 'PrepareCommit' ? step(current.state, 'CompleteCommit') : step(current.state, 'CompleteAbort'),
    previousProducerId: current.producerId,
    nextProducerId: noProducerId,
    partitions: noPartitions,
    lastUpdateTimestamp: now,
  }
}

/** The transaction is decided; from here on it can only be completed. */
function prepare(
  current: TransactionValue,
  { commit, clientVersion }: Pick<EndTransactionRequest, 'commit' | 'clientVersion'>,
  { now, producerId }: DecisionContext,
): Decision {
  const bumps = clientVersion === 2
  const rotates = bumps && isExhausted(current.producerEpoch)
  if (rotates && producerId === undefined) return needsProducerId
  return {
    error: 'NONE',
    next: {
      ...current,
      state: commit ? step(current.state, 'PrepareCommit') : step(current.state, 'PrepareAbort'),
      previousProducerId: current.producerId,
      nextProducerId: rotates ? (producerId as number) : noProducerId,
      producerEpoch: bumps ? Math.min(current.producerEpoch + 1, maxEpoch) : current.producerEpoch,
      lastProducerEpoch: bumps ? current.producerEpoch : current.lastProducerEpoch,
      startTimestamp: hasBegun(current.state) ? current.startTimestamp : now,
      lastUpdateTimestamp: now,
      clientVersion,
    },
  }
}

function hasBegun(state: TransactionState): boolean {
  return state === 'Ongoing' || state === 'PrepareEpochFence'
}

function completeState(commit: boolean): 'CompleteCommit' | 'CompleteAbort' {
  return commit ? 'CompleteCommit' : 'CompleteAbort'
}
