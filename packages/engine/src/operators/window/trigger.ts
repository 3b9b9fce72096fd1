import type { StateDescriptors } from '../../state/descriptor.ts'

/** What a trigger decides: emit the window's result, drop the window's records, both, or neither. */
export type TriggerResult = 'continue' | 'fire' | 'purge' | 'fireAndPurge'

/** Start included, end excluded, in ms. The window of all time: -Infinity and Infinity. */
export interface TimeWindow {
  readonly start: number
  readonly end: number
}

/** The last ms that belongs to a window: the time stamp of its results, and when it ends. */
export function maxTimestamp(window: TimeWindow): number {
  return window.end - 1
}

/**
 * Decides when a window's result is emitted. Its timers and state belong to one key and window; they go with the window.
 * When session windows grow together, the timers of the old windows are gone and their state is merged (list, map,
 * reducing and aggregating state) when `onMerge` is called for the new window: it registers the timers again.
 * https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/datastream/operators/windows/#triggers
 */
export interface CustomTrigger {
  readonly state?: StateDescriptors
  onElement(value: never, timestamp: number, window: TimeWindow, context: never): TriggerResult
  onEventTime(timestamp: number, window: TimeWindow, context: never): TriggerResult
  onProcessingTime(timestamp: number, window: TimeWindow, context: never): TriggerResult
  /** Needed over session windows. */
  onMerge?(window: TimeWindow, context: never): void
  /** The window goes, or a trigger around this one starts anew: delete timers. Declared state is cleared by itself. */
  clear?(window: TimeWindow, context: never): void
}

/** Clocks and timers of the key and window at hand. */
export interface TriggerTimers {
  currentWatermark(): number
  currentProcessingTime(): number
  registerEventTime(timestamp: number): void
  registerProcessingTime(timestamp: number): void
  deleteEventTime(timestamp: number): void
  deleteProcessingTime(timestamp: number): void
}

/** What a user's trigger may do. `Handles`: the handles of its declared state. */
export interface TriggerContext<Handles = { readonly [name: string]: unknown }> extends TriggerTimers {
  readonly state: Handles
}
