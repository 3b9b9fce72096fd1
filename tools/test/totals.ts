import { relative } from 'node:path'
import type { Outcome } from './step.ts'

export interface Totals {
  passed: number
  failed: number
  skipped: number
  readonly failures: { readonly name: string; readonly detail: string }[]
}

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo' | 'disabled'
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

/**
 * Counts a report. What no test stands for is a failure too: no report, a file that did not load, an error outside all
 * tests.
 */
export function countTests(reportText: string | undefined, outcome: Outcome, root: string): Totals {
  const totals: Totals = { passed: 0, failed: 0, skipped: 0, failures: [] }
  const fail = (name: string, detail: string) => {
    totals.failed++
    totals.failures.push({ name, detail })
  }
  const report = reportText === undefined ? undefined : (JSON.parse(reportText) as Report)
  for (const file of report?.testResults ?? []) {
    const path = relative(root, file.name)
    for (const test of file.assertionResults) {
      if (test.status === 'passed') totals.passed++
      else if (test.status === 'failed') fail(`${path} > ${test.fullName}`, test.failureMessages.join('\n'))
      else totals.skipped++
    }
    const explained = file.assertionResults.some((test) => test.status === 'failed')
    if (file.status === 'failed' && !explained) fail(path, file.message)
  }
  if (!outcome.ok && totals.failed === 0) fail('the test run', outcome.output.trim().split('\n').slice(-60).join('\n'))
  if (outcome.ok && totals.passed + totals.skipped === 0) fail('the test run', 'no test ran')
  return totals
}

/** The line that ends the run, in the form that continuous integration reads, and the exit code that goes with it. */
export function lastLine(all: readonly Totals[]): { text: string; exitCode: 0 | 1 } {
  const sum = (pick: (totals: Totals) => number) => all.reduce((total, totals) => total + pick(totals), 0)
  const failed = sum((totals) => totals.failed)
  const text = `${sum((totals) => totals.passed)} passed, ${failed} failed, ${sum((totals) => totals.skipped)} skipped`
  return { text, exitCode: failed === 0 ? 0 : 1 }
}
