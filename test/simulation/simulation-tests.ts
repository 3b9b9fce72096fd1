import { describe, expect, it } from 'vitest'
import { problemOf } from './seeds.ts'

const from = Number(process.env['MILLRACE_SIMULATION_FROM'] ?? 1)
const count = Number(process.env['MILLRACE_SIMULATION_SEEDS'] ?? 1_000)
const perTest = 50

/** The tests of one half of the seeds: 1,000 from 1 on, or as MILLRACE_SIMULATION_SEEDS and MILLRACE_SIMULATION_FROM say. */
export function simulationTests(half: 'first half' | 'second half'): void {
  const middle = from + Math.ceil(count / 2)
  const [start, end] = half === 'first half' ? [from, middle] : [middle, from + count]
  describe('a simulated broker keeps its promises through crashes, lost power, failing disks and broken connections', () => {
    for (let first = start; first < end; first += perTest) {
      const last = Math.min(first + perTest, end) - 1
      it(`seeds ${first} to ${last}`, { timeout: 300_000 }, async () => {
        const problems: string[] = []
        for (let seed = first; seed <= last; seed++) {
          const problem = await problemOf(seed)
          if (problem) problems.push(problem)
        }
        expect(problems.join('\n')).toBe('')
      })
    }
  })
}
