/** Declared state of a process function: names → kinds. Known before anything runs, so it can be checked and restored. */
export type StateDescriptors = { readonly [name: string]: StateDescriptor }

export type StateDescriptor =
  | { readonly kind: 'value'; readonly initial: (() => unknown) | undefined }
  | { readonly kind: 'list' }
  | { readonly kind: 'map' }
  | { readonly kind: 'reducing'; readonly reduce: (a: never, b: never) => unknown }
  | { readonly kind: 'aggregating'; readonly aggregate: AggregateFunction<never, unknown, unknown> }

/** Flink's AggregateFunction. `merge` is needed for session windows. */
export interface AggregateFunction<In, Acc, Out> {
  createAccumulator(): Acc
  add(value: In, accumulator: Acc): Acc
  getResult(accumulator: Acc): Out
  merge?(a: Acc, b: Acc): Acc
}
