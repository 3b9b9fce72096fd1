import { MillraceError } from '@millrace/std'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import { isRetriable, reasonOf, type Verdict } from '../cluster/errors.ts'
import type { TransactionState } from './transaction-state.ts'

/** A transaction that cannot go on: `abortable` says that an abort is enough, `fatal` that a new producer is needed. */
export class TransactionError extends MillraceError implements Verdict {
  override name = 'TransactionError'
  readonly retriable = false
  readonly abortable: boolean
  readonly fatal: boolean

  constructor(
    code: string,
    details: { message: string; fix?: string; cause?: unknown },
    verdict: 'abortable' | 'fatal' | 'misuse',
  ) {
    super(code, details)
    this.abortable = verdict === 'abortable'
    this.fatal = verdict === 'fatal'
  }
}

/** What an error means for the transaction that met it (KIP-1050, and the handlers of Kafka's TransactionManager). */
export type TransactionVerdict =
  | 'retry'
  | 'abortable'
  /** Abortable, and what follows needs a higher epoch: the broker lost, or never had, what the next numbers build on. */
  | 'abortableWithNewEpoch'
  | 'fatal'

const FATAL: ReadonlySet<number> = new Set([
  ErrorCode.PRODUCER_FENCED,
  ErrorCode.INVALID_TXN_STATE,
  ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  ErrorCode.UNSUPPORTED_VERSION,
  ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT,
  ErrorCode.INVALID_TRANSACTION_TIMEOUT,
])
const NEEDS_NEW_EPOCH: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_PRODUCER_ID,
  ErrorCode.INVALID_PRODUCER_ID_MAPPING,
  ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
])

/**
 * `source` matters for two codes. From a partition's leader, INVALID_PRODUCER_EPOCH may only mean that it has seen more
 * than this producer (then the coordinator says whether it is fenced), and INVALID_TXN_STATE that the partition is not in the
 * transaction (brokers before KIP-890 say it so). From the coordinator both are final.
 */
export function judge(error: unknown, source: 'leader' | 'coordinator'): TransactionVerdict {
  if (!(error instanceof KafkaError)) return isRetriable(error) ? 'retry' : 'abortable'
  const { kafkaCode } = error
  if (kafkaCode === ErrorCode.INVALID_PRODUCER_EPOCH) return source === 'leader' ? 'abortableWithNewEpoch' : 'fatal'
  if (kafkaCode === ErrorCode.INVALID_TXN_STATE && source === 'leader') return 'abortable'
  if (FATAL.has(kafkaCode)) return 'fatal'
  if (NEEDS_NEW_EPOCH.has(kafkaCode)) return 'abortableWithNewEpoch'
  return error.retriable ? 'retry' : 'abortable'
}

function isFencing(error: unknown): boolean {
  if (!(error instanceof KafkaError)) return false
  return error.kafkaCode === ErrorCode.PRODUCER_FENCED || error.kafkaCode === ErrorCode.INVALID_PRODUCER_EPOCH
}

/** The producer is done for. */
export function fatalError(transactionalId: string, cause: unknown): TransactionError {
  if (isFencing(cause)) {
    return new TransactionError(
      'KAFKA_PRODUCER_FENCED',
      {
        message: `The producer of transactional id ${transactionalId} is fenced: a newer one has taken over, or the transaction was aborted because it took longer than transactionTimeoutMs.`,
        fix: 'Close it. If no other producer should use the id, raise transactionTimeoutMs and start a new one.',
        cause,
      },
      'fatal',
    )
  }
  const message = `The producer of transactional id ${transactionalId} cannot go on: ${reasonOf(cause)}`
  const code = cause instanceof MillraceError ? cause.code : 'KAFKA_TRANSACTION_FATAL'
  return new TransactionError(code, { message, fix: 'Close it and start a new one.', cause }, 'fatal')
}

/** The transaction is done for; the producer is not. */
export function abortableError(transactionalId: string, cause: unknown): TransactionError {
  return new TransactionError(
    'KAFKA_TRANSACTION_FAILED',
    {
      message: `The transaction of ${transactionalId} has failed and can only be aborted: ${reasonOf(cause)}`,
      fix: 'Call abortTransaction(), then begin a new one and write the records again.',
      cause,
    },
    'abortable',
  )
}

const HINTS: Record<TransactionState, string> = {
  uninitialized: 'Call initTransactions() first.',
  initializing: 'Wait for initTransactions() first.',
  ready: 'Call beginTransaction() first.',
  open: 'Commit or abort the transaction that is open.',
  failed: 'Call abortTransaction() first.',
  fatal: 'Close this producer and start a new one.',
  preparing: 'Call prepareTransaction() again until it succeeds, or abort.',
  prepared: 'A prepared transaction takes nothing more: commit or abort it.',
  committing: 'Call commitTransaction() again until it succeeds.',
  aborting: 'Call abortTransaction() again until it succeeds.',
}

/** A call that does not fit the state. */
export function outOfTurn(call: string, state: TransactionState): TransactionError {
  return new TransactionError(
    'KAFKA_TRANSACTION_STATE',
    { message: `${call} does not fit: the transaction is ${state}.`, fix: HINTS[state] },
    'misuse',
  )
}

export function notTransactional(call: string): TransactionError {
  return new TransactionError(
    'KAFKA_NOT_TRANSACTIONAL',
    { message: `${call} needs a transactional producer.`, fix: 'Give the producer a transactionalId.' },
    'misuse',
  )
}
