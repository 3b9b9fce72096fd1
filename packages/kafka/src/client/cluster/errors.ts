import { MillraceError } from '@millrace/std'
import { KafkaError } from '../../errors/index.ts'

/** The connection to a broker could not be made, broke, or did not answer in time. Worth a retry. */
export class ConnectionError extends MillraceError {
  override name = 'ConnectionError'
}

/** An operation did not come to its end within the time it was given; `cause` is the last thing that went wrong. */
export class ClientTimeoutError extends MillraceError {
  override name = 'ClientTimeoutError'
}

/** The client was closed, by `close()` or while the operation ran. */
export class ClientClosedError extends MillraceError {
  override name = 'ClientClosedError'

  constructor(what: string) {
    super('KAFKA_CLIENT_CLOSED', {
      message: `The ${what} is closed.`,
      fix: `Do not use it after close(), or make a new one.`,
    })
  }
}

/** A record or batch that could not be produced. */
export class ProduceError extends MillraceError {
  override name = 'ProduceError'
  readonly topic: string
  readonly partition: number
  /** True: sending it again may succeed (and may duplicate it, when an answer was lost). */
  readonly retriable: boolean

  constructor(options: { topic: string; partition: number; reason: string; retriable: boolean; cause?: unknown }) {
    const { topic, partition, reason, retriable, cause } = options
    const code = cause instanceof MillraceError ? cause.code : 'KAFKA_PRODUCE_FAILED'
    super(code, {
      message: `Producing to ${topic}-${partition} failed: ${reason}`,
      fix: retriable
        ? 'A retry may succeed; if this goes on, look at the broker, or raise deliveryTimeoutMs.'
        : 'A retry will not help; see the cause.',
      cause,
    })
    this.topic = topic
    this.partition = partition
    this.retriable = retriable
  }
}

/** Whether the same request may succeed when it is sent again. */
export function isRetriable(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof KafkaError && error.retriable)
}

/** Whether metadata or coordinator should be looked up anew before a retry. */
export function needsRefresh(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof KafkaError && error.needsRefresh)
}

/** The message of whatever was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
