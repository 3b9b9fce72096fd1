import type { AggregateFunction, StateDescriptors } from '../../state/descriptor.ts'
import type { CustomTrigger } from './trigger.ts'

/** Which windows a record falls into. Sizes, slides, offsets and gaps in ms. */
export type WindowAssigner =
  | { readonly kind: 'tumbling'; readonly time: TimeDomain; readonly size: number; readonly offset: number }
  | {
      readonly kind: 'sliding'
      readonly time: TimeDomain
      readonly size: number
      readonly slide: number
      readonly offset: number
    }
  | { readonly kind: 'session'; readonly time: TimeDomain; readonly gap: number | ((value: never) => number) }
  /** One window for all time: it needs a trigger. */
  | { readonly kind: 'global'; readonly time: TimeDomain }

export type TimeDomain = 'event' | 'processing'

/** Undefined in a definition: the assigner's default (event or processing time at the window's end). */
export type Trigger =
  | { readonly kind: 'eventTime' }
  | { readonly kind: 'processingTime' }
  | { readonly kind: 'continuousEventTime'; readonly interval: number }
  | { readonly kind: 'continuousProcessingTime'; readonly interval: number }
  | {
      readonly kind: 'timeout'
      readonly of: Trigger
      readonly timeout: number
      readonly resetOnElement: boolean
      readonly clearOnTimeout: boolean
    }
  /** Fires at every `count`-th record of a window. */
  | { readonly kind: 'count'; readonly count: number }
  /** Fires when `delta(record at the last firing, this record)` is greater than `threshold`. */
  | { readonly kind: 'delta'; readonly threshold: number; readonly delta: (last: never, current: never) => number }
  /** Fires at the final watermark only. */
  | { readonly kind: 'endOfStream' }
  /** What `of` does, and drops the window's records at each firing. */
  | { readonly kind: 'purging'; readonly of: Trigger }
  | { readonly kind: 'custom'; readonly trigger: CustomTrigger }

/** Takes records out of a window before the function sees them, or after (`after`). */
export type Evictor =
  /** Keeps the newest `count`. */
  | { readonly kind: 'count'; readonly count: number; readonly after: boolean }
  /** Keeps those less than `size` ms before the newest (by time stamp; by arrival in processing time). */
  | { readonly kind: 'time'; readonly size: number; readonly after: boolean }
  /** Drops those whose `delta(record, newest record)` is at least `threshold`. */
  | {
      readonly kind: 'delta'
      readonly threshold: number
      readonly delta: (record: never, newest: never) => number
      readonly after: boolean
    }

/** What is computed over the records of a window. */
export type WindowFunction =
  | { readonly kind: 'count' }
  | { readonly kind: 'sum' | 'min' | 'max'; readonly field: FieldAccess }
  | { readonly kind: 'minBy' | 'maxBy'; readonly field: FieldAccess; readonly first: boolean }
  | {
      readonly kind: 'reduce'
      readonly fn: (a: never, b: never) => unknown
      readonly finish: WindowProcess | undefined
    }
  | {
      readonly kind: 'aggregate'
      readonly fn: AggregateFunction<never, unknown, unknown>
      readonly finish: WindowProcess | undefined
    }
  | { readonly kind: 'process'; readonly process: WindowProcess }

/** A field by name, or an index of a tuple. */
export interface FieldAccess {
  readonly name: string | number
}

/** A process window function: all records of the window, or one pre-aggregated value. */
export interface WindowProcess {
  /** State per key and window, cleared with the window. */
  readonly windowState: StateDescriptors
  /** State per key, across windows. */
  readonly globalState: StateDescriptors
  /** What it returns is emitted after what it collected. */
  readonly process: (context: never, values: never, out: never) => Iterable<unknown> | void
  readonly clear?: (context: never) => void
}

export interface WindowDefinition {
  readonly assigner: WindowAssigner
  readonly trigger: Trigger | undefined
  readonly allowedLateness: number
  /** Side output for records that come too late. */
  readonly lateTag: string | undefined
  /** Undefined or absent: the function sees all records of the window. */
  readonly evictor?: Evictor | undefined
  readonly function: WindowFunction
}

/** A result of `window(...).count()`. `start` and `end` in ms, the end excluded. */
export interface WindowCount<K> {
  readonly key: K
  readonly start: number
  readonly end: number
  readonly count: number
}
