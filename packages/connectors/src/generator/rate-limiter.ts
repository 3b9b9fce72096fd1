import type { Clock, TimerHandle, Timers } from '@millrace/std'

/** The shortest pause: at high rates records come in bursts of that many milliseconds. */
const shortestPauseMs = 5
/** After a stall at most the records of that time are made up for. */
const longestBurstMs = 1000

/** Says how many records may be emitted now, and calls when there may be more. */
export class RateLimiter {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #perMs: number
  readonly #available: () => void
  #start: number
  #taken = 0
  #handle: TimerHandle | undefined

  /** `perSecond` may be Infinity. */
  constructor(perSecond: number, clock: Clock, timers: Timers, available: () => void) {
    this.#perMs = perSecond / 1000
    this.#clock = clock
    this.#timers = timers
    this.#available = available
    this.#start = clock.monotonic()
  }

  /** How many of `wanted` records may go now. 0: `available` will be called. */
  take(wanted: number): number {
    if (this.#perMs === Number.POSITIVE_INFINITY) return wanted
    const now = this.#clock.monotonic()
    // The first record goes at once, record n after n / rate.
    let allowed = Math.floor((now - this.#start) * this.#perMs) + 1 - this.#taken
    const most = Math.max(1, Math.floor(longestBurstMs * this.#perMs))
    if (allowed > most) {
      this.#start = now
      this.#taken = 1 - most
      allowed = most
    }
    const granted = Math.min(wanted, allowed)
    if (granted > 0) {
      this.#taken += granted
      return granted
    }
    this.#wait(this.#start + this.#taken / this.#perMs - now)
    return 0
  }

  close(): void {
    if (this.#handle !== undefined) this.#timers.cancel(this.#handle)
    this.#handle = undefined
  }

  #wait(ms: number): void {
    if (this.#handle !== undefined) return
    this.#handle = this.#timers.schedule(Math.max(shortestPauseMs, Math.ceil(ms)), () => {
      this.#handle = undefined
      this.#available()
    })
  }
}
