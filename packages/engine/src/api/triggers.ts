import type { Trigger } from '../operators/window/definition.ts'
import type { CustomTrigger, TimeWindow, TriggerContext, TriggerResult } from '../operators/window/trigger.ts'
import type { StateDescriptors } from '../state/descriptor.ts'
import { type Duration, positiveDurationMs } from '../time/duration.ts'
import { checkCallback, checkOptions } from './options.ts'
import { recordCount } from './record-count.ts'
import type { StateHandles } from './state.ts'

/** Fires when the watermark passes the window's end: the default of windows in event time. */
export function eventTimeTrigger(): Trigger {
  return Object.freeze({ kind: 'eventTime' })
}

/** Fires when the clock passes the window's end: the default of windows in processing time. */
export function processingTimeTrigger(): Trigger {
  return Object.freeze({ kind: 'processingTime' })
}

/** Fires early, each time the watermark passes a multiple of `interval`, and at the end. */
export function continuousEventTimeTrigger(interval: Duration): Trigger {
  const ms = positiveDurationMs(interval, 'the interval of continuousEventTimeTrigger()')
  return Object.freeze({ kind: 'continuousEventTime', interval: ms })
}

/** Fires each time the clock passes a multiple of `interval` while there are records. */
export function continuousProcessingTimeTrigger(interval: Duration): Trigger {
  const ms = positiveDurationMs(interval, 'the interval of continuousProcessingTimeTrigger()')
  return Object.freeze({ kind: 'continuousProcessingTime', interval: ms })
}

/** Flink's ProcessingTimeoutTrigger: fires as `of` does, and when `timeout` has gone by on the clock since the first record. */
export function processingTimeoutTrigger(
  of: Trigger,
  timeout: Duration,
  options?: {
    /** The timeout counts from the latest record instead (default false, as in Flink). */
    readonly resetOnElement?: boolean
    /** What `of` remembers is forgotten when the timeout fires (default true, as in Flink). */
    readonly clearOnTimeout?: boolean
  },
): Trigger {
  checkOptions(options, ['resetOnElement', 'clearOnTimeout'], 'processingTimeoutTrigger()')
  return Object.freeze({
    kind: 'timeout',
    of,
    timeout: positiveDurationMs(timeout, 'the timeout of processingTimeoutTrigger()'),
    resetOnElement: options?.resetOnElement ?? false,
    clearOnTimeout: options?.clearOnTimeout ?? true,
  })
}

/** Fires at every `count`-th record of a window. */
export function countTrigger(count: number): Trigger {
  return Object.freeze({ kind: 'count', count: recordCount(count, 'countTrigger()') })
}

/**
 * Fires when a record differs by more than `threshold` from the one at the last firing (or the first of the window).
 *
 * @example
 * deltaTrigger<Position>(10, (last, now) => Math.hypot(now.x - last.x, now.y - last.y))
 */
export function deltaTrigger<T>(threshold: number, delta: (last: T, current: T) => number): Trigger {
  checkCallback(delta, 'deltaTrigger()')
  return Object.freeze({ kind: 'delta', threshold, delta: delta as (last: never, current: never) => number })
}

/** Fires once, when the input has ended: for global windows of bounded streams. */
export function endOfStreamTrigger(): Trigger {
  return Object.freeze({ kind: 'endOfStream' })
}

/** Does what `of` does, and drops the window's records each time it fires. */
export function purgingTrigger(of: Trigger): Trigger {
  return Object.freeze({ kind: 'purging', of })
}

/** A trigger of your own. `T` is the record, `S` the declared state, kept per key and window. */
export interface TriggerFunction<T, S extends StateDescriptors> {
  readonly state?: S
  onElement(value: T, timestamp: number, window: TimeWindow, context: TriggerContext<StateHandles<S>>): TriggerResult
  onEventTime?(timestamp: number, window: TimeWindow, context: TriggerContext<StateHandles<S>>): TriggerResult
  onProcessingTime?(timestamp: number, window: TimeWindow, context: TriggerContext<StateHandles<S>>): TriggerResult
  /** Needed over session windows: their timers are gone and their state is merged; register the timers again. */
  onMerge?(window: TimeWindow, context: TriggerContext<StateHandles<S>>): void
  /** The window goes, or a trigger around this one starts anew: delete timers. Declared state clears itself. */
  clear?(window: TimeWindow, context: TriggerContext<StateHandles<S>>): void
}

/**
 * A trigger of your own.
 *
 * @example
 * // Fires at every record from the 100th, and at the end.
 * customTrigger<Order, { seen: TypedState<ReducingState<number>> }>({
 *   state: { seen: reducingState((a, b) => a + b) },
 *   onElement(order, timestamp, window, { state, registerEventTime }) {
 *     registerEventTime(window.end - 1)
 *     state.seen.add(1)
 *     return (state.seen.get() ?? 0) >= 100 ? 'fire' : 'continue'
 *   },
 *   onEventTime: () => 'fire',
 * })
 */
export function customTrigger<T, S extends StateDescriptors = {}>(trigger: TriggerFunction<T, S>): Trigger {
  const names = ['state', 'onElement', 'onEventTime', 'onProcessingTime', 'onMerge', 'clear']
  checkOptions(trigger, names, 'customTrigger()')
  checkCallback(trigger?.onElement, 'onElement()')
  const ignore = (): TriggerResult => 'continue'
  const bound: CustomTrigger = {
    ...(trigger.state && { state: trigger.state }),
    onElement: trigger.onElement.bind(trigger) as CustomTrigger['onElement'],
    onEventTime: (trigger.onEventTime?.bind(trigger) ?? ignore) as CustomTrigger['onEventTime'],
    onProcessingTime: (trigger.onProcessingTime?.bind(trigger) ?? ignore) as CustomTrigger['onProcessingTime'],
    ...(trigger.onMerge && { onMerge: trigger.onMerge.bind(trigger) as NonNullable<CustomTrigger['onMerge']> }),
    ...(trigger.clear && { clear: trigger.clear.bind(trigger) as NonNullable<CustomTrigger['clear']> }),
  }
  return Object.freeze({ kind: 'custom', trigger: Object.freeze(bound) })
}
