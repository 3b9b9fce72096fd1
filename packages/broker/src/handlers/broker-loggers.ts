import { ErrorCode } from '@millrace/kafka'
import type { Logger } from '../logger.ts'
import { type ConfigOperation, configOperations } from '../metadata/config-commands.ts'
import { type CommandError, refusal } from '../metadata/topic-commands.ts'

/** From the most talkative to the least, as in Apache Kafka. */
const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const
type Level = (typeof levels)[number]

const rootLogger = 'root'

/**
 * The levels at which the broker says what happens; they last as long as it runs (KIP-412). There is one logger, `root`.
 */
export class BrokerLoggers {
  #level: Level = 'INFO'

  /** A logger that says nothing below the level. */
  filter(logger: Logger): Logger {
    const at = (level: Level, say: Logger['info']): Logger['info'] => {
      const rank = levels.indexOf(level)
      return (message, fields) => {
        if (rank >= levels.indexOf(this.#level)) say.call(logger, message, fields)
      }
    }
    return { info: at('INFO', logger.info), warn: at('WARN', logger.warn), error: at('ERROR', logger.error) }
  }

  /** Name and level of each logger. */
  *all(): Generator<readonly [string, string]> {
    yield [rootLogger, this.#level]
  }

  /** Changes levels: all of those that are asked for, or none. */
  change(
    operations: readonly ConfigOperation[],
    { validateOnly }: { validateOnly: boolean },
  ): CommandError | undefined {
    for (const operation of operations) {
      const problem = changeProblem(operation)
      if (problem) return problem
    }
    const last = operations.at(-1)
    if (last && !validateOnly) this.#level = last.value as string as Level
    return undefined
  }
}

function changeProblem({ name, configOperation, value }: ConfigOperation): CommandError | undefined {
  switch (configOperation) {
    case configOperations.set:
      if (name !== rootLogger) return refusal(ErrorCode.INVALID_CONFIG, `Logger ${name} does not exist!`)
      if ((levels as readonly (string | null)[]).includes(value)) return undefined
      return refusal(
        ErrorCode.INVALID_CONFIG,
        `Cannot set the log level of ${name} to ${value} as it is not a supported log level. Valid log levels are ${[...levels].sort().join(', ')}`,
      )
    case configOperations.delete:
      if (name !== rootLogger) return refusal(ErrorCode.INVALID_CONFIG, `Logger ${name} does not exist!`)
      return refusal(ErrorCode.INVALID_REQUEST, 'Removing the log level of the root logger is not allowed')
    default:
      return refusal(
        ErrorCode.INVALID_REQUEST,
        `${configOperation === configOperations.append ? 'APPEND' : 'SUBTRACT'} operation is not allowed for the BROKER_LOGGER resource`,
      )
  }
}
