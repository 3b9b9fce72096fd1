import type { Clock, TimerHandle, Timers } from '@millrace/std'
import type { ActionResult } from './mailbox.ts'

export interface Schedulable {
  /** Handles mail and a few batches; never blocks. */
  run(): ActionResult
}

/** How long tasks may keep the thread before I/O and timers get their turn. */
const sliceMs = 4

/**
 * Shares one thread among the tasks of a job: those that have something to do take turns, and after each slice the
 * event loop handles its I/O. A job that has nothing to do costs nothing.
 */
export class TaskScheduler {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #ready = new Set<Schedulable>()
  #handle: TimerHandle | undefined
  #running = false
  #closed = false

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock
    this.#timers = timers
  }

  /** The task has something to do. Cheap, may be called often, also by the task itself while it runs. */
  wake(task: Schedulable): void {
    if (this.#closed) return
    this.#ready.add(task)
    if (!this.#running && this.#handle === undefined) this.#handle = this.#timers.immediate(this.#slice)
  }

  /** Runs until no task has anything to do: for harnesses, which decide themselves when time passes. */
  runUntilIdle(): void {
    while (this.#ready.size > 0) this.#turn()
  }

  close(): void {
    this.#closed = true
    this.#ready.clear()
    if (this.#handle !== undefined) this.#timers.cancel(this.#handle)
    this.#handle = undefined
  }

  readonly #slice = (): void => {
    this.#handle = undefined
    const deadline = this.#clock.monotonic() + sliceMs
    do this.#turn()
    while (this.#ready.size > 0 && this.#clock.monotonic() < deadline)
    if (this.#ready.size > 0 && !this.#closed) this.#handle = this.#timers.immediate(this.#slice)
  }

  /** The task that has waited longest gets its turn. */
  #turn(): void {
    for (const task of this.#ready) {
      this.#ready.delete(task)
      this.#running = true
      try {
        if (task.run() === 'more' && !this.#closed) this.#ready.add(task)
      } finally {
        this.#running = false
      }
      return
    }
  }
}
