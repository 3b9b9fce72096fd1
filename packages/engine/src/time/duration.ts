import { MillraceError } from '@millrace/std'

const unitMs = {
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
} as const

type Unit = keyof typeof unitMs

/** `'200 ms'`, `'5 s'`, `'1 min'`, `'2 h'`, `'1 d'` (the space may be left out), or a number of milliseconds. */
export type Duration = number | `${number}${'' | ' '}${Unit}`

const pattern = /^\s*([+-]?\d+(?:\.\d+)?)\s*([a-zA-Zµ]+)\s*$/

/**
 * Milliseconds of a duration, a whole number.
 *
 * @param what names the argument in the error: `the size of tumbling()`
 * @throws MillraceError `API_BAD_DURATION`
 */
export function durationMs(duration: Duration, what: string): number {
  const ms = typeof duration === 'number' ? duration : parse(duration)
  if (ms === undefined || !Number.isSafeInteger(ms)) {
    throw new MillraceError('API_BAD_DURATION', {
      message: `${capitalized(what)} is not a duration: ${typeof duration === 'string' ? `'${duration}'` : String(duration)}.`,
      fix: "Write a number with a unit ('200 ms', '5 s', '1 min', '2 h' or '1 d'), or a whole number of milliseconds.",
    })
  }
  return ms
}

/** As {@link durationMs}, for what must be longer than nothing. */
export function positiveDurationMs(duration: Duration, what: string): number {
  const ms = durationMs(duration, what)
  if (ms <= 0) {
    throw new MillraceError('API_BAD_DURATION', {
      message: `${capitalized(what)} must be greater than zero, not ${typeof duration === 'number' ? `${duration} ms` : duration}.`,
      fix: "Give a positive duration, such as '5 s'.",
    })
  }
  return ms
}

/** As {@link durationMs}, for what may be nothing but not less. */
export function nonNegativeDurationMs(duration: Duration, what: string): number {
  const ms = durationMs(duration, what)
  if (ms < 0) {
    throw new MillraceError('API_BAD_DURATION', {
      message: `${capitalized(what)} is negative: ${ms} ms.`,
      fix: "Give 0 or more, such as '1 min'.",
    })
  }
  return ms
}

function parse(text: unknown): number | undefined {
  const match = typeof text === 'string' ? pattern.exec(text) : null
  if (!match) return undefined
  const factor = unitMs[match[2] as Unit] as number | undefined
  // 0.1 * 1000 is exact enough only after rounding: what is left of a millisecond is refused by the caller.
  return factor === undefined ? undefined : Number((Number(match[1]) * factor).toFixed(6))
}

/** `5000` → `5 s`, `1500` → `1500 ms`: for names and explain. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'min', 's'] as const) {
    if (ms !== 0 && ms % unitMs[unit] === 0) return `${ms / unitMs[unit]} ${unit}`
  }
  return `${ms} ms`
}

const capitalized = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
