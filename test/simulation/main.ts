import { parseArgs } from 'node:util'
import { problemOf } from './seeds.ts'

const { values } = parseArgs({
  options: { seed: { type: 'string' }, from: { type: 'string' }, seeds: { type: 'string' } },
})

// One seed is told in full; of many only those that fail.
const one = values.seed === undefined ? undefined : Number(values.seed)
const from = one ?? Number(values.from ?? 1)
const count = one === undefined ? Number(values.seeds ?? 1_000) : 1
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(count) || count < 1) {
  console.error('npm run simulate -- [--seed N] | [--from N] [--seeds COUNT], whole numbers')
  process.exit(2)
}
let failures = 0
for (let seed = from; seed < from + count; seed++) {
  const problem = await problemOf(seed, one === undefined ? {} : { trace: (line) => console.log(line) })
  if (problem === undefined) continue
  failures++
  console.log(problem)
}
console.log(`${count - failures} of ${count} seeds passed, from ${from} on`)
process.exitCode = failures === 0 ? 0 : 1
