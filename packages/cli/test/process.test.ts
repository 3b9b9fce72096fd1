/** The command as a process of its own: signals, exit codes, restarts. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'

const main = join(import.meta.dirname, '../src/main.ts')
const cache = join(import.meta.dirname, '../../../.cache')
let folder: string
const started: ChildProcess[] = []

beforeEach(async () => {
  // Inside the repository, so that imports of millrace resolve.
  await mkdir(cache, { recursive: true })
  folder = await mkdtemp(join(cache, 'process-'))
})
afterEach(async () => {
  for (const child of started.splice(0)) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

function millrace(...args: string[]) {
  const child = spawn(process.execPath, ['--conditions=millrace-source', main, ...args], { cwd: folder })
  started.push(child)
  const lines: string[] = []
  const waiting: { matches: (line: string) => boolean; found: (line: string) => void }[] = []
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => {
      lines.push(line)
      for (const waiter of waiting.splice(0)) {
        if (waiter.matches(line)) waiter.found(line)
        else waiting.push(waiter)
      }
    })
  }
  return {
    child,
    lines,
    ended: new Promise<number | NodeJS.Signals | null>((resolve) =>
      child.on('close', (code, signal) => resolve(code ?? signal)),
    ),
    line: (matches: (line: string) => boolean) => {
      const seen = lines.find(matches)
      return seen === undefined
        ? new Promise<string>((found) => waiting.push({ matches, found }))
        : Promise.resolve(seen)
    },
  }
}

const brokerLine = (line: string) => line.includes('"ready"')

test('a broker says when it answers, keeps its folder to itself, and stops on SIGTERM', async () => {
  const first = millrace('broker', '--port', '0', '--data', 'data', '--json')
  const { bootstrap, port } = JSON.parse(await first.line(brokerLine)) as { bootstrap: string; port: number }

  const list = millrace('topic', 'create', 'kept', '--bootstrap', bootstrap)
  expect(await list.ended).toBe(0)
  const second = millrace('broker', '--port', '0', '--data', 'data')
  expect(await second.ended).toBe(1)
  expect(second.lines.join('\n')).toContain('[BROKER_DATA_LOCKED]')
  const third = millrace('broker', '--port', String(port), '--memory')
  expect(await third.ended).toBe(1)
  expect(third.lines.join('\n')).toContain('[BROKER_PORT_IN_USE]')
  expect(third.lines.join('\n')).not.toContain('    at ')

  first.child.kill('SIGTERM')
  expect(await first.ended).toBe(0)

  const again = millrace('broker', '--port', '0', '--data', 'data', '--json')
  const restarted = JSON.parse(await again.line(brokerLine)) as { bootstrap: string }
  const listed = millrace('topic', 'list', '--bootstrap', restarted.bootstrap)
  expect(await listed.ended).toBe(0)
  expect(listed.lines).toContain('kept')
  again.child.kill('SIGINT')
  expect(await again.ended).toBe(0)
})

test('dev starts the job again when its file changes, also after it was broken', async () => {
  const job = (word: string) => `import { job, kafkaSource, text } from 'millrace'
export default job('watch', (env) => {
  env.fromSource(kafkaSource({ topic: 'words', value: text() })).map((line) => '${word} ' + line).print()
})`
  const file = join(folder, 'job.ts')
  await writeFile(file, job('first'))
  const dev = millrace('dev', 'job.ts', '--port', '0')
  const ready = await dev.line((line) => line.startsWith('Broker ready'))
  const bootstrap = /127\.0\.0\.1:\d+/.exec(ready)?.[0] as string
  await dev.line((line) => line === 'watch runs')

  const produce = millrace('produce', 'words', '--bootstrap', bootstrap)
  produce.child.stdin.end('hello\n')
  expect(await produce.ended).toBe(0)
  await dev.line((line) => line.includes('first hello'))

  await writeFile(file, 'export default job(')
  await dev.line((line) => line.includes('[CLI_JOB_BROKEN]'))
  await writeFile(file, job('second'))
  await dev.line((line) => line.includes('second hello'))

  dev.child.kill('SIGTERM')
  expect(await dev.ended).toBe(0)
})

test('what nobody catches in a job is reported as other errors are, without a stack', async () => {
  await writeFile(
    join(folder, 'stray.ts'),
    `import { generatorSource, job } from 'millrace'
setTimeout(() => {
  throw new RangeError('astray')
}, 300)
export default job('stray', (env) => { env.fromSource(generatorSource({ generate: (i) => i, ratePerSecond: 1 })).print() })`,
  )
  const run = millrace('run', 'stray.ts')
  expect(await run.ended).toBe(1)
  expect(run.lines).toContain('error: astray')
  expect(run.lines).toContain('at:    stray.ts:3')
  expect(run.lines.join('\n')).not.toContain('    at ')
})
