import type {
  Collector,
  KeyedProcessContext,
  OnTimerContext,
  OutputTag,
  ProcessContext,
  ProcessWindowContext,
} from '../operators/process.ts'
import type { StateDescriptors } from '../state/descriptor.ts'
import type { StateHandles } from './state.ts'
import type { MillraceTypeError } from './type-error.ts'

export type { Collector, KeyedProcessContext, OnTimerContext, OutputTag, ProcessContext, ProcessWindowContext }

/** The record type of a function that neither returns what it emits nor declares it. */
export type Undeclared =
  MillraceTypeError<'Say what this function emits: return the records (an array, or yield them), or declare output: type<Record>().'>

/** What a function emits that returns `R` for records and `RT` for timers. */
export type Emitted<R, RT> = IsUndeclared<R> extends true ? RT : IsUndeclared<RT> extends true ? R : R | RT
type IsUndeclared<R> = [R] extends [never] ? false : [R] extends [Undeclared] ? true : false

/** Carries a type where there is no value to infer it from. */
export interface TypeOf<T> {
  readonly type?: T
}

/**
 * Says the type of what a function collects.
 *
 * @example
 * .process({ output: type<Alert>(), processElement(order, ctx, out) { out.collect({ order, at: ctx.timestamp }) } })
 */
export function type<T>(): TypeOf<T> {
  return noType
}

const noType = Object.freeze({})

/**
 * Names a side output.
 *
 * @example
 * const late = outputTag<Order>('late')
 * const counts = orders.keyBy('shop').window(tumbling('1 min')).sideOutputLateData(late).count()
 * counts.getSideOutput(late).print()
 */
export function outputTag<T>(id: string): OutputTag<T> {
  return Object.freeze({ id })
}

/**
 * Flink's KeyedProcessFunction: sees every record of a key, keeps state for the key, sets timers.
 *
 * `R` is inferred from what `processElement` returns (an iterable: an array, or a generator method), `RT` from `onTimer`
 * likewise; for functions that use the collector `R` comes from `output`.
 */
export interface KeyedProcessFunction<K, T, S extends StateDescriptors, R, RT = R> {
  /** State by name. Declared here so that it can be checked, snapshotted and restored before a record comes. */
  readonly state?: S
  readonly output?: TypeOf<R>
  processElement(
    value: T,
    context: KeyedProcessContext<K, StateHandles<S>>,
    out: Collector<NoInfer<R>>,
  ): Iterable<R> | void
  onTimer?(
    timestamp: number,
    context: OnTimerContext<K, StateHandles<S>>,
    out: Collector<NoInfer<R>>,
  ): Iterable<RT> | void
  /** Called once per subtask, before the first record. */
  open?(): void
  close?(): void
}

/** A process function over a stream without keys: no state, no timers. */
export interface ProcessFunction<T, R> {
  readonly output?: TypeOf<R>
  processElement(value: T, context: ProcessContext, out: Collector<NoInfer<R>>): Iterable<R> | void
  open?(): void
  close?(): void
}

/** Flink's ProcessWindowFunction. `In` is a record, or the one result of the reduce or aggregate before it. */
export interface ProcessWindowFunction<K, In, WS extends StateDescriptors, GS extends StateDescriptors, R> {
  /** State per key and window, gone with the window. */
  readonly windowState?: WS
  /** State per key, across windows. */
  readonly globalState?: GS
  readonly output?: TypeOf<R>
  process(
    context: ProcessWindowContext<K, StateHandles<WS>, StateHandles<GS>>,
    values: readonly In[],
    out: Collector<NoInfer<R>>,
  ): Iterable<R> | void
  /** The window goes: delete what is kept for it outside of its state. */
  clear?(context: ProcessWindowContext<K, StateHandles<WS>, StateHandles<GS>>): void
}
