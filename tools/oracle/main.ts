// npm run oracle -- FOLDER…: runs every case file under the folders over the public API and compares with what Apache
// Flink gave. One line per case: FAMILY NAME PASS|FAIL|N/A detail; then `N passed, M failed, K skipped`.
import { existsSync } from 'node:fs'
import { casesUnder } from './case.ts'
import { judge } from './judge.ts'

const folders = process.argv.slice(2)
if (folders.length === 0) folders.push('test/oracle/cases')
const missing = folders.find((folder) => !existsSync(folder))
if (missing !== undefined) {
  console.error(`There is no folder ${missing}. Say where the cases are: npm run oracle -- FOLDER…`)
  process.exit(2)
}

const totals = { PASS: 0, FAIL: 0, 'N/A': 0 }
for (const folder of folders) {
  for (const { file, case: recorded } of casesUnder(folder)) {
    const { verdict, detail } = await judge(recorded)
    totals[verdict]++
    const place = verdict === 'FAIL' ? `${file}: ` : ''
    console.log(`${recorded.family} ${recorded.name ?? ''} ${verdict} ${place}${detail}`.trimEnd())
  }
}
console.log(`${totals.PASS} passed, ${totals.FAIL} failed, ${totals['N/A']} skipped`)
process.exitCode = totals.FAIL > 0 ? 1 : 0
