import { Command } from 'commander'
import type { CliContext, GlobalOptions } from './context.ts'
import { exitCodes, exitCodeTexts, reportError } from './errors.ts'
import { version } from './version.ts'

/** Adds one verb to the program. One file per verb, in commands/. */
export type AddVerb = (program: Command, context: CliContext) => void

/** Each is loaded when it is needed: a broker is up sooner without the engine. */
const verbs: Readonly<Record<string, () => Promise<AddVerb>>> = {
  dev: async () => (await import('./commands/dev.ts')).addDev,
  run: async () => (await import('./commands/run.ts')).addRun,
  explain: async () => (await import('./commands/explain.ts')).addExplain,
  broker: async () => (await import('./commands/broker.ts')).addBroker,
  topic: async () => (await import('./commands/topic.ts')).addTopic,
  produce: async () => (await import('./commands/produce.ts')).addProduce,
  consume: async () => (await import('./commands/consume.ts')).addConsume,
  group: async () => (await import('./commands/group.ts')).addGroup,
  log: async () => (await import('./commands/log.ts')).addLog,
  transaction: async () => (await import('./commands/transaction.ts')).addTransaction,
}

/** The command line as a tree of verbs, of all or of those in `names`. Nothing runs until it is given arguments. */
export async function createProgram(context: CliContext, names = Object.keys(verbs)): Promise<Command> {
  const program = new Command('millrace')
    .description(
      'A durable log that speaks the Apache Kafka protocol, and a stream engine with Apache Flink semantics.',
    )
    .version(version, '-V, --version')
    .option('--json', 'print for machines: one JSON value per line')
    .option('--debug', 'print stack traces and what goes on inside')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', `\nExit codes:\n${exitCodeLines().join('\n')}`)
  for (const name of names) (await verbs[name]?.())?.(program, context)
  for (const command of everyCommand(program)) {
    command.exitOverride().configureOutput({
      writeOut: (text) => context.print(text.trimEnd()),
      writeErr: (text) => context.note(text.trimEnd()),
      // The same error comes as an exception, and is told like all others.
      outputError: () => {},
    })
  }
  return program
}

/** Runs the command line `args` (without node and script). Resolves to the exit code. */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  // No option before the verb takes a value.
  const verb = args.find((argument) => !argument.startsWith('-'))
  const program = await createProgram(context, verb !== undefined && Object.hasOwn(verbs, verb) ? [verb] : undefined)
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCodes.done
  } catch (error) {
    return await reportError(error, context, program.opts<GlobalOptions>())
  }
}

function exitCodeLines(): string[] {
  return Object.entries(exitCodes).map(([name, code]) => `  ${code}  ${exitCodeTexts[name as keyof typeof exitCodes]}`)
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)]
}
