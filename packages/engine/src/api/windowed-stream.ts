import { MillraceError } from '@millrace/std'
import { type Duration, formatDuration, nonNegativeDurationMs } from '../time/duration.ts'
import type { GraphBuilder, NodeDraft } from '../graph/graph-builder.ts'
import type { OutputTag } from '../operators/process.ts'
import type {
  Evictor,
  Trigger,
  WindowAssigner,
  WindowCount,
  WindowDefinition,
  WindowFunction,
  WindowProcess,
} from '../operators/window/definition.ts'
import type { AggregateFunction, StateDescriptors } from '../state/descriptor.ts'
import { DataStream } from './data-stream.ts'
import { checkField, type NumericField, type OrderedField } from './fields.ts'
import { checkCallback, checkOptions, describe, refusePromise } from './options.ts'
import type { ProcessWindowFunction, Undeclared } from './process-function.ts'
import { checkStates } from './state.ts'
import type { Windows } from './windows.ts'

/** What an implementation behind typed overloads returns. */
type AnyStream = DataStream<any>

type Settings = Omit<WindowDefinition, 'function'>

/**
 * Records of type `T` in windows per key. Say what to compute: count, sum, reduce, aggregate, process.
 * Results carry the window's end - 1 as their time stamp.
 */
export class WindowedStream<K, T> {
  readonly #graph: GraphBuilder
  readonly #input: NodeDraft
  readonly #settings: Settings
  /** Never set: carry the types. */
  declare readonly keyType?: K
  declare readonly recordType?: T

  /** @internal */
  constructor(graph: GraphBuilder, input: NodeDraft, windows: Windows<T> | Settings, where: string) {
    this.#graph = graph
    this.#input = input
    if (typeof windows?.assigner !== 'object') {
      throw new MillraceError('API_NOT_WINDOWS', {
        message: `${where} needs windows, not ${describe(windows)}.`,
        fix: `Write ${where.replace('()', '')}(tumbling('5 s')), sliding('10 s', '2 s') or session('30 s').`,
      })
    }
    this.#settings =
      'allowedLateness' in windows
        ? windows
        : { assigner: windows.assigner, trigger: undefined, allowedLateness: 0, lateTag: undefined }
  }

  /** When to fire, instead of once at the window's end. */
  trigger(trigger: Trigger): WindowedStream<K, T> {
    return this.#with({ trigger })
  }

  /** Keeps a window that much longer (in event time): a late record makes it fire again. */
  allowedLateness(lateness: Duration): WindowedStream<K, T> {
    return this.#with({ allowedLateness: nonNegativeDurationMs(lateness, 'the allowedLateness') })
  }

  /** Takes records out of the window before the function sees them, or after. All records are kept until it fires. */
  evictor(evictor: Evictor): WindowedStream<K, T> {
    return this.#with({ evictor })
  }

  /** Sends records that come too late to a side output instead of dropping them. */
  sideOutputLateData(tag: OutputTag<T>): WindowedStream<K, T> {
    return this.#with({ lateTag: tag.id })
  }

  /** How many records: `{ key, start, end, count }`. */
  count(): DataStream<WindowCount<K>> {
    return this.#apply('count', { kind: 'count' })
  }

  /** The sum of a field: the first record of the window with the field replaced, as in Flink. */
  sum(field: NumericField<T>): DataStream<T> {
    return this.#overField('sum', field)
  }

  /** The smallest value of a field: the first record of the window with the field replaced. */
  min(field: OrderedField<T>): DataStream<T> {
    return this.#overField('min', field)
  }

  /** The largest value of a field: the first record of the window with the field replaced. */
  max(field: OrderedField<T>): DataStream<T> {
    return this.#overField('max', field)
  }

  /** The record with the smallest value of a field; on ties the first, or the last with `{ first: false }`. */
  minBy(field: OrderedField<T>, options?: { readonly first?: boolean }): DataStream<T> {
    return this.#extreme('minBy', field, options)
  }

  /** The record with the largest value of a field; on ties the first, or the last with `{ first: false }`. */
  maxBy(field: OrderedField<T>, options?: { readonly first?: boolean }): DataStream<T> {
    return this.#extreme('maxBy', field, options)
  }

  /**
   * Combines the records two by two; optionally hands the result to a process window function (as an array of one).
   *
   * @example
   * orders.keyBy('shop').window(tumbling('1 min')).reduce((a, b) => ({ ...a, amount: a.amount + b.amount }))
   */
  reduce(fn: (a: T, b: T) => T): DataStream<T>
  reduce<R = Undeclared, WS extends StateDescriptors = {}, GS extends StateDescriptors = {}>(
    fn: (a: T, b: T) => T,
    finish: ProcessWindowFunction<K, T, WS, GS, R>,
  ): DataStream<R>
  reduce(fn: (a: T, b: T) => unknown, finish?: AnyProcessWindowFunction): AnyStream {
    checkCallback(fn, 'reduce()')
    return this.#apply('reduce', {
      kind: 'reduce',
      fn: fn as never,
      finish: finish && windowProcess(finish, 'reduce()'),
    })
  }

  /**
   * Folds the records into an accumulator; optionally hands the result to a process window function (as an array of one).
   *
   * @example
   * bids.keyBy('auction').window(tumbling('1 min')).aggregate({
   *   createAccumulator: () => ({ sum: 0, count: 0 }),
   *   add: (bid, { sum, count }) => ({ sum: sum + bid.price, count: count + 1 }),
   *   getResult: ({ sum, count }) => sum / count,
   * })
   */
  aggregate<Acc, Out>(fn: AggregateFunction<T, Acc, Out>): DataStream<Out>
  aggregate<Acc, Out, R = Undeclared, WS extends StateDescriptors = {}, GS extends StateDescriptors = {}>(
    fn: AggregateFunction<T, Acc, Out>,
    finish: ProcessWindowFunction<K, Out, WS, GS, R>,
  ): DataStream<R>
  aggregate(fn: AggregateFunction<T, never, unknown>, finish?: AnyProcessWindowFunction): AnyStream {
    checkOptions(fn, ['createAccumulator', 'add', 'getResult', 'merge'], 'aggregate()')
    checkCallback(fn?.createAccumulator, 'createAccumulator()')
    checkCallback(fn.add, 'add()')
    checkCallback(fn.getResult, 'getResult()')
    if (this.#settings.assigner.kind === 'session' && typeof fn.merge !== 'function') {
      throw new MillraceError('API_MERGE_MISSING', {
        message: 'aggregate() over session windows needs merge(): a record can join two sessions.',
        fix: 'Add merge: (a, b) => … to the aggregate function.',
      })
    }
    const aggregate = Object.freeze({
      createAccumulator: fn.createAccumulator.bind(fn),
      add: fn.add.bind(fn),
      getResult: (accumulator: never) => refusePromise(fn.getResult(accumulator), 'getResult()'),
      ...(fn.merge && { merge: fn.merge.bind(fn) }),
    })
    return this.#apply('aggregate', {
      kind: 'aggregate',
      fn: aggregate as unknown as AggregateFunction<never, unknown, unknown>,
      finish: finish && windowProcess(finish, 'aggregate()'),
    })
  }

  /**
   * All records of the window at once, in the order of arrival, with the window, its state and side outputs.
   *
   * @example
   * bids.keyBy('auction').window(tumbling('1 min')).process({
   *   *process({ key, window }, bids) {
   *     yield { auction: key, end: window.end, top: bids.map((bid) => bid.price).sort((a, b) => b - a).slice(0, 3) }
   *   },
   * })
   */
  process<R = Undeclared, WS extends StateDescriptors = {}, GS extends StateDescriptors = {}>(
    fn: ProcessWindowFunction<K, T, WS, GS, R>,
  ): DataStream<R> {
    return this.#apply('process', { kind: 'process', process: windowProcess(fn, 'process()') })
  }

  #overField(kind: 'sum' | 'min' | 'max', field: unknown): DataStream<T> {
    const name = checkField(field, `${kind}()`)
    return this.#apply(`${kind} ${name}`, { kind, field: Object.freeze({ name }) })
  }

  #extreme(kind: 'minBy' | 'maxBy', field: unknown, options: { readonly first?: boolean } | undefined): DataStream<T> {
    checkOptions(options, ['first'], `${kind}()`)
    const name = checkField(field, `${kind}()`)
    return this.#apply(`${kind} ${name}`, { kind, field: Object.freeze({ name }), first: options?.first ?? true })
  }

  #with(changes: Partial<Settings>): WindowedStream<K, T> {
    return new WindowedStream(this.#graph, this.#input, { ...this.#settings, ...changes }, 'window()')
  }

  #apply<R>(what: string, fn: WindowFunction): DataStream<R> {
    const node = this.#graph.add({
      kind: 'window',
      name: `${describeWindows(this.#settings.assigner)} ${what}`,
      input: this.#input,
      window: Object.freeze({ ...this.#settings, function: Object.freeze(fn) }),
      // Windows over the whole stream cannot be divided.
      ...(this.#input.kind !== 'keyBy' && { parallelism: 1 }),
    })
    return new DataStream<R>(this.#graph, node)
  }
}

interface AnyProcessWindowFunction {
  readonly windowState?: StateDescriptors
  readonly globalState?: StateDescriptors
  process(context: never, values: never, out: never): Iterable<unknown> | void
  clear?(context: never): void
}

function windowProcess(fn: AnyProcessWindowFunction, where: string): WindowProcess {
  checkOptions(fn, ['windowState', 'globalState', 'output', 'process', 'clear'], where)
  checkStates(fn?.windowState, where)
  checkStates(fn?.globalState, where)
  checkCallback(fn?.process, 'process()')
  return Object.freeze({
    windowState: fn.windowState ?? {},
    globalState: fn.globalState ?? {},
    process: fn.process.bind(fn),
    ...(fn.clear && { clear: fn.clear.bind(fn) }),
  })
}

/** `tumbling window (5 s)`. */
function describeWindows(assigner: WindowAssigner): string {
  const time = assigner.time === 'processing' ? ', processing time' : ''
  switch (assigner.kind) {
    case 'tumbling':
      return `tumbling window (${formatDuration(assigner.size)}${time})`
    case 'sliding':
      return `sliding window (${formatDuration(assigner.size)} every ${formatDuration(assigner.slide)}${time})`
    case 'session':
      return `session window (${typeof assigner.gap === 'number' ? formatDuration(assigner.gap) : 'gap by record'}${time})`
    case 'global':
      return 'global window'
  }
}
