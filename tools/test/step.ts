import { spawn } from 'node:child_process'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

export interface Outcome {
  readonly ok: boolean
  /** stdout and stderr as they came. */
  readonly output: string
  readonly seconds: number
}

/** Runs a command in the repository's root and collects what it prints. */
export function runStep(command: readonly string[]): Promise<Outcome> {
  const [file = '', ...args] = command
  const started = performance.now()
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    })
    const output: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
    const finish = (ok: boolean, extra = '') =>
      resolve({ ok, output: Buffer.concat(output).toString() + extra, seconds: (performance.now() - started) / 1000 })
    child.on('error', (error) => finish(false, error.message))
    child.on('close', (code) => finish(code === 0))
  })
}
