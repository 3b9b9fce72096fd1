import type { Clock } from '@millrace/std'
import { Deadline } from './deadline.ts'
import type { Command, CommandTimers } from './shard-context.ts'

/** Commands that run when a deadline passes, one for each key. */
export class KeyedTimers {
  readonly #timers: CommandTimers
  readonly #clock: Clock
  readonly #deadlines = new Map<string, Deadline>()

  constructor(timers: CommandTimers, clock: Clock) {
    this.#timers = timers
    this.#clock = clock
  }

  has(key: string): boolean {
    return this.#deadlines.get(key)?.isSet ?? false
  }

  /** Runs `command` after `delayMs`, in place of what was to run for this key. */
  schedule(key: string, delayMs: number, command: Command): void {
    let deadline = this.#deadlines.get(key)
    if (!deadline) this.#deadlines.set(key, (deadline = new Deadline(this.#timers, this.#clock)))
    deadline.set(delayMs, () => {
      this.#deadlines.delete(key)
      return command()
    })
  }

  /** Puts the deadline of a key off to `delayMs` from now. False when there is none. */
  extend(key: string, delayMs: number): boolean {
    return this.#deadlines.get(key)?.extend(delayMs) ?? false
  }

  cancel(key: string): void {
    this.#deadlines.get(key)?.cancel()
    this.#deadlines.delete(key)
  }

  cancelAll(): void {
    for (const deadline of this.#deadlines.values()) deadline.cancel()
    this.#deadlines.clear()
  }
}
