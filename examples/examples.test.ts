import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** As `npm run example -- NAME` runs it. */
const example = (...args: string[]) =>
  promisify(execFile)(process.execPath, ['--conditions=millrace-source', join(import.meta.dirname, 'run.ts'), ...args])

test('uppercase', async () => {
  const { stdout } = await example('uppercase')
  expect(stdout).toBe('TO\nBE\nOR\nNOT\nTO\nBE\n')
})

test('hundred-messages', async () => {
  const { stdout } = await example('hundred-messages')
  const expected = Array.from({ length: 100 }, (_, i) => `${i} key-${i} value-${i}`)
  expect(stdout.trimEnd().split('\n')).toEqual(expected)
})

test('an example that there is not', async () => {
  await expect(example('lowercase')).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('uppercase') })
})

test.each([
  ['hundred-messages', '--bootstrp', 'x'],
  ['word-count', '--onec'],
  ['word-count', '--port', 'ninety'],
])('a wrong option of %s: %s', async (...args) => {
  await expect(example(...args)).rejects.toMatchObject({ code: 2, stderr: expect.stringMatching(/^error: .*\n$/) })
})

test('the README shows the job as it is', async () => {
  const read = (path: string) => readFile(join(import.meta.dirname, path), 'utf8')
  expect(await read('../README.md')).toContain(`\`\`\`ts\n${await read('word-count/word-count.ts')}\`\`\``)
})
