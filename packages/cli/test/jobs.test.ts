import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startBroker } from '@millrace/broker'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cli } from './run-cli.ts'

const cache = join(import.meta.dirname, '../../../.cache')
let folder: string
beforeAll(async () => {
  // Inside the repository, so that imports of millrace resolve.
  await mkdir(cache, { recursive: true })
  folder = await mkdtemp(join(cache, 'jobs-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function module(name: string, source: string): Promise<string> {
  await writeFile(join(folder, name), source)
  return name
}

const shout = `import { job } from 'millrace'
export default job('shout', (env) => { env.fromCollection(['a', 'b']).map((word: string) => word.toUpperCase()).print() })`

test('a job of TypeScript runs to its end', async () => {
  const file = await module('shout.ts', shout)
  const { code, err } = await cli(['run', file], { cwd: folder })
  expect(code).toBe(0)
  expect(err[0]).toBe('shout runs')
  expect(err[1]).toMatch(/^shout finished after /)
})

test('explain shows the plan and runs nothing', async () => {
  const file = await module('explained.ts', shout)
  const { code, out } = await cli(['explain', file], { cwd: folder })
  expect(code).toBe(0)
  expect(out.join('\n')).toContain('map')
  const machine = await cli(['explain', file, '--json', '--parallelism', '2'], { cwd: folder })
  expect(JSON.parse(machine.out.join('\n'))).toMatchObject({ tasks: expect.any(Array) })
})

test.each([
  ['nowhere.ts', undefined, 'CLI_JOB_NOT_FOUND', undefined],
  ['empty.ts', 'export {}', 'CLI_NOT_A_JOB', undefined],
  ['other.ts', 'export default 42', 'CLI_NOT_A_JOB', undefined],
  ['broken.ts', 'export {}\nexport default job(', 'CLI_JOB_BROKEN', 'broken.ts:2'],
  ['throws.ts', "\nthrow new Error('out of luck')", 'CLI_JOB_BROKEN', 'throws.ts:2'],
  [
    'misspelt.ts',
    "import { job } from 'millrace'\nexport default job('x', (env) => {\nenv.fromCollection([], { nam: 'x' }).print() })",
    'API_UNKNOWN_OPTION',
    'misspelt.ts:3',
  ],
  [
    'undefined.ts',
    "import { job } from 'millrace'\nexport default job('x', (env) => {\nenv.fromColection([]) })",
    'API_DEFINITION_FAILED',
    'undefined.ts:3',
  ],
])('%s is refused', async (name, source, expected, place) => {
  if (source !== undefined) await module(name, source)
  const { code, err } = await cli(['run', name], { cwd: folder })
  expect(code).toBe(1)
  expect(err.join('\n')).toContain(`[${expected}]`)
  if (place) expect(err.join('\n')).toContain(place)
  expect(err.join('\n')).not.toContain('    at ')
})

test('a job that is stopped finishes what it has read', async () => {
  await using broker = await startBroker({ port: 0, data: 'memory' })
  const bootstrap = ['--bootstrap', broker.bootstrapServers]
  await cli(['topic', 'create', 'in', 'out', ...bootstrap])
  await cli(['produce', 'in', ...bootstrap], { stdin: 'a\nb\n' })
  const file = await module(
    'copy.ts',
    `import { job, kafkaSink, kafkaSource, text } from 'millrace'
export default job('copy', (env) => {
  env.fromSource(kafkaSource({ topic: 'in', value: text() })).sinkTo(kafkaSink({ topic: 'out', value: text() }))
})`,
  )
  const controller = new AbortController()
  const running = cli(['run', file, ...bootstrap], { cwd: folder, stopping: controller.signal })
  expect((await cli(['consume', 'out', '--from-beginning', '-n', '2', ...bootstrap])).out).toEqual(['a', 'b'])
  controller.abort()
  const { code, err } = await running
  expect(code).toBe(0)
  expect(err.at(-1)).toMatch(/^copy stopped after /)
})
