import { hostSystem } from '@millrace/std'
import type { CliContext } from '../src/context.ts'
import { runCli } from '../src/program.ts'

export interface CliRun {
  readonly code: number
  readonly out: string[]
  readonly err: string[]
}

export interface CliInput {
  readonly stdin?: string
  /** Asks the verb to stop. */
  readonly stopping?: AbortSignal
  readonly cwd?: string
  /** Called with every line of stdout. */
  readonly onLine?: (line: string) => void
}

/** Runs a command line in this process. */
export async function cli(args: readonly string[], input: CliInput = {}): Promise<CliRun> {
  const out: string[] = []
  const err: string[] = []
  const context: CliContext = {
    system: hostSystem,
    stdin: chunks(input.stdin ?? ''),
    print: (line) => {
      for (const each of line.split('\n')) {
        out.push(each)
        input.onLine?.(each)
      }
    },
    printed: () => Promise.resolve(),
    note: (line) => err.push(line),
    cwd: input.cwd ?? process.cwd(),
    env: {},
    stopping: input.stopping ?? new AbortController().signal,
  }
  const code = await runCli(args, context)
  return { code, out, err }
}

async function* chunks(text: string) {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7)
}
