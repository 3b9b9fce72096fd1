import type { TimerHandle, Timers } from '@millrace/std'

/** Something that can be flushed: a log. `flush` must not reject. */
export interface Flushable {
  flush(): Promise<void>
}

/**
 * Group commit over all logs: requests that come while the event loop handles what is ready are served together, one
 * flush runs per log, and a bounded number altogether, so that fsync does not take every thread of the pool.
 */
export class FlushScheduler {
  readonly #timers: Timers
  readonly #limit: number
  readonly #waiting = new Set<Flushable>()
  readonly #running = new Set<Flushable>()
  #start: TimerHandle | undefined
  #idle: (() => void)[] = []

  constructor(options: { timers: Timers; maxConcurrent: number }) {
    this.#timers = options.timers
    this.#limit = options.maxConcurrent
  }

  get inFlight(): number {
    return this.#running.size
  }

  /** A flush of `log` will start after this call, at the latest when the one that is running has ended. */
  request(log: Flushable): void {
    this.#waiting.add(log)
    if (this.#start === undefined && this.#running.size < this.#limit) {
      this.#start = this.#timers.immediate(this.#startWaiting)
    }
  }

  /** Resolves when nothing waits and nothing runs. */
  idle(): Promise<void> {
    if (this.#waiting.size === 0 && this.#running.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  readonly #startWaiting = (): void => {
    this.#start = undefined
    for (const log of this.#waiting) {
      if (this.#running.size >= this.#limit) return
      if (this.#running.has(log)) continue
      this.#waiting.delete(log)
      this.#run(log)
    }
  }

  async #run(log: Flushable): Promise<void> {
    this.#running.add(log)
    await log.flush()
    this.#running.delete(log)
    // What gathered meanwhile shares the next flush, which starts at once.
    this.#startWaiting()
    if (this.#waiting.size === 0 && this.#running.size === 0) {
      for (const resolve of this.#idle.splice(0)) resolve()
    }
  }
}
