/**
 * What user code does with declared state: Flink's interfaces. A handle always means the state of the current key (and
 * window), so it is only used inside a call to the function that declared it.
 * https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/datastream/fault-tolerance/state/
 */
export interface ValueState<V> {
  /** The value, or the descriptor's initial value (undefined when it has none) when nothing was stored. */
  value(): V
  update(value: V): void
  clear(): void
}

export interface ListState<V> {
  /** In the order in which they were added; empty when there are none. Not to be changed. */
  get(): readonly V[]
  add(value: V): void
  addAll(values: Iterable<V>): void
  /** Replaces the whole list. */
  update(values: Iterable<V>): void
  clear(): void
}

export interface MapState<K, V> {
  get(key: K): V | undefined
  put(key: K, value: V): void
  putAll(entries: Iterable<readonly [K, V]>): void
  remove(key: K): void
  contains(key: K): boolean
  keys(): Iterable<K>
  values(): Iterable<V>
  entries(): Iterable<[K, V]>
  isEmpty(): boolean
  clear(): void
}

/** Keeps one value: what `reduce` makes of all that was added. */
export interface ReducingState<V> {
  /** Undefined when nothing was added. */
  get(): V | undefined
  add(value: V): void
  clear(): void
}

/** Keeps an accumulator over all that was added. */
export interface AggregatingState<In, Out> {
  /** Undefined when nothing was added. */
  get(): Out | undefined
  add(value: In): void
  clear(): void
}
