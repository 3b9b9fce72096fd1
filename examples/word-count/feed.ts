/** A line for the topic `lines`, with its event time. */
export interface TimedLine {
  readonly value: string
  /** Milliseconds since the epoch. */
  readonly timestamp: number
}

/**
 * Spreads lines evenly over `spanMs` of event time that ends at the window's end before `now`: in the past, so that
 * what somebody adds by hand comes later.
 */
export function spread(
  lines: readonly string[],
  { spanMs, windowMs, now }: { spanMs: number; windowMs: number; now: number },
): TimedLine[] {
  const end = Math.floor(now / windowMs) * windowMs
  return lines.map((value, i) => ({ value, timestamp: end - spanMs + Math.floor((i * spanMs) / lines.length) }))
}
