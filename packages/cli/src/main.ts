import { once } from 'node:events'
import { hostSystem } from '@millrace/std'
import type { CliContext } from './context.ts'
import { exitCodes, reportError } from './errors.ts'
import { runCli } from './program.ts'

const stopping = new AbortController()
const signals = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const
for (const signal of Object.keys(signals) as (keyof typeof signals)[]) {
  process.on(signal, () => {
    // Somebody who asks twice does not want to wait for a clean end.
    if (stopping.signal.aborted) process.exit(128 + signals[signal])
    stopping.abort()
  })
}
// A reader that has seen enough (`millrace consume … | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const context: CliContext = {
  system: hostSystem,
  stdin: process.stdin,
  print: (line) => void process.stdout.write(`${line}\n`),
  printed: async () => {
    if (process.stdout.writableNeedDrain)
      await once(process.stdout, 'drain', { signal: stopping.signal }).catch(() => {})
  },
  note: (line) => void process.stderr.write(`${line}\n`),
  cwd: process.cwd(),
  env: process.env,
  stopping: stopping.signal,
}

const args = process.argv.slice(2)
// What a job's own timers throw, and promises of its that nobody awaits, come here. Nothing is known about its state then.
process.on('uncaughtException', (error) => {
  const options = { debug: args.includes('--debug'), json: args.includes('--json') }
  reportError(error, context, options).finally(() => process.exit(exitCodes.failed))
})

process.exitCode = await runCli(args, context)
// A read that waits for input would keep the process alive.
process.stdin.destroy()
