import type { StateDescriptors } from '../../state/descriptor.ts'
import type { ValueState } from '../../state/handles.ts'
import type { WindowTrigger } from './built-in-triggers.ts'
import type { TimeWindow, TriggerResult, TriggerTimers } from './trigger.ts'

/** Whatever the inner trigger does; its firings drop the window's records. */
export class PurgingTrigger implements WindowTrigger {
  readonly #of: WindowTrigger

  constructor(of: WindowTrigger) {
    this.#of = of
  }

  onElement(value: unknown, timestamp: number, window: TimeWindow): TriggerResult {
    return purging(this.#of.onElement(value, timestamp, window))
  }

  onEventTime(timestamp: number, window: TimeWindow): TriggerResult {
    return purging(this.#of.onEventTime(timestamp, window))
  }

  onProcessingTime(timestamp: number, window: TimeWindow): TriggerResult {
    return purging(this.#of.onProcessingTime(timestamp, window))
  }

  onMerge(window: TimeWindow): void {
    this.#of.onMerge(window)
  }

  clear(window: TimeWindow): void {
    this.#of.clear(window)
  }
}

function purging(result: TriggerResult): TriggerResult {
  return result === 'fire' ? 'fireAndPurge' : result
}

export const timeoutState: StateDescriptors = { timeout: { kind: 'value', initial: undefined } }

export interface TimeoutOptions {
  readonly timeout: number
  readonly resetOnElement: boolean
  readonly clearOnTimeout: boolean
}

/** Flink's ProcessingTimeoutTrigger: any timer makes it fire, its own and those of the inner trigger. */
export class TimeoutTrigger implements WindowTrigger {
  readonly #of: WindowTrigger
  readonly #options: TimeoutOptions
  readonly #due: ValueState<number | undefined>
  readonly #timers: TriggerTimers

  constructor(of: WindowTrigger, options: TimeoutOptions, due: ValueState<number | undefined>, timers: TriggerTimers) {
    this.#timers = timers
    this.#of = of
    this.#options = options
    this.#due = due
  }

  onElement(value: unknown, timestamp: number, window: TimeWindow): TriggerResult {
    const result = this.#of.onElement(value, timestamp, window)
    if (fires(result)) {
      this.clear(window)
      return result
    }
    let due = this.#due.value()
    if (due !== undefined && this.#options.resetOnElement) {
      this.#timers.deleteProcessingTime(due)
      this.#due.clear()
      due = undefined
    }
    if (due === undefined) {
      const next = this.#timers.currentProcessingTime() + this.#options.timeout
      this.#due.update(next)
      this.#timers.registerProcessingTime(next)
    }
    return result
  }

  onEventTime(timestamp: number, window: TimeWindow): TriggerResult {
    return this.#timedOut(this.#of.onEventTime(timestamp, window), window)
  }

  onProcessingTime(timestamp: number, window: TimeWindow): TriggerResult {
    return this.#timedOut(this.#of.onProcessingTime(timestamp, window), window)
  }

  onMerge(window: TimeWindow): void {
    this.#of.onMerge(window)
  }

  clear(window: TimeWindow): void {
    const due = this.#due.value()
    if (due !== undefined) {
      this.#timers.deleteProcessingTime(due)
      this.#due.clear()
    }
    this.#of.clear(window)
  }

  #timedOut(inner: TriggerResult, window: TimeWindow): TriggerResult {
    if (this.#options.clearOnTimeout) this.clear(window)
    return inner === 'purge' || inner === 'fireAndPurge' ? 'fireAndPurge' : 'fire'
  }
}

export function fires(result: TriggerResult): boolean {
  return result === 'fire' || result === 'fireAndPurge'
}

export function purges(result: TriggerResult): boolean {
  return result === 'purge' || result === 'fireAndPurge'
}
