import type { GraphBuilder, NodeDraft } from '../graph/graph-builder.ts'
import type { StateDescriptors } from '../state/descriptor.ts'
import { DataStream } from './data-stream.ts'
import { countEvictor } from './evictors.ts'
import { type NumericField, checkField, type OrderedField } from './fields.ts'
import { checkCallback, checkOptions } from './options.ts'
import type { Collector, Emitted, KeyedProcessContext, KeyedProcessFunction, Undeclared } from './process-function.ts'
import { recordCount } from './record-count.ts'
import { checkStates, type StateHandles, valueState } from './state.ts'
import { countTrigger, purgingTrigger } from './triggers.ts'
import { WindowedStream } from './windowed-stream.ts'
import { globalWindows, type Windows } from './windows.ts'

const nothing = Symbol('no record yet')

/**
 * A stream of records of type `T`, grouped by a key of type `K`: all records of a key go to the same subtask. As in Flink,
 * steps that need no key can follow as well; what comes out of them is no longer keyed.
 */
export class KeyedStream<K, T> {
  /** @internal */
  readonly graph: GraphBuilder
  /** @internal */
  readonly node: NodeDraft
  /** Never set: carry the types. */
  declare readonly keyType?: K
  declare readonly recordType?: T
  readonly map: DataStream<T>['map']
  readonly filter: DataStream<T>['filter']
  readonly flatMap: DataStream<T>['flatMap']
  readonly sinkTo: DataStream<T>['sinkTo']
  readonly print: DataStream<T>['print']

  /** @internal */
  constructor(graph: GraphBuilder, node: NodeDraft) {
    this.graph = graph
    this.node = node
    const records = new DataStream<T>(graph, node)
    this.map = records.map.bind(records) as typeof this.map
    this.filter = records.filter.bind(records) as typeof this.filter
    this.flatMap = records.flatMap.bind(records) as typeof this.flatMap
    this.sinkTo = records.sinkTo.bind(records)
    this.print = records.print.bind(records)
  }

  /**
   * Divides the records of each key into windows.
   *
   * @example
   * words.keyBy((word) => word).window(tumbling('5 s')).count()
   */
  window(windows: Windows<T>): WindowedStream<K, T> {
    return new WindowedStream(this.graph, this.node, windows, 'window()')
  }

  /**
   * Windows by the number of records instead of time: one for every `size` records of a key; with `slide`, one at every
   * `slide` records over the last `size`.
   *
   * @example
   * temperatures.keyBy('sensor').countWindow(100, 10).process(…) // at every 10th record, the last 100
   */
  countWindow(size: number, slide?: number): WindowedStream<K, T> {
    const windows = this.window(globalWindows())
    recordCount(size, 'countWindow()')
    if (slide === undefined) return windows.trigger(purgingTrigger(countTrigger(size)))
    return windows.trigger(countTrigger(slide)).evictor(countEvictor(size))
  }

  /**
   * A function over every record of a key, with state and timers.
   *
   * @example
   * clicks.keyBy('user').process({
   *   state: { count: valueState(0) },
   *   *processElement(click, { state }) {
   *     const count = state.count.value() + 1
   *     state.count.update(count)
   *     yield { user: click.user, count }
   *   },
   * })
   */
  process<R = Undeclared, S extends StateDescriptors = {}, RT = Undeclared>(
    fn: KeyedProcessFunction<K, T, S, R, RT>,
  ): DataStream<Emitted<R, RT>> {
    checkOptions(fn, ['state', 'output', 'processElement', 'onTimer', 'open', 'close'], 'process()')
    checkStates(fn?.state, 'process()')
    checkCallback(fn.processElement, 'processElement()')
    if (fn.onTimer !== undefined) checkCallback(fn.onTimer, 'onTimer()')
    return this.#process('process', {
      state: fn.state ?? {},
      processElement: fn.processElement.bind(fn) as never,
      ...(fn.onTimer && { onTimer: fn.onTimer.bind(fn) as never }),
      ...(fn.open && { open: fn.open.bind(fn) }),
      ...(fn.close && { close: fn.close.bind(fn) }),
    })
  }

  /** Combines each record with the result so far for its key, and emits the new result. */
  reduce(fn: (soFar: T, record: T) => T): DataStream<T> {
    checkCallback(fn, 'reduce()')
    return this.#rolling('reduce', fn)
  }

  /** The running sum of a field: emits the first record of the key with the field replaced, as Flink does. */
  sum(field: NumericField<T>): DataStream<T> {
    const name = checkField(field, 'sum()')
    return this.#rolling(`sum ${String(name)}`, (soFar, record) =>
      replaced(soFar, name, (valueOf(soFar, name) as number) + (valueOf(record, name) as number)),
    )
  }

  /** The smallest value of a field so far: emits the first record of the key with the field replaced. */
  min(field: OrderedField<T>): DataStream<T> {
    const name = checkField(field, 'min()')
    return this.#rolling(`min ${String(name)}`, (soFar, record) =>
      (valueOf(record, name) as number) < (valueOf(soFar, name) as number)
        ? replaced(soFar, name, valueOf(record, name))
        : soFar,
    )
  }

  /** The largest value of a field so far: emits the first record of the key with the field replaced. */
  max(field: OrderedField<T>): DataStream<T> {
    const name = checkField(field, 'max()')
    return this.#rolling(`max ${String(name)}`, (soFar, record) =>
      (valueOf(record, name) as number) > (valueOf(soFar, name) as number)
        ? replaced(soFar, name, valueOf(record, name))
        : soFar,
    )
  }

  /** The record with the smallest value of a field so far; the earlier one on ties. */
  minBy(field: OrderedField<T>): DataStream<T> {
    const name = checkField(field, 'minBy()')
    return this.#rolling(`minBy ${String(name)}`, (soFar, record) =>
      (valueOf(record, name) as number) < (valueOf(soFar, name) as number) ? record : soFar,
    )
  }

  /** The record with the largest value of a field so far; the earlier one on ties. */
  maxBy(field: OrderedField<T>): DataStream<T> {
    const name = checkField(field, 'maxBy()')
    return this.#rolling(`maxBy ${String(name)}`, (soFar, record) =>
      (valueOf(record, name) as number) > (valueOf(soFar, name) as number) ? record : soFar,
    )
  }

  /** Flink's StreamGroupedReduce as a process function: one value of state per key. */
  #rolling(name: string, combine: (soFar: T, record: T) => T): DataStream<T> {
    const state = { soFar: valueState<T | typeof nothing>(() => nothing) }
    return this.#process(name, {
      state,
      processElement: ((record: T, context: KeyedProcessContext<K, StateHandles<typeof state>>, out: Collector<T>) => {
        const soFar = context.state.soFar.value()
        const result = soFar === nothing ? record : combine(soFar, record)
        context.state.soFar.update(result)
        out.collect(result)
      }) as never,
    })
  }

  #process<R>(
    name: string,
    process: { state: StateDescriptors; processElement: never; onTimer?: never; open?: () => void; close?: () => void },
  ): DataStream<R> {
    const frozen = Object.freeze({ keyed: true, ...process })
    return new DataStream(this.graph, this.graph.add({ kind: 'process', name, input: this.node, process: frozen }))
  }
}

function valueOf<T>(record: T, name: string | number): unknown {
  return (record as Record<string | number, unknown>)[name]
}

/** A copy with one field (or tuple position) replaced. */
function replaced<T>(record: T, name: string | number, value: unknown): T {
  const copy = (Array.isArray(record) ? [...record] : { ...record }) as Record<string | number, unknown>
  copy[name] = value
  return copy as T
}
