import { MAX_TIMESTAMP } from '../../element/batch.ts'
import type { StateDescriptors } from '../../state/descriptor.ts'
import type { ReducingState, ValueState } from '../../state/handles.ts'
import { maxTimestamp, type TimeWindow, type TriggerResult, type TriggerTimers } from './trigger.ts'

/** A trigger as the window operator calls it: bound to its state and timers, which mean the key and window at hand. */
export interface WindowTrigger {
  onElement(value: unknown, timestamp: number, window: TimeWindow): TriggerResult
  onEventTime(timestamp: number, window: TimeWindow): TriggerResult
  onProcessingTime(timestamp: number, window: TimeWindow): TriggerResult
  /** After the timers of the merged windows were dropped and their state was merged. */
  onMerge(window: TimeWindow): void
  /** Forgets what the trigger keeps between firings, timers as well. */
  clear(window: TimeWindow): void
}

export class EventTimeTrigger implements WindowTrigger {
  readonly #timers: TriggerTimers

  constructor(timers: TriggerTimers) {
    this.#timers = timers
  }

  onElement(_value: unknown, _timestamp: number, window: TimeWindow): TriggerResult {
    const end = maxTimestamp(window)
    if (end <= this.#timers.currentWatermark()) return 'fire'
    this.#timers.registerEventTime(end)
    return 'continue'
  }

  onEventTime(timestamp: number, window: TimeWindow): TriggerResult {
    return timestamp === maxTimestamp(window) ? 'fire' : 'continue'
  }

  onProcessingTime(): TriggerResult {
    return 'continue'
  }

  onMerge(window: TimeWindow): void {
    // Not past the end: onElement fires then, and a timer would make it fire twice.
    const end = maxTimestamp(window)
    if (end > this.#timers.currentWatermark()) this.#timers.registerEventTime(end)
  }

  clear(window: TimeWindow): void {
    this.#timers.deleteEventTime(maxTimestamp(window))
  }
}

export class ProcessingTimeTrigger implements WindowTrigger {
  readonly #timers: TriggerTimers

  constructor(timers: TriggerTimers) {
    this.#timers = timers
  }

  onElement(_value: unknown, _timestamp: number, window: TimeWindow): TriggerResult {
    this.#timers.registerProcessingTime(maxTimestamp(window))
    return 'continue'
  }

  onEventTime(): TriggerResult {
    return 'continue'
  }

  onProcessingTime(): TriggerResult {
    return 'fire'
  }

  onMerge(window: TimeWindow): void {
    const end = maxTimestamp(window)
    if (end > this.#timers.currentProcessingTime()) this.#timers.registerProcessingTime(end)
  }

  clear(window: TimeWindow): void {
    this.#timers.deleteProcessingTime(maxTimestamp(window))
  }
}

const earlier = (a: number, b: number): number => Math.min(a, b)

export const nextFiring: StateDescriptors = {
  nextFiring: { kind: 'reducing', reduce: earlier as (a: never, b: never) => number },
}

export class ContinuousEventTimeTrigger implements WindowTrigger {
  readonly #interval: number
  readonly #next: ReducingState<number>

  readonly #timers: TriggerTimers

  constructor(interval: number, next: ReducingState<number>, timers: TriggerTimers) {
    this.#timers = timers
    this.#interval = interval
    this.#next = next
  }

  onElement(_value: unknown, timestamp: number, window: TimeWindow): TriggerResult {
    const end = maxTimestamp(window)
    if (end <= this.#timers.currentWatermark()) return 'fire'
    this.#timers.registerEventTime(end)
    // As in Flink, times before 1970 are rounded towards zero.
    if (this.#next.get() === undefined) this.#schedule(timestamp - (timestamp % this.#interval), end)
    return 'continue'
  }

  onEventTime(timestamp: number, window: TimeWindow): TriggerResult {
    const end = maxTimestamp(window)
    if (timestamp === end) return 'fire'
    if (this.#next.get() !== timestamp) return 'continue'
    this.#next.clear()
    this.#schedule(timestamp, end)
    return 'fire'
  }

  onProcessingTime(): TriggerResult {
    return 'continue'
  }

  onMerge(): void {
    const next = this.#next.get()
    if (next !== undefined) this.#timers.registerEventTime(next)
  }

  clear(): void {
    const next = this.#next.get()
    if (next === undefined) return
    this.#timers.deleteEventTime(next)
    this.#next.clear()
  }

  #schedule(from: number, end: number): void {
    const next = Math.min(from + this.#interval, end)
    this.#next.add(next)
    this.#timers.registerEventTime(next)
  }
}

export class ContinuousProcessingTimeTrigger implements WindowTrigger {
  readonly #interval: number
  readonly #next: ReducingState<number>

  readonly #timers: TriggerTimers

  constructor(interval: number, next: ReducingState<number>, timers: TriggerTimers) {
    this.#timers = timers
    this.#interval = interval
    this.#next = next
  }

  onElement(_value: unknown, _timestamp: number, window: TimeWindow): TriggerResult {
    const now = this.#timers.currentProcessingTime()
    if (this.#next.get() === undefined) this.#schedule(now - (now % this.#interval), window)
    return 'continue'
  }

  onEventTime(): TriggerResult {
    return 'continue'
  }

  onProcessingTime(timestamp: number, window: TimeWindow): TriggerResult {
    if (this.#next.get() !== timestamp) return 'continue'
    this.#next.clear()
    this.#schedule(timestamp, window)
    return 'fire'
  }

  onMerge(): void {
    const next = this.#next.get()
    if (next !== undefined) this.#timers.registerProcessingTime(next)
  }

  clear(): void {
    const next = this.#next.get()
    if (next === undefined) return
    this.#timers.deleteProcessingTime(next)
    this.#next.clear()
  }

  #schedule(from: number, window: TimeWindow): void {
    const next = Math.min(from + this.#interval, maxTimestamp(window))
    this.#next.add(next)
    this.#timers.registerProcessingTime(next)
  }
}

const plus = (a: number, b: number): number => a + b

export const seenCount: StateDescriptors = {
  seen: { kind: 'reducing', reduce: plus as (a: never, b: never) => number },
}

export class CountTrigger implements WindowTrigger {
  readonly #count: number
  readonly #seen: ReducingState<number>

  constructor(count: number, seen: ReducingState<number>) {
    this.#count = count
    this.#seen = seen
  }

  onElement(): TriggerResult {
    this.#seen.add(1)
    if ((this.#seen.get() as number) < this.#count) return 'continue'
    this.#seen.clear()
    return 'fire'
  }

  onEventTime(): TriggerResult {
    return 'continue'
  }

  onProcessingTime(): TriggerResult {
    return 'continue'
  }

  onMerge(): void {}

  clear(): void {
    this.#seen.clear()
  }
}

export const lastRecord: StateDescriptors = { last: { kind: 'value', initial: undefined } }

export class DeltaTrigger implements WindowTrigger {
  readonly #threshold: number
  readonly #delta: (last: unknown, current: unknown) => number
  readonly #last: ValueState<unknown>

  constructor(threshold: number, delta: (last: unknown, current: unknown) => number, last: ValueState<unknown>) {
    this.#threshold = threshold
    this.#delta = delta
    this.#last = last
  }

  onElement(value: unknown): TriggerResult {
    const last = this.#last.value()
    if (last === undefined) {
      this.#last.update(value)
      return 'continue'
    }
    if ((0, this.#delta)(last, value) <= this.#threshold) return 'continue'
    this.#last.update(value)
    return 'fire'
  }

  onEventTime(): TriggerResult {
    return 'continue'
  }

  onProcessingTime(): TriggerResult {
    return 'continue'
  }

  onMerge(): void {}

  clear(): void {
    this.#last.clear()
  }
}

export class EndOfStreamTrigger implements WindowTrigger {
  readonly #timers: TriggerTimers

  constructor(timers: TriggerTimers) {
    this.#timers = timers
  }

  onElement(): TriggerResult {
    this.#timers.registerEventTime(MAX_TIMESTAMP)
    return 'continue'
  }

  onEventTime(timestamp: number): TriggerResult {
    return timestamp === MAX_TIMESTAMP ? 'fire' : 'continue'
  }

  onProcessingTime(): TriggerResult {
    return 'continue'
  }

  onMerge(): void {
    this.#timers.registerEventTime(MAX_TIMESTAMP)
  }

  clear(): void {
    this.#timers.deleteEventTime(MAX_TIMESTAMP)
  }
}
