import { type Clock, Heap, systemTimers, type TimerHandle, type Timers, yieldToEventLoop } from '@millrace/std'
import { SimulatedCrash } from '../simulated-disk.ts'

interface Event {
  due: number
  order: number
  /** Undefined once it was cancelled. */
  callback: (() => void) | undefined
}

/** Thrown when nothing is left that could happen, or too much has: the simulated program waits for something that never comes. */
export class SimulationStuck extends Error {
  override name = 'SimulationStuck'
}

/**
 * The time of a simulation: nothing happens but the next event, and between two events time jumps. After each event all
 * promises settle, so a run depends on nothing but the order of events, and can be repeated.
 *
 * @example
 * const time = new SimulatedTime()
 * let done = false
 * time.schedule(3_600_000, () => { done = true })
 * await time.runUntil(() => done) // at once
 */
export class SimulatedTime implements Clock, Timers {
  #now: number
  #elapsed = 0
  #order = 0
  /** A binary heap by due time, then by the order of scheduling. */
  readonly #heap = new Heap<Event>(isBefore)
  /** Events that ran. */
  events = 0

  /** `now`: milliseconds since the epoch at the start. */
  constructor(options: { now?: number } = {}) {
    this.#now = options.now ?? 1_700_000_000_000
  }

  now(): number {
    return Math.floor(this.#now + this.#elapsed)
  }

  monotonic(): number {
    return this.#elapsed
  }

  /** Moves the wall clock by `ms` (also back), as an administrator or NTP would; `monotonic` does not move. */
  shiftWallClock(ms: number): void {
    this.#now += ms
  }

  schedule(delayMs: number, callback: () => void): TimerHandle {
    const event: Event = { due: this.#elapsed + Math.max(0, delayMs), order: this.#order++, callback }
    this.#heap.push(event)
    return event
  }

  scheduleBackground(delayMs: number, callback: () => void): TimerHandle {
    return this.schedule(delayMs, callback)
  }

  immediate(callback: () => void): TimerHandle {
    return this.schedule(0, callback)
  }

  cancel(handle: TimerHandle): void {
    ;(handle as Event).callback = undefined
  }

  /**
   * Runs events until `done`. Throws {@link SimulationStuck} when there is nothing left to run, or when `maxMs` of
   * simulated time or `maxEvents` have passed.
   */
  async runUntil(done: () => boolean, limits: { maxMs?: number; maxEvents?: number } = {}): Promise<void> {
    const end = this.#elapsed + (limits.maxMs ?? Number.POSITIVE_INFINITY)
    const lastEvent = this.events + (limits.maxEvents ?? Number.POSITIVE_INFINITY)
    await yieldToEventLoop(systemTimers)
    while (!done()) {
      const event = this.#pop()
      if (!event) throw new SimulationStuck('Nothing is left to happen')
      if (event.due > end) throw new SimulationStuck(`Not done after ${limits.maxMs} ms of simulated time`)
      if (this.events >= lastEvent)
        throw new SimulationStuck(`Not done after ${limits.maxEvents} events, at ${this.#elapsed} ms`)
      this.#elapsed = Math.max(this.#elapsed, event.due)
      this.events++
      try {
        event.callback?.()
      } catch (cause) {
        // A machine without power: whoever asked its disk ran on it, and has come to its end.
        if (!(cause instanceof SimulatedCrash)) throw cause
      }
      await yieldToEventLoop(systemTimers)
    }
  }

  /** Runs everything that happens in the next `ms`. */
  async run(ms: number): Promise<void> {
    let over = false
    this.schedule(ms, () => {
      over = true
    })
    await this.runUntil(() => over)
  }

  /** The next event that was not cancelled. */
  #pop(): Event | undefined {
    for (;;) {
      const first = this.#heap.pop()
      if (!first || first.callback) return first
    }
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order)
}
