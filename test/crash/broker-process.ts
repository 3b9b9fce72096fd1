import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'

const main = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url))

/** `millrace broker` as a process of its own. */
export interface BrokerProcess {
  readonly child: ChildProcess
  readonly pid: number
  readonly port: number
  readonly bootstrap: string
  /** What it has said on stderr, line by line. */
  readonly log: readonly string[]
  /** Ends it with no chance to write anything more. */
  kill(): Promise<void>
  /** Asks it to stop; resolves to its exit code. */
  stop(): Promise<number | null>
}

export interface BrokerProcessOptions {
  readonly data: string
  readonly port?: number
  readonly set?: Readonly<Record<string, string | number>>
  readonly env?: Readonly<Record<string, string>>
}

/** Starts it and waits until it answers. Rejects with what it said when it ends instead. */
export async function startBrokerProcess({
  data,
  port = 0,
  set = {},
  env = {},
}: BrokerProcessOptions): Promise<BrokerProcess> {
  const properties = Object.entries(set).flatMap(([key, value]) => ['--set', `${key}=${value}`])
  const args = ['--conditions=millrace-source', main, 'broker', '--port', `${port}`, '--data', data, '--json']
  const child = spawn(process.execPath, [...args, ...properties], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const log: string[] = []
  createInterface(child.stderr).on('line', (line) => log.push(line))
  const ended = once(child, 'exit')
  const ready = new Promise<{ port: number; bootstrap: string }>((resolve) => {
    createInterface(child.stdout).once('line', (line) => resolve(JSON.parse(line)))
  })
  const answer = await Promise.race([
    ready,
    ended.then(([code, signal]) => {
      throw new Error(`The broker ended with ${code ?? signal}:\n${log.join('\n')}`)
    }),
  ])
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal)
    await ended
    return child.exitCode
  }
  return {
    child,
    pid: child.pid as number,
    port: answer.port,
    bootstrap: answer.bootstrap,
    log,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  }
}
