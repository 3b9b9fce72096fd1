import type { Clock, TimerHandle, Timers } from '@millrace/std'

/** Chains of promises longer than this, with nothing that the clock runs in between, need another look. */
const quietTurns = 300

interface Pending {
  due: number
  order: number
  callback: () => void
}

/**
 * A clock that moves only when a test says so, with its timers.
 *
 * @example
 * const clock = new ManualClock()
 * clock.schedule(100, () => console.log(clock.now())) // prints 1700000000100
 * clock.advance(100)
 */
export class ManualClock implements Clock, Timers {
  #now: number
  #elapsed = 0
  #order = 0
  /** Sorted by due time, then by the order of scheduling. */
  readonly #timers: Pending[] = []
  readonly #immediates = new Set<{ callback: () => void }>()

  /** `now`: milliseconds since the epoch at the start. */
  constructor(options: { now?: number } = {}) {
    this.#now = options.now ?? 1_700_000_000_000
  }

  now(): number {
    return Math.floor(this.#now)
  }

  monotonic(): number {
    return this.#elapsed
  }

  /** Sets the wall clock, as an administrator would: no timer runs, `monotonic` does not move. */
  setWallClock(now: number): void {
    this.#now = now
  }

  schedule(delayMs: number, callback: () => void): TimerHandle {
    const timer: Pending = { due: this.#elapsed + Math.max(0, delayMs), order: this.#order++, callback }
    let low = 0
    let high = this.#timers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#timers[middle] as Pending).due <= timer.due) low = middle + 1
      else high = middle
    }
    this.#timers.splice(low, 0, timer)
    return timer
  }

  scheduleBackground(delayMs: number, callback: () => void): TimerHandle {
    return this.schedule(delayMs, callback)
  }

  immediate(callback: () => void): TimerHandle {
    const handle = { callback }
    this.#immediates.add(handle)
    return handle
  }

  cancel(handle: TimerHandle): void {
    if (this.#immediates.delete(handle as { callback: () => void })) return
    const at = this.#timers.indexOf(handle as Pending)
    if (at >= 0) this.#timers.splice(at, 1)
  }

  /** Callbacks that wait: timers and immediates. */
  get pending(): number {
    return this.#timers.length + this.#immediates.size
  }

  /**
   * Moves time forward. Each timer that falls due runs at its own time, in the order of due times (equal ones in the
   * order of scheduling), those scheduled on the way included; immediates run before the next timer.
   */
  advance(ms: number): void {
    const end = this.#elapsed + ms
    this.runImmediates()
    for (let next = this.#timers[0]; next && next.due <= end; next = this.#timers[0]) {
      this.#timers.shift()
      this.#moveTo(next.due)
      next.callback()
      this.runImmediates()
    }
    this.#moveTo(end)
  }

  /** As {@link advance}, and lets promises settle after each timer. */
  async advanceAsync(ms: number): Promise<void> {
    const end = this.#elapsed + ms
    await this.settle()
    for (let next = this.#timers[0]; next && next.due <= end; next = this.#timers[0]) {
      this.advance(next.due - this.#elapsed)
      await this.settle()
    }
    this.#moveTo(end)
  }

  /** Runs the immediates that wait, and those that they schedule. */
  runImmediates(): void {
    for (const handle of this.#immediates) {
      this.#immediates.delete(handle)
      handle.callback()
    }
  }

  /** Runs immediates and lets promises settle until neither brings anything new. Time does not move. */
  async settle(): Promise<void> {
    let quiet = 0
    while (quiet < quietTurns) {
      quiet = this.#immediates.size > 0 ? 0 : quiet + 1
      this.runImmediates()
      await Promise.resolve()
    }
  }

  #moveTo(elapsed: number): void {
    if (elapsed <= this.#elapsed) return
    this.#now += elapsed - this.#elapsed
    this.#elapsed = elapsed
  }
}
