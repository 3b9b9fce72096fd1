/** Reads time. The only way that code outside `std` learns what time it is. */
export interface Clock {
  /** Wall clock: milliseconds since 1970-01-01T00:00:00Z, an integer. It may jump when the host's clock is set. */
  now(): number
  /** Milliseconds since an arbitrary origin, with a fraction. It never goes back: use it for durations and deadlines. */
  monotonic(): number
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}
