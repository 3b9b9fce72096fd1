import type { Case } from './case.ts'
import { difference } from './compare.ts'
import { flinkDefects } from './flink-defects.ts'
import { runCase } from './run-case.ts'
import { unsupportedBehind } from './unsupported.ts'

export interface Verdict {
  readonly verdict: 'PASS' | 'FAIL' | 'N/A'
  readonly detail: string
}

/** Runs a case and compares. */
export async function judge(recorded: Case): Promise<Verdict> {
  if (recorded.program === undefined || recorded.output === undefined) {
    return { verdict: 'N/A', detail: `the family ${recorded.family} comes later` }
  }
  let differs: string | undefined
  const defect = flinkDefects(recorded)
  try {
    const actual = await runCase(recorded)
    differs = difference(recorded, actual)
    if (differs !== undefined && defect !== undefined) {
      const sound = recorded.output.filter(defect.isSound)
      if (sound.length === 0) return { verdict: 'N/A', detail: `Flink itself is wrong: ${defect.proof}` }
      differs = difference({ ...recorded, output: sound }, actual.filter(defect.isSound))
      if (differs === undefined) return { verdict: 'PASS', detail: `but where Flink itself is wrong: ${defect.proof}` }
    }
  } catch (error) {
    const unsupported = unsupportedBehind(error)
    if (unsupported !== undefined) return { verdict: 'N/A', detail: unsupported.message }
    return { verdict: 'FAIL', detail: error instanceof Error ? error.message : String(error) }
  }
  return differs === undefined ? { verdict: 'PASS', detail: '' } : { verdict: 'FAIL', detail: differs }
}
