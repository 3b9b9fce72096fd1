import { describe, expect, it } from 'vitest'
import { type Plan, planOf } from './plan.ts'
import { plantedBugs } from './planted-bugs.ts'
import { simulate } from './simulate.ts'

/** A bug that so many histories do not show is not looked for well enough. */
const mostSeeds = 60

describe('the simulation finds a bug that is planted', () => {
  for (const bug of plantedBugs) {
    it(bug.name, { timeout: 120_000 }, async () => {
      const remove = bug.plant()
      try {
        const seen = new Set<string>()
        for (let seed = 1; seed <= mostSeeds; seed++) {
          for (const kind of await shownBy(seed, { ...planOf(seed), ...bug.plan })) seen.add(kind)
          if (bug.shows.some((kind) => seen.has(kind))) return
        }
        expect.fail(`${mostSeeds} seeds did not show it; they showed ${[...seen].join(', ') || 'nothing'}`)
      } finally {
        remove()
      }
    })
  }
})

/** A bug may also keep a run from coming to its end. */
async function shownBy(seed: number, plan: Plan): Promise<string[]> {
  try {
    const { violations } = await simulate(seed, { plan })
    return violations.map(({ kind }) => kind)
  } catch (cause) {
    return [String(cause)]
  }
}
