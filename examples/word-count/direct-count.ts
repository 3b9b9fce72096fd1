/** The same words counted in the plainest way, to hold the job's results against. */
export function countWords(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const line of lines) {
    for (const word of line.toLowerCase().split(/\W+/).filter(Boolean)) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  return counts
}

export interface Verdict {
  readonly ok: boolean
  readonly text: string
}

/** Compares the job's totals with the direct count, and says what differs first. */
export function compare(job: ReadonlyMap<string, number>, direct: ReadonlyMap<string, number>, file: string): Verdict {
  for (const word of new Set([...direct.keys(), ...job.keys()])) {
    const [got, expected] = [job.get(word) ?? 0, direct.get(word) ?? 0]
    if (got !== expected) {
      return { ok: false, text: `Wrong: the job counted '${word}' ${got} times; ${file} has it ${expected} times.` }
    }
  }
  const words = sum(direct.values())
  const [[top, times] = ['', 0]] = ranked(direct)
  return {
    ok: true,
    text: `Verified: ${words} words, ${direct.size} distinct, '${top}' ${times} times, as a direct count of ${file} has them.`,
  }
}

export function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}

/** The most frequent first, equal ones by alphabet. */
export function ranked(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
}
