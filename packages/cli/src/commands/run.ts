import { executeJob, type JobResult } from '@millrace/engine'
import type { Command } from 'commander'
import type { CliContext, GlobalOptions } from '../context.ts'
import { loadJob } from '../load-job.ts'
import { type BootstrapOptions, wholeNumber, withBootstrap, withExamples } from '../options.ts'
import { json } from '../output.ts'

interface RunOptions extends GlobalOptions, BootstrapOptions {
  readonly parallelism?: number
}

/** `millrace run job.ts`: runs a job until it ends or is stopped. */
export function addRun(program: Command, context: CliContext): void {
  const command = withBootstrap(
    program
      .command('run')
      .summary('run a job')
      .description(
        'Runs a job in this process until its input ends or it is stopped. Stopped, it finishes what it has read and stores its progress.',
      )
      .argument('<job>', 'a module whose default export is a job')
      .option('-p, --parallelism <number>', "subtasks per operator, instead of the job's own", wholeNumber(1)),
  ).action(async (file: string) => {
    const options = command.optsWithGlobals<RunOptions>()
    const definition = await loadJob(file, context.cwd)
    const handle = await executeJob(definition, {
      system: context.system,
      settings: { 'bootstrap.servers': options.bootstrap },
      ...(options.parallelism === undefined ? {} : { parallelism: options.parallelism }),
    })
    context.note(options.json ? json({ event: 'running', job: handle.jobName }) : `${handle.jobName} runs`)
    const stop = () => void handle.stop().catch(() => {})
    if (context.stopping.aborted) stop()
    context.stopping.addEventListener('abort', stop, { once: true })
    const result = await handle.result
    context.note(options.json ? json(summaryOf(result)) : textOf(result))
  })
  withExamples(command, [
    'millrace run examples/word-count/word-count.ts',
    'millrace run job.ts --bootstrap kafka.example.com:9092',
  ])
}

function summaryOf({ jobName, status, durationMs, metrics }: JobResult) {
  const operators = metrics.operators.map(({ name, numRecordsIn, numRecordsOut }) => ({
    name,
    numRecordsIn,
    numRecordsOut,
  }))
  return { event: 'ended', job: jobName, status, durationMs: Math.round(durationMs), operators }
}

function textOf({ jobName, status, durationMs }: JobResult): string {
  return `${jobName} ${status} after ${(durationMs / 1000).toFixed(1)} s`
}
