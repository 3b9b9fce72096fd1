import { MillraceError } from '@millrace/std'
import { KafkaError } from '../../errors/index.ts'

/** What a program can do about an error. Every error that a broker or the network caused carries it. */
export interface Verdict {
  /** The same call may succeed later. */
  readonly retriable: boolean
  /** The transaction has failed: abort it, then go on with the same producer. */
  readonly abortable: boolean
  /** This producer, consumer or transaction cannot go on. */
  readonly fatal: boolean
}

/** The connection to a broker could not be made, broke, or did not answer in time. Worth a retry. */
export class ConnectionError extends MillraceError implements Verdict {
  override name = 'ConnectionError'
  readonly retriable = true
  readonly abortable = false
  readonly fatal = false
}

/** An operation did not come to its end within the time it was given; `cause` is the last thing that went wrong. */
export class ClientTimeoutError extends MillraceError implements Verdict {
  override name = 'ClientTimeoutError'
  readonly retriable = true
  readonly abortable = false
  readonly fatal = false
}

/** The client was closed, by `close()` or while the operation ran. */
export class ClientClosedError extends MillraceError implements Verdict {
  override name = 'ClientClosedError'
  readonly retriable = false
  readonly abortable = false
  readonly fatal = true

  constructor(what: string) {
    super('KAFKA_CLIENT_CLOSED', {
      message: `The ${what} is closed.`,
      fix: `Do not use it after close(), or make a new one.`,
    })
  }
}

const PRODUCE_FIXES = {
  retriable: 'A retry may succeed; if this goes on, look at the broker, or raise deliveryTimeoutMs.',
  abortable: 'Abort the transaction, then write it again.',
  final: 'A retry will not help; see the cause.',
}

/** A record or batch that could not be produced. */
export class ProduceError extends MillraceError implements Verdict {
  override name = 'ProduceError'
  readonly topic: string
  readonly partition: number
  /** True: sending it again may succeed (and may duplicate it, when an answer was lost). Never within a transaction. */
  readonly retriable: boolean
  /** True: it was part of a transaction, which can only be aborted now. */
  readonly abortable: boolean
  readonly fatal: boolean

  constructor(options: {
    topic: string
    partition: number
    reason: string
    verdict: 'retriable' | 'abortable' | 'final'
    cause?: unknown
  }) {
    const { topic, partition, reason, verdict, cause } = options
    const code = cause instanceof MillraceError ? cause.code : 'KAFKA_PRODUCE_FAILED'
    super(code, {
      message: `Producing to ${topic}-${partition} failed: ${reason}`,
      fix: PRODUCE_FIXES[verdict],
      cause,
    })
    this.topic = topic
    this.partition = partition
    this.retriable = verdict === 'retriable'
    this.abortable = verdict === 'abortable'
    this.fatal = verdict === 'final' && isFatal(cause)
  }
}

/** Whether the same request may succeed when it is sent again. */
export function isRetriable(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof KafkaError && error.retriable)
}

/**
 * Whether what failed is done for: a fenced producer or member, a missing right, a closed client.
 *
 * @example
 * try { await producer.commitTransaction() } catch (error) { if (isFatal(error)) await producer.close() }
 */
export function isFatal(error: unknown): boolean {
  return error instanceof Error && (error as Partial<Verdict>).fatal === true
}

/** Whether aborting the transaction is enough to go on. */
export function isAbortable(error: unknown): boolean {
  return error instanceof Error && (error as Partial<Verdict>).abortable === true
}

/** Whether metadata or coordinator should be looked up anew before a retry. */
export function needsRefresh(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof KafkaError && error.needsRefresh)
}

/** The message of whatever was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
