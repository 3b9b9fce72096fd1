import { simulate, type SimulationOptions, type SimulationResult } from './simulate.ts'

/** What went wrong with a seed, in words, with the command that shows it again; undefined when nothing did. */
export async function problemOf(seed: number, options: SimulationOptions = {}): Promise<string | undefined> {
  let result: SimulationResult
  try {
    result = await simulate(seed, options)
  } catch (cause) {
    return `${replayOf(seed)}\n${cause instanceof Error ? cause.stack : String(cause)}`
  }
  const { violations } = result
  if (violations.length === 0) return undefined
  const shown = violations.slice(0, 5).map(({ kind, what }) => `  ${kind}: ${what}`)
  return [`${replayOf(seed)} (${violations.length} violations)`, ...shown].join('\n')
}

function replayOf(seed: number): string {
  return `Seed ${seed} fails. Replay: npm run simulate -- --seed ${seed}`
}
