import type { Clock, TimerHandle, Timers } from '@millrace/std'

interface Pending {
  readonly due: number
  readonly callback: () => void
}

/**
 * The clock of a harness. Unlike a manual clock that passes every moment on its way, it stands at the new time already
 * when the timers up to it fire: as in Flink's operator harness.
 */
export class HarnessTime implements Clock, Timers {
  #now: number
  readonly #pending = new Set<Pending>()

  constructor(now: number) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  schedule(delayMs: number, callback: () => void): TimerHandle {
    const timer = { due: this.#now + delayMs, callback }
    this.#pending.add(timer)
    return timer
  }

  scheduleBackground(delayMs: number, callback: () => void): TimerHandle {
    return this.schedule(delayMs, callback)
  }

  /** Nothing runs by itself: the harness runs what is ready after each push. */
  immediate(): TimerHandle {
    return {}
  }

  cancel(handle: TimerHandle): void {
    this.#pending.delete(handle as Pending)
  }

  /** Fires the timers that are due by `time`, in order, with `afterEach` after each. */
  moveTo(time: number, afterEach: () => void): void {
    this.#now = Math.max(this.#now, time)
    for (let next = this.#earliest(); next && next.due <= this.#now; next = this.#earliest()) {
      this.#pending.delete(next)
      next.callback()
      afterEach()
    }
  }

  #earliest(): Pending | undefined {
    let earliest: Pending | undefined
    for (const timer of this.#pending) if (earliest === undefined || timer.due < earliest.due) earliest = timer
    return earliest
  }
}
