import { expect, test } from 'vitest'
import { countTests, lastLine } from './totals.ts'

const good = { ok: true, output: '', seconds: 1 }
const bad = { ok: false, output: 'Error: out of memory', seconds: 1 }
const result = (status: string, message = '') => ({
  fullName: `a ${status}`,
  status,
  failureMessages: message ? [message] : [],
})
const report = (status: string, assertionResults: unknown[], message = '') =>
  JSON.stringify({ testResults: [{ name: '/repo/packages/std/test/a.test.ts', status, message, assertionResults }] })

test('counts what passed, failed and was skipped, and names the failures', () => {
  const totals = countTests(
    report('failed', [
      result('passed'),
      result('passed'),
      result('failed', 'expected 1'),
      result('pending'),
      result('todo'),
    ]),
    bad,
    '/repo',
  )
  expect(totals).toEqual({
    passed: 2,
    failed: 1,
    skipped: 2,
    failures: [{ name: 'packages/std/test/a.test.ts > a failed', detail: 'expected 1' }],
  })
  expect(lastLine([totals, { passed: 1, failed: 0, skipped: 0, failures: [] }])).toEqual({
    text: '3 passed, 1 failed, 2 skipped',
    exitCode: 1,
  })
})

test('a file that does not load, a run that breaks and a run without tests are failures', () => {
  expect(countTests(report('failed', [], 'SyntaxError'), bad, '/repo').failures).toEqual([
    { name: 'packages/std/test/a.test.ts', detail: 'SyntaxError' },
  ])
  expect(countTests(undefined, bad, '/repo').failures).toEqual([
    { name: 'the test run', detail: 'Error: out of memory' },
  ])
  expect(countTests(report('passed', [result('passed')]), bad, '/repo').failed).toBe(1)
  expect(countTests(report('passed', []), good, '/repo').failed).toBe(1)
})

test('nothing failed', () => {
  expect(lastLine([countTests(report('passed', [result('passed')]), good, '/repo')])).toEqual({
    text: '1 passed, 0 failed, 0 skipped',
    exitCode: 0,
  })
})
