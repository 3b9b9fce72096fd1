import { MillraceError } from '@millrace/std'
import { ERROR_TABLE, type ErrorCategory, ErrorCode, type ErrorName } from './codes.ts'

/** An entry of Kafka's error table. */
export interface ErrorInfo {
  readonly code: number
  readonly name: ErrorName
  readonly message: string
  readonly category: ErrorCategory
  /** The same request may succeed later. */
  readonly retriable: boolean
}

const byCode = new Map<number, ErrorInfo>(
  ERROR_TABLE.map(([code, name, category, message]) => [
    code,
    { code, name, message, category, retriable: category === 'retriable' || category === 'refresh' },
  ]),
)

/** What a code means. A code that is not in the table (a newer broker's) comes back as UNKNOWN_SERVER_ERROR, as in Kafka's clients. */
export function errorByCode(code: number): ErrorInfo {
  return byCode.get(code) ?? (byCode.get(ErrorCode.UNKNOWN_SERVER_ERROR) as ErrorInfo)
}

const FIXES: Partial<Record<ErrorCategory, string>> = {
  retriable: 'This may pass: try again.',
  refresh: 'This may pass: try again.',
  abortable: 'Abort the transaction, then go on.',
  recoverable: 'Close this producer or consumer and start a new one.',
  configuration: 'Change the setting, or have the right granted, that the message names.',
}

/**
 * An error that a broker answered. Its stable code is `KAFKA_` and Kafka's name.
 *
 * @example
 * const error = new KafkaError(response.errorCode, `Committing offsets of group ${groupId}`)
 * if (error.retriable) …
 */
export class KafkaError extends MillraceError {
  override name = 'KafkaError'
  /** Kafka's number, as it came: also one that the table does not know. */
  readonly kafkaCode: number
  readonly kafkaName: ErrorName
  readonly category: ErrorCategory

  /**
   * @param doing What was attempted, as the beginning of a sentence.
   * @param detail The broker's own message, when it sent one.
   */
  constructor(kafkaCode: number, doing?: string, detail?: string | null) {
    const info = errorByCode(kafkaCode)
    const unknown = info.code === kafkaCode ? '' : ` (unknown code ${kafkaCode})`
    const what = `${info.name}${unknown}: ${detail ?? info.message}`
    const fix = FIXES[info.category]
    super(`KAFKA_${info.name}`, {
      message: doing === undefined ? what : `${doing} failed: ${what}`,
      ...(fix === undefined ? {} : { fix }),
    })
    this.kafkaCode = kafkaCode
    this.kafkaName = info.name
    this.category = info.category
  }

  /** The same request may succeed later. */
  get retriable(): boolean {
    return this.category === 'retriable' || this.category === 'refresh'
  }

  /** Metadata or coordinator have to be looked up again before the retry. */
  get needsRefresh(): boolean {
    return this.category === 'refresh'
  }

  /** Aborting the transaction is enough to go on. */
  get abortable(): boolean {
    return this.category === 'abortable'
  }

  /** This producer or group member cannot go on; neither a retry nor an abort helps. */
  get fatal(): boolean {
    return this.category === 'recoverable' || this.category === 'configuration'
  }
}
