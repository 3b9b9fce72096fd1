/** The test kit in jest, which loads modules in its own way: in a CommonJS project, without flags or transforms. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { npmFolder } from './peers.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const jest = npmFolder('jest', '30.5.2')

const testFile = `
const { embeddedKafka, ManualClock } = require('millrace/testing')

let kafka
beforeAll(async () => {
  kafka = await embeddedKafka({ topics: ['t'], clock: new ManualClock({ now: Date.now() }) })
})
afterAll(() => kafka.close())

test('records of every kind come back', async () => {
  await kafka.produce('t', [Buffer.from('one'), new Uint8Array([116, 119, 111]), { key: 'k', value: 'three' }])
  const records = await kafka.waitFor('t', 3)
  expect(records.map(({ value }) => value)).toEqual(['one', 'two', 'three'])
})

test('errors are errors', async () => {
  expect(() => kafka.inject({ api: 'Produce' })).toThrow('does nothing')
  await expect(kafka.waitFor('t', 9, { timeoutMs: 20 })).rejects.toThrow('There are 3 records')
})
`

test.skipIf(!jest.available)('the test kit in jest', () => {
  if (!jest.available) return
  spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b'], { cwd: root })
  const project = mkdtempSync(join(tmpdir(), 'millrace-jest-'))
  try {
    mkdirSync(join(project, 'node_modules'))
    symlinkSync(join(root, 'packages/cli'), join(project, 'node_modules/millrace'))
    writeFileSync(join(project, 'package.json'), '{ "private": true }\n')
    writeFileSync(join(project, 'kafka.test.js'), testFile)
    const { NODE_OPTIONS: _, ...env } = process.env
    const { stderr, status } = spawnSync(
      process.execPath,
      [join(jest.value, 'node_modules/jest/bin/jest.js'), '--rootDir', project, '--detectOpenHandles'],
      { cwd: project, env, encoding: 'utf8', timeout: 60_000 },
    )
    expect(stderr).toContain('Tests:       2 passed, 2 total')
    expect(status).toBe(0)
  } finally {
    rmSync(project, { recursive: true, force: true })
  }
})
