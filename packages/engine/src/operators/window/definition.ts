import type { AggregateFunction, StateDescriptors } from '../../state/descriptor.ts'

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
  | { readonly kind: 'custom'; readonly trigger: unknown }

/** What is computed over the records of a window. */
export type WindowFunction =
  | { readonly kind: 'count' }
  | { readonly kind: 'sum' | 'min' | 'max'; readonly field: FieldAccess }
  | { readonly kind: 'minBy' | 'maxBy'; readonly field: FieldAccess; readonly first: boolean }
  | { readonly kind: 'reduce'; readonly fn: (a: never, b: never) => unknown; readonly then: WindowProcess | undefined }
  | {
      readonly kind: 'aggregate'
      readonly fn: AggregateFunction<never, unknown, unknown>
      readonly then: WindowProcess | undefined
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
  readonly function: WindowFunction
}

/** A result of `window(...).count()`. `start` and `end` in ms, the end excluded. */
export interface WindowCount<K> {
  readonly key: K
  readonly start: number
  readonly end: number
  readonly count: number
}
