import type { TransactionValue } from './transaction-record.ts'

/** Names of Kafka's error codes that the coordinator answers with. */
export type TransactionError =
  | 'NONE'
  | 'INVALID_REQUEST'
  | 'INVALID_TRANSACTION_TIMEOUT'
  | 'INVALID_PRODUCER_ID_MAPPING'
  | 'PRODUCER_FENCED'
  | 'CONCURRENT_TRANSACTIONS'
  | 'INVALID_TXN_STATE'
  | 'TRANSACTION_ABORTABLE'

/**
 * What follows from a request: `next` is what the transactional id becomes, undefined when it stays. With
 * `needsProducerId` nothing is decided: it has to be asked again with a producer id that nobody has had.
 */
export type Decision =
  | { readonly error: TransactionError; readonly next?: TransactionValue }
  | { readonly needsProducerId: true }

export function refuse(error: TransactionError): Decision {
  return { error }
}

export const needsProducerId: Decision = { needsProducerId: true }
