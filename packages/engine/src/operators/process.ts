import type { StateDescriptors } from '../state/descriptor.ts'

/**
 * A process function as the graph holds it; the API's typed one (api/process-function.ts) is assignable to it. What
 * `processElement` and `onTimer` return is emitted after what they collected.
 */
export interface KeyedProcess {
  readonly keyed: boolean
  readonly state: StateDescriptors
  readonly open?: (context: never) => void
  readonly processElement: (value: never, context: never, out: never) => Iterable<unknown> | void
  readonly onTimer?: (timestamp: number, context: never, out: never) => Iterable<unknown> | void
  readonly close?: () => void
}

/** Takes what a function emits; the records go downstream in the order of the calls. */
export interface Collector<R> {
  collect(value: R): void
}

/** Names a side output. Made by `outputTag`; `T` is the type of its records. */
export interface OutputTag<T> {
  readonly id: string
  /** Never set: carries the record type. */
  readonly recordType?: (record: T) => T
}

/** What a function without keys knows about the record at hand. */
export interface ProcessContext {
  /** Event time of the record in ms; undefined when it has none. */
  readonly timestamp: number | undefined
  readonly timers: TimeView
  /** Emits to a side output, with the record's time stamp. */
  output<X>(tag: OutputTag<X>, value: X): void
}

/** `Handles` maps the names of the declared state to their handles ({@link ValueState} …). */
export interface KeyedProcessContext<K, Handles> extends ProcessContext {
  readonly currentKey: K
  readonly state: Handles
  readonly timers: TimerService
}

export interface OnTimerContext<K, Handles> extends KeyedProcessContext<K, Handles> {
  /** Event time of what is emitted: the timer's for an event-time timer, undefined for a processing-time timer. */
  readonly timestamp: number | undefined
  readonly timeDomain: 'event' | 'processing'
}

export interface TimeView {
  /** -Infinity before the first watermark, Infinity after the last. */
  currentWatermark(): number
  /** Milliseconds since the epoch. */
  currentProcessingTime(): number
}

/** Timers belong to the current key. Registering the same time twice gives one timer; deleting an unknown one does nothing. */
export interface TimerService extends TimeView {
  registerEventTime(timestamp: number): void
  registerProcessingTime(timestamp: number): void
  deleteEventTime(timestamp: number): void
  deleteProcessingTime(timestamp: number): void
}

/** What a process window function knows. `end` is excluded; -Infinity and Infinity for a global window. */
export interface ProcessWindowContext<K, WindowHandles, GlobalHandles> {
  /** Undefined for windowAll. */
  readonly key: K
  readonly window: { readonly start: number; readonly end: number }
  /** State of this key and window, gone with the window. */
  readonly windowState: WindowHandles
  /** State of this key, across windows. */
  readonly globalState: GlobalHandles
  currentWatermark(): number
  currentProcessingTime(): number
  output<X>(tag: OutputTag<X>, value: X): void
}
