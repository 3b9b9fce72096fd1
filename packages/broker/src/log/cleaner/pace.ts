import { type Clock, type Timers, yieldToEventLoop } from '@millrace/std'

/** Bytes (decompressed ones included) that are worked through before the event loop gets its turn: about a millisecond. */
const sliceBytes = 128 * 1024
/** A wait for less than this is added to the next one. */
const shortestWaitMs = 20

/** Keeps compaction from getting in the way: lets the event loop turn, and keeps to `log.cleaner.io.max.bytes.per.second`. */
export class Pace {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #bytesPerSecond: number
  #sinceTurn = 0
  /** By the monotonic clock: when what was read and written so far may have been. */
  #allowedAt: number

  constructor(options: { clock: Clock; timers: Timers; bytesPerSecond: number }) {
    this.#clock = options.clock
    this.#timers = options.timers
    this.#bytesPerSecond = options.bytesPerSecond
    this.#allowedAt = options.clock.monotonic()
  }

  /** Takes note of bytes that were read or written. */
  io(bytes: number): void {
    this.#allowedAt += (bytes * 1_000) / this.#bytesPerSecond
  }

  /** Takes note of work on so many bytes. Answers whether it is time for a {@link pause}. */
  work(bytes: number): boolean {
    this.#sinceTurn += bytes
    return this.#sinceTurn >= sliceBytes
  }

  async pause(): Promise<void> {
    this.#sinceTurn = 0
    const now = this.#clock.monotonic()
    // Time in which nothing was done is no credit.
    this.#allowedAt = Math.max(this.#allowedAt, now)
    const waitMs = this.#allowedAt - now
    if (waitMs < shortestWaitMs) await yieldToEventLoop(this.#timers)
    else await new Promise<void>((resolve) => this.#timers.scheduleBackground(waitMs, resolve))
  }
}
