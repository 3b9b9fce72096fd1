import { assert } from '@millrace/std'

/**
 * The states of a transactional id and where they lead (KIP-98, KIP-890). The records of `__transaction_state` hold all but
 * two: PrepareEpochFence is passed through when the coordinator itself aborts, and Dead is the record without a value.
 *
 * An abort leads from Empty and the Complete states too: with transactions v2 a producer may not know whether any of its
 * partitions was added.
 */
export const transactionEdges = {
  Empty: ['Empty', 'Ongoing', 'PrepareAbort', 'Dead'],
  Ongoing: ['Ongoing', 'PrepareCommit', 'PrepareAbort', 'PrepareEpochFence'],
  PrepareCommit: ['CompleteCommit'],
  PrepareAbort: ['CompleteAbort'],
  CompleteCommit: ['Empty', 'Ongoing', 'PrepareAbort', 'Dead'],
  CompleteAbort: ['Empty', 'Ongoing', 'PrepareAbort', 'Dead'],
  Dead: [],
  PrepareEpochFence: ['PrepareAbort'],
} as const satisfies Record<string, readonly string[]>

export type TransactionState = keyof typeof transactionEdges

/** By their numbers in Kafka's records. */
export const transactionStates = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
] as const satisfies readonly TransactionState[]

/** A step along the edges; answers where it leads. */
export function step<Next extends TransactionState>(from: TransactionState, to: Next): Next {
  const next: readonly TransactionState[] = transactionEdges[from]
  assert(next.includes(to), `a transaction went from ${from} to ${to}`)
  return to
}

/** The decision is made, and the markers that tell the partitions are on their way. */
export function isPrepared(state: TransactionState): state is 'PrepareCommit' | 'PrepareAbort' {
  return state === 'PrepareCommit' || state === 'PrepareAbort'
}

/** Nothing is going on: the transactional id may be forgotten when it is not used. */
export function isIdle(state: TransactionState): state is 'Empty' | 'CompleteCommit' | 'CompleteAbort' {
  return state === 'Empty' || state === 'CompleteCommit' || state === 'CompleteAbort'
}
