/**
 * `npm test`: types, lint, format, the rules of tools/check and every test, as one run. The last line is
 * `N passed, M failed, K skipped`, where each of the checks counts as one.
 *
 * With arguments (`npm test -- packages/kafka`) only the tests that they name run.
 */
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Outcome, root, runStep } from './step.ts'
import { countTests, lastLine, type Totals } from './totals.ts'

const { positionals } = parseArgs({ allowPositionals: true })
const resultFile = join(root, '.cache', 'test-results.json')
const node = (script: string, ...args: string[]) => [process.execPath, join(root, 'node_modules', script), ...args]

const checks = [
  { name: 'types of the packages', command: node('typescript/bin/tsc', '-b') },
  { name: 'types of tests, examples and tools', command: node('typescript/bin/tsc', '-p', 'tsconfig.test.json') },
  { name: 'lint', command: node('oxlint/bin/oxlint', '--deny-warnings') },
  { name: 'format', command: node('@biomejs/biome/bin/biome', 'format', '--reporter=summary', '.') },
  { name: 'documentation', command: [process.execPath, ...process.execArgv, join(root, 'tools/docs/main.ts')] },
  { name: 'architecture rules', command: [process.execPath, join(root, 'tools/check/main.ts')] },
]

async function runChecks(some: typeof checks): Promise<Totals> {
  const totals: Totals = { passed: 0, failed: 0, skipped: 0, failures: [] }
  for (const { name, command } of some) {
    const { ok, output, seconds } = await runStep(command)
    console.log(`${ok ? '✓' : '✗'} ${name} (${seconds.toFixed(1)} s)`)
    if (ok) totals.passed++
    else {
      totals.failed++
      totals.failures.push({ name, detail: output.trim() })
    }
  }
  return totals
}

async function runTests(filters: string[]): Promise<Totals> {
  await mkdir(join(root, '.cache'), { recursive: true })
  await rm(resultFile, { force: true })
  const outcome: Outcome = await runStep(
    node(
      'vitest/vitest.mjs',
      'run',
      '--reporter=dot',
      '--reporter=json',
      `--outputFile.json=${resultFile}`,
      ...filters,
    ),
  )
  console.log(`${outcome.ok ? '✓' : '✗'} tests (${outcome.seconds.toFixed(1)} s)`)
  const report = await readFile(resultFile, 'utf8').catch(() => undefined)
  return countTests(report, outcome, root)
}

const all =
  positionals.length > 0
    ? [await runTests(positionals)]
    : // The tests of the packed packages need what the first check builds.
      [await runChecks(checks.slice(0, 1)), ...(await Promise.all([runChecks(checks.slice(1)), runTests([])]))]

for (const { failures } of all) {
  for (const { name, detail } of failures) console.log(`\n✗ ${name}\n${detail.replace(/^/gm, '    ')}`)
}
const line = lastLine(all)
console.log(`\n${line.text}`)
process.exitCode = line.exitCode
