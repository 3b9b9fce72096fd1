import { spawn } from 'node:child_process'
import { dirname } from 'node:path'
import { startBroker } from '@millrace/broker'
import { type Command, Option } from 'commander'
import { stderrLogger } from '../broker-logger.ts'
import { type CliContext, type GlobalOptions, stopped } from '../context.ts'
import { jobPath } from '../load-job.ts'
import { keyValue, wholeNumber, withExamples } from '../options.ts'
import { json } from '../output.ts'
import { watchFolder } from '../watch-folder.ts'

interface DevOptions extends GlobalOptions {
  readonly host: string
  readonly port: number
  readonly data: string
  readonly set?: Readonly<Record<string, string>>
}

/** `millrace dev`: a broker that creates topics as they are used, and a job that starts again when its files change. */
export function addDev(program: Command, context: CliContext): void {
  const command = program
    .command('dev')
    .summary('run a broker and a job, and start the job again on every change')
    .description(
      'Runs a broker that creates topics as they are used, and a job beside it that starts again when a file in its folder changes.',
    )
    .argument('[job]', 'a module whose default export is a job')
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .option('--port <port>', 'the port to listen on; 0 takes a free one', wholeNumber(0, 65_535), 9092)
    .addOption(new Option('-d, --data <folder>', 'where topics are kept').default('.millrace/data'))
    .option('-s, --set <key=value>', "a server property, by Apache Kafka's name; may be repeated", keyValue)
    .action(async (file: string | undefined) => {
      const options = command.optsWithGlobals<DevOptions>()
      const path = file === undefined ? undefined : jobPath(file, context.cwd)
      const { host, port, data } = options
      const config = { 'auto.create.topics.enable': 'true', ...options.set }
      const broker = await startBroker({ host, port, data, config, logger: stderrLogger(context, options) })
      const { bootstrapServers } = broker
      context.print(
        options.json
          ? json({ event: 'ready', bootstrap: bootstrapServers, data })
          : `Broker ready on ${bootstrapServers}, data in ${data}`,
      )
      try {
        if (path === undefined) await stopped(context)
        else await runAndRestart(path, bootstrapServers, options, context)
      } finally {
        await broker.close()
      }
    })
  withExamples(command, ['millrace dev', 'millrace dev examples/word-count/word-count.ts'])
}

/** The job is a process of its own: a new one loads all of its modules anew, and a broken one does not take the broker along. */
async function runAndRestart(path: string, bootstrap: string, options: DevOptions, context: CliContext): Promise<void> {
  const { timers } = context.system
  const folder = dirname(path)
  const [, script = ''] = process.argv
  const args = [...process.execArgv, script, 'run', path, '--bootstrap', bootstrap]
  if (options.json) args.push('--json')
  if (options.debug) args.push('--debug')

  const start = () => {
    const child = spawn(process.execPath, args, { cwd: context.cwd, stdio: ['ignore', 'inherit', 'inherit'] })
    let isStopped = false
    const ended = new Promise<void>((done) => {
      child.on('close', () => {
        if (!isStopped) context.note('The job has ended. It starts again when a file changes.')
        done()
      })
      child.on('error', ({ message }) => {
        context.note(`The job cannot be started: ${message}`)
        done()
      })
    })
    return {
      stop: async () => {
        isStopped = true
        child.kill('SIGTERM')
        const late = timers.schedule(stopGraceMs, () => child.kill('SIGKILL'))
        await ended
        timers.cancel(late)
      },
    }
  }

  let running = start()
  let restarts: Promise<void> = Promise.resolve()
  try {
    using _watcher = watchFolder(folder, timers, {
      changed: (file) => {
        context.note(`${file} changed: starting the job again`)
        restarts = restarts.then(async () => {
          await running.stop()
          if (!context.stopping.aborted) running = start()
        })
      },
      failed: ({ message }) => context.note(`Changes in ${folder} go unnoticed from now on: ${message}`),
    })
    await stopped(context)
  } finally {
    await restarts
    await running.stop()
  }
}

/** How long a job may take to end by itself. */
const stopGraceMs = 5_000
