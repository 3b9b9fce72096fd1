import { ClientTimeoutError, ConnectionError } from '@millrace/kafka'
import { MillraceError } from '@millrace/std'
import { CommanderError } from 'commander'
import type { CliContext, GlobalOptions } from './context.ts'
import { placeOf } from './place-of.ts'

/** What the exit code of `millrace` says; listed in `millrace --help` and docs/cli.md. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  timeout: 4,
} as const

export const exitCodeTexts: Record<keyof typeof exitCodes, string> = {
  done: 'done (also when stopped by Ctrl-C or SIGTERM)',
  failed: 'the operation failed',
  usage: 'the command line is wrong',
  unreachable: 'no broker answers',
  timeout: 'the time given with --timeout ran out first',
}

/** Codes of errors that the command line itself raises, or that are about what was given with --set. */
const exitCodeOf: Readonly<Record<string, number>> = {
  CLI_USAGE: exitCodes.usage,
  BROKER_CONFIG_UNKNOWN: exitCodes.usage,
  BROKER_CONFIG_INVALID: exitCodes.usage,
  CLI_TIMEOUT: exitCodes.timeout,
  CLI_UNREACHABLE: exitCodes.unreachable,
}

/** What a user of the command line can do about an error that a broker answered. */
const fixOf: Readonly<Record<string, string>> = {
  KAFKA_UNKNOWN_TOPIC_OR_PARTITION:
    'millrace topic list shows the topics that there are; millrace topic create makes one.',
  KAFKA_TOPIC_ALREADY_EXISTS: 'Choose another name, or add --if-not-exists.',
  KAFKA_INVALID_CONFIG: 'Correct the setting; millrace topic config NAME --all shows all that there are.',
  KAFKA_INVALID_TOPIC_EXCEPTION: 'Choose another name: at most 249 letters, digits, dots, underscores and hyphens.',
  KAFKA_INVALID_PARTITIONS: 'Give more partitions than the topic has: their number never goes down.',
  KAFKA_INVALID_REPLICATION_FACTOR: 'Leave --replication-factor out, or give no more than there are brokers.',
  KAFKA_GROUP_ID_NOT_FOUND: 'millrace group list shows the groups that there are.',
  KAFKA_OFFSET_OUT_OF_RANGE: 'millrace topic describe shows from where to where the offsets go.',
  KAFKA_NON_EMPTY_GROUP: 'Stop the members first; millrace group describe shows them.',
  KAFKA_GROUP_SUBSCRIBED_TO_TOPIC: 'Stop the members that read the topic first; millrace group describe shows them.',
  KAFKA_UNKNOWN_MEMBER_ID: 'Stop the members first; millrace group describe shows them.',
  KAFKA_TRANSACTIONAL_ID_NOT_FOUND: 'millrace transaction list shows the transactional ids that there are.',
}

export function usageError(message: string, fix?: string): MillraceError {
  return new MillraceError('CLI_USAGE', { message, ...(fix === undefined ? {} : { fix }) })
}

/** Says what went wrong, and what to do; the stack only with --debug. Returns the exit code. */
export async function reportError(error: unknown, context: CliContext, options: GlobalOptions): Promise<number> {
  if (error instanceof CommanderError) {
    // Help and version come this way too. Help is printed already, also where a verb is missing.
    if (error.exitCode === 0) return exitCodes.done
    if (error.code === 'commander.help') return exitCodes.usage
    return reportError(wrongCommandLine(error), context, { ...options, debug: false })
  }
  const { code, message, fix, cause, at } = await describe(error)
  if (options.json) context.note(JSON.stringify({ error: { code, message, at, fix, cause } }))
  else {
    context.note(`error: ${message}${code ? ` [${code}]` : ''}`)
    if (at) context.note(`at:    ${at}`)
    if (cause) context.note(`cause: ${cause}`)
    if (fix) context.note(`fix:   ${fix}`)
  }
  if (options.debug && error instanceof Error) context.note(stackOf(error))
  else if (!code && !options.json) context.note('The stack trace is shown with --debug.')
  if (isUnreachable(error)) return exitCodes.unreachable
  return (code && exitCodeOf[code]) || exitCodes.failed
}

/** `error: unknown option '--jsno'\n(Did you mean --json?)`, as commander words it. */
function wrongCommandLine({ message }: CommanderError): MillraceError {
  const [, wrong = message, meant] = /^(?:error: )?(.*?)(?:\s*\((Did you mean .*)\))?$/s.exec(message) ?? []
  return usageError(wrong, meant ?? 'Add --help for the options.')
}

/** Also what a time-out was about: an unknown topic, say, that did not appear in time. */
function fixFor(error: Error): string | undefined {
  if (error instanceof ClientTimeoutError && error.cause instanceof Error) return fixFor(error.cause)
  return error instanceof MillraceError ? fixOf[error.code] : undefined
}

/** No connection could be made, or an operation ran out of time over that. */
function isUnreachable(error: unknown): boolean {
  if (error instanceof ConnectionError) return true
  return error instanceof ClientTimeoutError && isUnreachable(error.cause)
}

interface Described {
  readonly code: string | undefined
  readonly message: string
  readonly fix: string | undefined
  readonly cause: string | undefined
  /** The line of the user's job that it is about, where the message does not say it. */
  readonly at: string | undefined
}

async function describe(error: unknown): Promise<Described> {
  if (!(error instanceof Error))
    return { code: undefined, message: String(error), fix: undefined, cause: undefined, at: undefined }
  const cause = error.cause instanceof Error ? error.cause.message : undefined
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  // These are thrown at a call in the user's module; others say themselves what they are about.
  const place = code === undefined || /^(API|CONNECTOR)_/.test(code) ? await placeOf(error) : undefined
  return {
    code,
    message: error.message,
    fix: fixFor(error) ?? (error instanceof MillraceError ? error.fix : undefined),
    cause: cause && !error.message.includes(cause) ? cause : undefined,
    at: place !== undefined && !error.message.includes(place) ? place : undefined,
  }
}

function stackOf(error: Error): string {
  const stack = error.stack ?? String(error)
  return error.cause instanceof Error ? `${stack}\ncaused by ${stackOf(error.cause)}` : stack
}
