/**
 * An error that a user can act on. Every one has a stable code (a table per package lists them), says what is wrong,
 * and how to put it right.
 *
 * @example
 * throw new MillraceError('BROKER_PORT_IN_USE', {
 *   message: 'Port 9092 on 127.0.0.1 is taken by another process.',
 *   fix: 'Stop that process, or choose another port with --port.',
 * })
 */
export class MillraceError extends Error {
  override name = 'MillraceError'
  /** Stable, upper case: programs may compare it. */
  readonly code: string
  /** What to do about it, a sentence. */
  readonly fix: string | undefined

  constructor(code: string, { message, fix, cause }: { message: string; fix?: string; cause?: unknown }) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.fix = fix
  }
}

/**
 * The entry of `known` that was probably meant by `given`, or undefined when none is near.
 *
 * @example
 * suggest('retension.ms', ['retention.ms', 'retention.bytes']) // 'retention.ms'
 */
export function suggest(given: string, known: Iterable<string>): string | undefined {
  const wanted = given.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(given.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase(), bestDistance)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Optimal string alignment distance (a swap of neighbours counts one), or `limit` when it is not below that. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let distance = Math.min(
        (previous[j] as number) + 1,
        (current[j - 1] as number) + 1,
        (previous[j - 1] as number) + cost,
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, (beforePrevious[j - 2] as number) + 1)
      }
      current.push(distance)
    }
    beforePrevious = previous
    previous = current
  }
  return Math.min(previous[b.length] as number, limit)
}
