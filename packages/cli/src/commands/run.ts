import { executeJob, type JobHandle, type JobResult } from '@millrace/engine'
import type { TimerHandle } from '@millrace/std'
import type { Command } from 'commander'
import { withAdmin } from '../admin.ts'
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
      .option('--parallelism <number>', "subtasks per operator, instead of the job's own", wholeNumber(1)),
  ).action(async (file: string) => {
    const options = command.optsWithGlobals<RunOptions>()
    const definition = await loadJob(file, context.cwd)
    // Before the job runs there is nothing to finish: asked to stop, the start is given up.
    const start = new AbortController()
    const giveUp = () => start.abort()
    context.stopping.addEventListener('abort', giveUp, { once: true })
    const starting = executeJob(definition, {
      system: context.system,
      settings: { 'bootstrap.servers': options.bootstrap },
      signal: start.signal,
      ...(options.parallelism === undefined ? {} : { parallelism: options.parallelism }),
    })
    const handle = await whileExplaining(starting, options, context)
    context.stopping.removeEventListener('abort', giveUp)
    if (!start.signal.aborted)
      context.note(options.json ? json({ event: 'running', job: handle.jobName }) : `${handle.jobName} runs`)
    const result = await untilStopped(handle, context)
    context.note(options.json ? json(summaryOf(result)) : textOf(result))
  })
  withExamples(command, [
    'millrace run examples/word-count/word-count.ts',
    'millrace run job.ts --bootstrap kafka.example.com:9092',
  ])
}

/** Asked to stop, the job finishes what it has read, which takes long when its cluster does not answer. */
async function untilStopped(handle: JobHandle, { stopping, note, system: { timers } }: CliContext): Promise<JobResult> {
  let late: TimerHandle | undefined
  const stop = () => {
    handle.stop().catch(() => {})
    late = timers.schedule(patienceMs, () =>
      note('Still finishing what was read. Ctrl-C again, or another SIGTERM, ends it at once.'),
    )
  }
  if (stopping.aborted) stop()
  else stopping.addEventListener('abort', stop, { once: true })
  try {
    return await handle.result
  } finally {
    if (late) timers.cancel(late)
  }
}

/** A job keeps trying to reach its cluster for a minute: whoever waits learns after a moment that nobody answers there. */
async function whileExplaining<T>(starting: Promise<T>, options: RunOptions, context: CliContext): Promise<T> {
  const { timers } = context.system
  const late = timers.schedule(patienceMs, () => {
    withAdmin(options, async () => {}).catch((error: Error) => context.note(`${error.message} Still trying …`))
  })
  try {
    return await starting
  } finally {
    timers.cancel(late)
  }
}

const patienceMs = 2_000

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
