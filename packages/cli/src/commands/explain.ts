import { describePlan, explain } from '@millrace/engine'
import type { Command } from 'commander'
import type { CliContext, GlobalOptions } from '../context.ts'
import { loadJob } from '../load-job.ts'
import { wholeNumber, withExamples } from '../options.ts'
import { json } from '../output.ts'

/** `millrace explain job.ts`: how a job would run. */
export function addExplain(program: Command, context: CliContext): void {
  const command = program
    .command('explain')
    .summary('show how a job would run')
    .description('Prints the plan of a job: tasks, the operators chained in them, edges, layouts. Runs nothing.')
    .argument('<job>', 'a module whose default export is a job')
    .option('--parallelism <number>', "subtasks per operator, instead of the job's own", wholeNumber(1))
    .action(async (file: string) => {
      const options = command.optsWithGlobals<GlobalOptions & { readonly parallelism?: number }>()
      const definition = await loadJob(file, context.cwd)
      const overrides = options.parallelism === undefined ? {} : { parallelism: options.parallelism }
      context.print(options.json ? json(describePlan(definition, overrides)) : explain(definition, overrides).trimEnd())
    })
  withExamples(command, ['millrace explain examples/word-count/word-count.ts'])
}
