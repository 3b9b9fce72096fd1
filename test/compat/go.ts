import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Verdict } from './judge.ts'
import { lastLine, type Peer, peersHome, run } from './peers.ts'

/** The module whose go.mod pins the Go clients. */
export const goModule = fileURLToPath(new URL('./go', import.meta.url))

/** A program of test/compat/go, built; its modules come through Go's own cache. */
export function goProgram(name: string): Peer<string> {
  const folder = join(peersHome, 'go')
  const binary = join(folder, name)
  if (!run('go', ['version']).ok) return { available: false, why: 'go is not installed' }
  const fetched = run('go', ['mod', 'download'], goModule)
  if (!fetched.ok) return { available: false, why: `its modules could not be had: ${lastLine(fetched.output)}` }
  mkdirSync(folder, { recursive: true })
  const built = run('go', ['build', '-o', binary, `./${name}`], goModule)
  if (!built.ok) throw new Error(`${name} does not build:\n${built.output}`)
  return { available: true, value: binary }
}

/** The tests of a package of Go, as `go test -json` tells of them: one verdict for each, its subtests in it. */
export function goTestVerdicts(): (line: string) => Verdict | undefined {
  const outputs = new Map<string, string[]>()
  return (line) => {
    if (!line.startsWith('{')) return undefined
    const event = JSON.parse(line) as { Action: string; Test?: string; Output?: string; Elapsed?: number }
    if (event.Test === undefined) return undefined
    const [test = ''] = event.Test.split('/')
    const output = outputs.get(test) ?? []
    outputs.set(test, output)
    if (event.Action === 'output') {
      output.push(event.Output ?? '')
      if (output.length > 80) output.shift()
    }
    if (event.Test !== test || !['pass', 'fail', 'skip'].includes(event.Action)) return undefined
    return {
      case: test,
      ok: event.Action !== 'fail',
      ms: Math.round((event.Elapsed ?? 0) * 1000),
      ...(event.Action === 'skip' ? { skipped: output.join('').trim() } : {}),
      ...(event.Action === 'fail' ? { error: output.join('') } : {}),
    }
  }
}
