import { type Clock, Heap, type TimerHandle, type Timers } from '@millrace/std'
import type { ProcessingTimer, ProcessingTimeService } from '../time/processing-time.ts'

/** The longest delay that the host's timers take. */
const longestDelayMs = 2 ** 31 - 1

interface Alarm extends ProcessingTimer {
  readonly timestamp: number
  readonly order: number
  callback: ((timestamp: number) => void) | undefined
}

/**
 * Processing time of one task: a heap of alarms and one timer of the host for the earliest. `deliver` puts the firing
 * into the task's mailbox.
 */
export class TaskProcessingTimeService implements ProcessingTimeService {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #deliver: (mail: () => void) => void
  readonly #heap = new Heap<Alarm>(isBefore)
  /** Alarms in the heap that were cancelled. */
  #cancelled = 0
  #order = 0
  #handle: TimerHandle | undefined
  #handleTime = Number.POSITIVE_INFINITY
  /** As #handleTime, or -Infinity when the host's timer cannot wait that long. */
  #ringsAt = Number.NEGATIVE_INFINITY
  #delivered = false
  #closed = false
  /** Time of the alarms that have rung: processing time does not go back when the host's clock is set back. */
  #reached = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, timers: Timers, deliver: (mail: () => void) => void) {
    this.#clock = clock
    this.#timers = timers
    this.#deliver = deliver
  }

  now(): number {
    return Math.max(this.#clock.now(), this.#reached)
  }

  register(timestamp: number, callback: (timestamp: number) => void): ProcessingTimer {
    const alarm: Alarm = {
      timestamp,
      order: this.#order++,
      callback,
      cancel: () => this.#cancel(alarm),
    }
    if (!this.#closed) {
      this.#heap.push(alarm)
      this.#arm()
    }
    return alarm
  }

  close(): void {
    this.#closed = true
    this.#heap.drain()
    this.#disarm()
  }

  /** A cancelled alarm stays in the heap until its time, or until half of the heap are such. */
  #cancel(alarm: Alarm): void {
    if (alarm.callback === undefined) return
    alarm.callback = undefined
    this.#cancelled++
    if (this.#cancelled * 2 <= this.#heap.size + 32) return
    const live = this.#heap.drain().filter(({ callback }) => callback !== undefined)
    this.#cancelled = 0
    for (const each of live) this.#heap.push(each)
  }

  /** Fires what is due, in the order of time; the clock may have moved on meanwhile. */
  readonly #fire = (): void => {
    this.#delivered = false
    for (let first = this.#heap.first; first && first.timestamp <= this.now(); first = this.#heap.first) {
      this.#heap.pop()
      const { callback } = first
      first.callback = undefined
      if (callback === undefined) this.#cancelled--
      else callback(first.timestamp)
      if (this.#closed) return
    }
    this.#arm()
  }

  #arm(): void {
    while (this.#heap.first && this.#heap.first.callback === undefined) {
      this.#heap.pop()
      this.#cancelled--
    }
    const first = this.#heap.first
    if (!first || this.#delivered) return
    const delay = first.timestamp - this.now()
    if (delay <= 0) {
      this.#disarm()
      this.#post()
    } else if (first.timestamp < this.#handleTime) {
      this.#disarm()
      this.#handleTime = first.timestamp
      // The host rounds delays down: a fraction of a millisecond early would find nothing due.
      this.#ringsAt = delay <= longestDelayMs ? first.timestamp : Number.NEGATIVE_INFINITY
      this.#handle = this.#timers.schedule(Math.min(Math.ceil(delay), longestDelayMs), this.#onTimer)
    }
  }

  readonly #onTimer = (): void => {
    this.#handle = undefined
    // The delay has gone by, whatever the clock says: without this a clock that was set back would hold every alarm up.
    this.#reached = Math.max(this.#reached, this.#ringsAt)
    this.#handleTime = Number.POSITIVE_INFINITY
    this.#post()
  }

  #post(): void {
    if (this.#delivered) return
    this.#delivered = true
    this.#deliver(this.#fire)
  }

  #disarm(): void {
    if (this.#handle !== undefined) this.#timers.cancel(this.#handle)
    this.#handle = undefined
    this.#handleTime = Number.POSITIVE_INFINITY
  }
}

function isBefore(a: Alarm, b: Alarm): boolean {
  return a.timestamp < b.timestamp || (a.timestamp === b.timestamp && a.order < b.order)
}
