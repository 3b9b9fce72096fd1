import type { Clock, TimerHandle, Timers } from '@millrace/std'
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
  readonly #heap: Alarm[] = []
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
      this.#push(alarm)
      this.#arm()
    }
    return alarm
  }

  close(): void {
    this.#closed = true
    this.#heap.length = 0
    this.#disarm()
  }

  /** A cancelled alarm stays in the heap until its time, or until half of the heap are such. */
  #cancel(alarm: Alarm): void {
    if (alarm.callback === undefined) return
    alarm.callback = undefined
    this.#cancelled++
    if (this.#cancelled * 2 <= this.#heap.length + 32) return
    const live = this.#heap.filter(({ callback }) => callback !== undefined)
    this.#heap.length = 0
    this.#cancelled = 0
    for (const each of live) this.#push(each)
  }

  /** Fires what is due, in the order of time; the clock may have moved on meanwhile. */
  readonly #fire = (): void => {
    this.#delivered = false
    for (let first = this.#heap[0]; first && first.timestamp <= this.now(); first = this.#heap[0]) {
      this.#pop()
      const { callback } = first
      first.callback = undefined
      if (callback === undefined) this.#cancelled--
      else callback(first.timestamp)
      if (this.#closed) return
    }
    this.#arm()
  }

  #arm(): void {
    while (this.#heap[0] && this.#heap[0].callback === undefined) {
      this.#pop()
      this.#cancelled--
    }
    const first = this.#heap[0]
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

  #push(alarm: Alarm): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(alarm)
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (!isBefore(alarm, heap[parent] as Alarm)) break
      heap[at] = heap[parent] as Alarm
      at = parent
    }
    heap[at] = alarm
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Alarm
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Alarm, heap[child] as Alarm)) child++
      if (!isBefore(heap[child] as Alarm, last)) break
      heap[at] = heap[child] as Alarm
      at = child
    }
    heap[at] = last
  }
}

function isBefore(a: Alarm, b: Alarm): boolean {
  return a.timestamp < b.timestamp || (a.timestamp === b.timestamp && a.order < b.order)
}
