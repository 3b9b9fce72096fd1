import type { Clock, TimerHandle } from '@millrace/std'
import { type Command, type CommandTimers, noRecords } from './shard-context.ts'

/**
 * A command that runs when a deadline passes. Putting the deadline off, as every heartbeat does, costs a number: the timer
 * underneath stays as it is and, when it ends too early, is set for what remains.
 */
export class Deadline {
  readonly #timers: CommandTimers
  readonly #clock: Clock
  #command: Command = () => noRecords
  /** By the monotonic clock. */
  #atMs = 0
  #timer: TimerHandle | undefined
  /** When the timer ends: not after the deadline, but perhaps before. */
  #timerEndsMs = 0

  constructor(timers: CommandTimers, clock: Clock) {
    this.#timers = timers
    this.#clock = clock
  }

  get isSet(): boolean {
    return this.#timer !== undefined
  }

  /** Runs `command` after `delayMs`, in place of what was to run. */
  set(delayMs: number, command: Command): void {
    this.#command = command
    this.#putAt(delayMs)
  }

  /** Moves a deadline that is set to `delayMs` from now. False when none is. */
  extend(delayMs: number): boolean {
    if (this.#timer === undefined) return false
    this.#putAt(delayMs)
    return true
  }

  cancel(): void {
    if (this.#timer !== undefined) this.#timers.cancel(this.#timer)
    this.#timer = undefined
  }

  #putAt(delayMs: number): void {
    this.#atMs = this.#clock.monotonic() + delayMs
    if (this.#timer !== undefined && this.#timerEndsMs <= this.#atMs) return
    this.cancel()
    this.#arm(delayMs)
  }

  #arm(delayMs: number): void {
    this.#timerEndsMs = this.#clock.monotonic() + delayMs
    this.#timer = this.#timers.schedule(delayMs, () => this.#wake())
  }

  #wake(): ReturnType<Command> {
    this.#timer = undefined
    // Timers of the host may end a fraction of a millisecond early.
    const remainingMs = this.#atMs - this.#clock.monotonic()
    if (remainingMs < 1) return this.#command()
    this.#arm(Math.ceil(remainingMs))
    return noRecords
  }
}
