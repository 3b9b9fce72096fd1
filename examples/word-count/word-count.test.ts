import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KafkaAdmin, startBroker } from 'millrace'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type DemoOptions, runDemo } from './demo.ts'
import type { ViewState } from './view.ts'

const lines = (await readFile(new URL('hamlet.txt', import.meta.url), 'utf8')).trimEnd().split('\n')
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-word-count-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function demo(options: Partial<DemoOptions> = {}) {
  const said: string[] = []
  const states: ViewState[] = []
  const verdict = await runDemo({
    lines,
    file: 'hamlet.txt',
    port: 0,
    data: join(folder, 'data'),
    once: true,
    pauseMs: 0,
    signal: new AbortController().signal,
    say: (line) => said.push(line),
    show: (state) => states.push(state),
    ...options,
  })
  return { verdict, said, last: states.at(-1) as ViewState }
}

test('the counts of the file, from topic to topic, twice on the same data', async () => {
  for (const run of [1, 2]) {
    const { verdict, said, last } = await demo()
    expect(verdict).toEqual({
      ok: true,
      text: "Verified: 271 words, 160 distinct, 'the' 19 times, as a direct count of hamlet.txt has them.",
    })
    expect(said.some((line) => line.includes('earlier run'))).toBe(run === 2)
    expect(last.windows.size).toBe(6)
    expect(last.lag).toBe(0)
    expect(last.recordsIn).toBe(lines.length + 3)
  }
})

test('a wrong result is found', async () => {
  const { verdict } = await demo({ expected: new Map([['hamlet', 1]]) })
  expect(verdict.ok).toBe(false)
  expect(verdict.text).toContain('Wrong')
})

test('a data folder that is in use is left alone: the next one, and it is said', async () => {
  await using broker = await startBroker({ port: 0, data: join(folder, 'data') })
  await using admin = new KafkaAdmin({ bootstrapServers: broker.bootstrapServers })
  const { verdict, said } = await demo()
  expect(verdict.ok).toBe(true)
  expect(said[0]).toContain(join(folder, 'data-2'))
  expect(await admin.listTopics()).toEqual([])
})

test('a port that is taken: the next one, and it is said', async () => {
  const server = createServer()
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
  )
  try {
    const { verdict, said, last } = await demo({ port })
    expect(verdict.ok).toBe(true)
    expect(said[0]).toMatch(new RegExp(`^Port ${port} is taken: the broker is on \\d+ instead.$`))
    expect(last.bootstrap).not.toBe(`127.0.0.1:${port}`)
  } finally {
    server.close()
  }
})

test('it ends when it is told to', async () => {
  const controller = new AbortController()
  const { verdict } = await demo({
    once: false,
    signal: controller.signal,
    show: ({ verdict: found }) => found && controller.abort(),
  })
  expect(verdict.ok).toBe(true)
})
