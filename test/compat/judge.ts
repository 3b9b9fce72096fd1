import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import type { Peer } from './peers.ts'
import { givenBootstrap, startOurs } from './target.ts'

/** What a foreign program found in one case. Its own programs print this as a line of JSON for each case. */
export interface Verdict {
  readonly case: string
  readonly ok: boolean
  /** Why the program itself did not run the case. */
  readonly skipped?: string
  readonly ms?: number
  readonly error?: string
}

/** A program that judges a broker. */
export interface Program {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Reads verdicts of a line of standard output; by default JSON with the key `case`. */
  readonly verdictOf?: (line: string) => Verdict | undefined
  /** Whether a program that found all cases right may all the same end with another status than 0. */
  readonly anyStatus?: boolean
}

interface Session {
  readonly verdicts: readonly Verdict[]
  readonly status: number | null
  /** The last of what the program printed that is no verdict. */
  readonly rest: string
}

/** Only cases whose name contains this run: `npm run compat -- java --case static`. */
export const wantedCase = process.env.MILLRACE_COMPAT_CASE ?? ''

/**
 * The cases of a foreign program, as tests of their own. It runs once, against one broker, while the tests are
 * collected: what cases it has is its own business.
 */
export async function judge(
  name: string,
  peer: Peer<unknown>,
  programOf: (bootstrap: string) => Program,
  limitMs = 1_200_000,
): Promise<void> {
  if (!peer.available) {
    describe(name, () => {
      it.skip(`skipped: ${peer.why}`, () => {})
    })
    return
  }
  const broker = givenBootstrap === '' ? await startOurs() : undefined
  let session: Session
  try {
    session = await run(programOf(broker?.bootstrap ?? givenBootstrap), limitMs)
  } finally {
    broker?.stop()
  }
  const { verdicts, status, rest } = session
  describe(name, () => {
    for (const verdict of verdicts) {
      it(verdict.case, (context) => {
        if (verdict.skipped !== undefined) context.skip(verdict.skipped)
        if (!verdict.ok) throw new Error(verdict.error ?? 'failed')
      })
    }
    it('ran to its end', () => {
      expect(verdicts.length, rest).toBeGreaterThan(0)
      expect(status, rest).toBe(0)
    })
  })
}

function jsonVerdict(line: string): Verdict | undefined {
  if (!line.startsWith('{"case"')) return undefined
  return JSON.parse(line) as Verdict
}

async function run(program: Program, limitMs: number): Promise<Session> {
  const { command, args, cwd, env, verdictOf = jsonVerdict, anyStatus = false } = program
  const child: ChildProcess = spawn(command, args, {
    ...(cwd ? { cwd } : {}),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const verdicts: Verdict[] = []
  const rest: string[] = []
  const keep = (line: string) => {
    rest.push(line)
    if (rest.length > 60) rest.shift()
  }
  const readers = [child.stdout, child.stderr].map(async (stream) => {
    if (!stream) return
    for await (const line of createInterface({ input: stream })) {
      const verdict = verdictOf(line)
      if (!verdict) keep(line)
      else {
        verdicts.push(verdict)
        const sign = verdict.skipped !== undefined ? '-' : verdict.ok ? '✓' : '✗'
        process.stderr.write(`  ${sign} ${verdict.case}${verdict.ms === undefined ? '' : ` ${verdict.ms} ms`}\n`)
      }
    }
  })
  const limit = setTimeout(() => {
    keep(`stopped after ${limitMs} ms`)
    child.kill('SIGKILL')
  }, limitMs)
  const status = await new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      keep(error.message)
      resolve(-1)
    })
    child.on('close', resolve)
  })
  clearTimeout(limit)
  await Promise.all(readers)
  return { verdicts, status: anyStatus && verdicts.length > 0 ? 0 : status, rest: rest.join('\n') }
}
