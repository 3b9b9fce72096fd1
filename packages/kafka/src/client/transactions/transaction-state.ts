import { assert } from '@millrace/std'

/**
 * The states of a transactional producer and where each may go, as those of Kafka's own clients (TransactionManager).
 *
 * - `uninitialized`, `initializing`: until the coordinator has given the id and ended what an earlier producer left open
 * - `ready`: between transactions
 * - `open`: records and offsets may be added
 * - `preparing`: what was added is being written, nothing more may be added
 * - `prepared`: all is written and the decision is somebody else's; nothing may be added
 * - `committing`, `aborting`: until the coordinator has confirmed; after a timeout the same call may be made again
 * - `failed`: something could not be written, so that only aborting is left
 * - `fatal`: fenced by a newer producer, or not allowed: a new producer is needed
 */
export const TRANSACTION_STATES = {
  uninitialized: ['initializing'],
  initializing: ['ready', 'uninitialized', 'fatal'],
  ready: ['open', 'fatal'],
  open: ['preparing', 'committing', 'aborting', 'failed', 'fatal'],
  preparing: ['prepared', 'ready', 'aborting', 'failed', 'fatal'],
  prepared: ['committing', 'aborting'],
  committing: ['ready', 'failed', 'fatal'],
  failed: ['aborting', 'fatal'],
  aborting: ['ready', 'fatal'],
  fatal: [],
} as const satisfies Record<string, readonly string[]>

export type TransactionState = keyof typeof TRANSACTION_STATES

/** `to`, which must be reachable from `from` in one step. */
export function nextState(from: TransactionState, to: TransactionState): TransactionState {
  const edges: readonly TransactionState[] = TRANSACTION_STATES[from]
  assert(edges.includes(to), `a transaction that is ${from} cannot become ${to}`)
  return to
}
