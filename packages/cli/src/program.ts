import { Command } from 'commander'
import { addBroker } from './commands/broker.ts'
import { addConsume } from './commands/consume.ts'
import { addDev } from './commands/dev.ts'
import { addExplain } from './commands/explain.ts'
import { addGroup } from './commands/group.ts'
import { addLog } from './commands/log.ts'
import { addProduce } from './commands/produce.ts'
import { addRun } from './commands/run.ts'
import { addTopic } from './commands/topic.ts'
import { addTransaction } from './commands/transaction.ts'
import type { CliContext, GlobalOptions } from './context.ts'
import { exitCodes, exitCodeTexts, reportError } from './errors.ts'
import { version } from './version.ts'

/** Adds one verb to the program. One file per verb, in commands/. */
export type AddVerb = (program: Command, context: CliContext) => void

const verbs: readonly AddVerb[] = [
  addDev,
  addRun,
  addExplain,
  addBroker,
  addTopic,
  addProduce,
  addConsume,
  addGroup,
  addLog,
  addTransaction,
]

/** The command line as a tree of verbs. Nothing runs until it is given arguments. */
export function createProgram(context: CliContext): Command {
  const program = new Command('millrace')
    .description(
      'A durable log that speaks the Apache Kafka protocol, and a stream engine with Apache Flink semantics.',
    )
    .version(version, '-V, --version')
    .option('--json', 'print for machines: one JSON value per line')
    .option('--debug', 'print stack traces and what goes on inside')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(add --help for the options)')
    .addHelpText('after', `\nExit codes:\n${exitCodeLines().join('\n')}`)
  for (const add of verbs) add(program, context)
  for (const command of everyCommand(program)) {
    command.exitOverride().configureOutput({
      writeOut: (text) => context.print(text.trimEnd()),
      writeErr: (text) => context.note(text.trimEnd()),
    })
  }
  return program
}

/** Runs the command line `args` (without node and script). Resolves to the exit code. */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  const program = createProgram(context)
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCodes.done
  } catch (error) {
    return reportError(error, context, program.opts<GlobalOptions>())
  }
}

function exitCodeLines(): string[] {
  return Object.entries(exitCodes).map(([name, code]) => `  ${code}  ${exitCodeTexts[name as keyof typeof exitCodes]}`)
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)]
}
