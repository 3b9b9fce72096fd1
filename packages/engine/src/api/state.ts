import { MillraceError } from '@millrace/std'
import type { AggregateFunction, StateDescriptor, StateDescriptors } from '../state/descriptor.ts'
import type { AggregatingState, ListState, MapState, ReducingState, ValueState } from '../state/handles.ts'
import { describe } from './options.ts'

/** A descriptor that knows the type of its handle. */
export type TypedState<Handle> = StateDescriptor & {
  /** Never set: carries the handle's type. */
  readonly handle?: Handle
}

/** The handles of declared state: `{ count: valueState(0) }` → `{ count: ValueState<number> }`. */
export type StateHandles<S extends StateDescriptors> = {
  readonly [Name in keyof S]: S[Name] extends { readonly handle?: infer Handle } ? NonNullable<Handle> : never
}

/**
 * One value per key.
 *
 * @example
 * valueState(0) // ValueState<number>, 0 until it is updated
 * valueState<Profile>() // ValueState<Profile | undefined>
 * valueState(() => new Set<string>()) // a fresh initial value for each key
 */
export function valueState<V>(): TypedState<ValueState<V | undefined>>
export function valueState<V>(initial: () => V): TypedState<ValueState<V>>
export function valueState<V extends string | number | bigint | boolean | Date | null>(
  initial: V,
): TypedState<ValueState<Widen<V>>>
export function valueState(initial?: unknown): TypedState<ValueState<unknown>> {
  const make =
    initial === undefined ? undefined : typeof initial === 'function' ? (initial as () => unknown) : () => initial
  return Object.freeze({ kind: 'value', initial: make })
}

/** `0` → `number`: a counter that starts at 0 may hold other numbers. */
type Widen<V> = V extends string
  ? string
  : V extends number
    ? number
    : V extends bigint
      ? bigint
      : V extends boolean
        ? boolean
        : V

/** A list per key, in the order of arrival. */
export function listState<V>(): TypedState<ListState<V>> {
  return Object.freeze({ kind: 'list' })
}

/** A map per key: `mapState<string, number>()`. */
export function mapState<K, V>(): TypedState<MapState<K, V>> {
  return Object.freeze({ kind: 'map' })
}

/** One value per key: what `reduce` makes of all that was added. */
export function reducingState<V>(reduce: (a: V, b: V) => V): TypedState<ReducingState<V>> {
  return Object.freeze({ kind: 'reducing', reduce })
}

/** An accumulator per key. */
export function aggregatingState<In, Acc, Out>(
  aggregate: AggregateFunction<In, Acc, Out>,
): TypedState<AggregatingState<In, Out>> {
  return Object.freeze({ kind: 'aggregating', aggregate })
}

/** @throws MillraceError `API_BAD_STATE` */
export function checkStates(states: StateDescriptors | undefined, where: string): void {
  for (const [name, state] of Object.entries(states ?? {})) {
    if (typeof state?.kind === 'string') continue
    throw new MillraceError('API_BAD_STATE', {
      message: `The state '${name}' of ${where} is ${describe(state)}.`,
      fix: `Declare it: ${name}: valueState(0), listState(), mapState(), reducingState(…) or aggregatingState(…).`,
    })
  }
}
