import type { System } from '@millrace/std'

/** What a verb sees of the process that it runs in. Tests give their own. */
export interface CliContext {
  readonly system: System
  readonly stdin: AsyncIterable<Uint8Array>
  /** Writes a line to stdout: results, and nothing else. */
  print(line: string): void
  /** Resolves when whoever reads stdout has caught up: what prints much waits for it. */
  printed(): Promise<void>
  /** Writes a line to stderr: progress, warnings, errors. */
  note(line: string): void
  /** The folder that relative paths start from. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborts when the process was asked to stop (SIGINT, SIGTERM, SIGHUP). */
  readonly stopping: AbortSignal
}

/** Options that every verb has. */
export interface GlobalOptions {
  readonly json?: boolean
  readonly debug?: boolean
}

/** Resolves when the process was asked to stop. */
export function stopped(context: CliContext): Promise<void> {
  return new Promise((resolve) => {
    if (context.stopping.aborted) resolve()
    else context.stopping.addEventListener('abort', () => resolve(), { once: true })
  })
}
