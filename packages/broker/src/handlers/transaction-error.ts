import { ErrorCode } from '@millrace/kafka'
import type { TransactionError } from '../transactions/transaction-decision.ts'

/**
 * The error code of an answer to a producer. Versions before `fencedFrom` do not know PRODUCER_FENCED and are told
 * INVALID_PRODUCER_EPOCH (KIP-588).
 */
export function transactionErrorCode(error: TransactionError, version: number, fencedFrom: number): number {
  if (error === 'PRODUCER_FENCED' && version < fencedFrom) return ErrorCode.INVALID_PRODUCER_EPOCH
  return ErrorCode[error]
}

/**
 * The error code for a write whose partition could not be added to its transaction, or is not in it: producers take
 * INVALID_PRODUCER_EPOCH for a reason to abort, and versions that do not know TRANSACTION_ABORTABLE are told
 * INVALID_TXN_STATE (KIP-890).
 */
export function writeErrorCode(error: TransactionError, knowsAbortable: boolean): number {
  if (error === 'PRODUCER_FENCED') return ErrorCode.INVALID_PRODUCER_EPOCH
  if (error === 'TRANSACTION_ABORTABLE' && !knowsAbortable) return ErrorCode.INVALID_TXN_STATE
  return ErrorCode[error]
}
