import type { Clock, TimerHandle } from '@millrace/std'
import type { Command, CommandTimers } from './shard-context.ts'
import { noRecords } from './shard-context.ts'

interface Pending {
  /** By the monotonic clock. */
  deadline: number
  command: Command
  handle: TimerHandle
  /** When the handle's timer ends: not after the deadline, but perhaps before. */
  wakesAt: number
}

/**
 * Commands that run when a deadline passes, one for each key. Putting a deadline off, as every heartbeat does, costs a number:
 * the timer underneath stays as it is and, when it ends too early, is set for what remains.
 */
export class KeyedTimers {
  readonly #timers: CommandTimers
  readonly #clock: Clock
  readonly #pending = new Map<string, Pending>()

  constructor(timers: CommandTimers, clock: Clock) {
    this.#timers = timers
    this.#clock = clock
  }

  has(key: string): boolean {
    return this.#pending.has(key)
  }

  /** Runs `command` after `delayMs`, in place of what was to run for this key. */
  schedule(key: string, delayMs: number, command: Command): void {
    const pending = this.#pending.get(key)
    if (pending) {
      pending.command = command
      this.#setDeadline(key, pending, delayMs)
      return
    }
    const deadline = this.#clock.monotonic() + delayMs
    const handle = this.#timers.schedule(delayMs, () => this.#wake(key))
    this.#pending.set(key, { deadline, command, handle, wakesAt: deadline })
  }

  /** Puts the deadline of a key off to `delayMs` from now. False when there is none. */
  extend(key: string, delayMs: number): boolean {
    const pending = this.#pending.get(key)
    if (!pending) return false
    this.#setDeadline(key, pending, delayMs)
    return true
  }

  cancel(key: string): void {
    const pending = this.#pending.get(key)
    if (!pending) return
    this.#timers.cancel(pending.handle)
    this.#pending.delete(key)
  }

  cancelAll(): void {
    for (const { handle } of this.#pending.values()) this.#timers.cancel(handle)
    this.#pending.clear()
  }

  #setDeadline(key: string, pending: Pending, delayMs: number): void {
    pending.deadline = this.#clock.monotonic() + delayMs
    if (pending.deadline >= pending.wakesAt) return
    this.#timers.cancel(pending.handle)
    this.#arm(key, pending, delayMs)
  }

  #arm(key: string, pending: Pending, delayMs: number): void {
    pending.wakesAt = pending.deadline
    pending.handle = this.#timers.schedule(delayMs, () => this.#wake(key))
  }

  #wake(key: string): ReturnType<Command> {
    const pending = this.#pending.get(key)
    if (!pending) return noRecords
    // Timers of the host may end a fraction of a millisecond early.
    const remainingMs = pending.deadline - this.#clock.monotonic()
    if (remainingMs >= 1) {
      this.#arm(key, pending, Math.ceil(remainingMs))
      return noRecords
    }
    this.#pending.delete(key)
    return pending.command()
  }
}
