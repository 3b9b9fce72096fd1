import { MillraceError } from '@millrace/std'
import { printSink } from '../connector/print-sink.ts'
import type { Sink } from '../connector/sink.ts'
import type { GraphBuilder, NewNode, NodeDraft } from '../graph/graph-builder.ts'
import type { Partitioning } from '../graph/node.ts'
import type { Collector, OutputTag } from '../operators/process.ts'
import type { WatermarkStrategy } from '../time/watermark-strategy.ts'
import { type Condition, expressionNode, field, type Selected, type Selection } from './expression.ts'
import { keySelectorOf } from './key-selector.ts'
import { KeyedStream } from './keyed-stream.ts'
import { checkCallback, checkOptions, describe } from './options.ts'
import type { ProcessFunction, Undeclared } from './process-function.ts'
import type { MillraceTypeError, NotPromise, ValidKey } from './type-error.ts'
import { toStrategy, type WatermarkOptions } from './watermark-strategy.ts'
import { WindowedStream } from './windowed-stream.ts'
import type { Windows } from './windows.ts'
import { wholeNumber } from './job.ts'

type MapRefusal =
  'map() takes a function that returns the record, not a promise of it: work that must wait belongs into a source or a sink.'
type FilterRefusal =
  'filter() takes a function that returns true or false, not a promise: every promise would count as true.'
type FlatMapRefusal = 'flatMap() takes a function that returns an iterable of records, not a promise of one.'

/** What an implementation behind typed overloads returns. */
type AnyStream = DataStream<any>
type AnyKeyedStream<T> = KeyedStream<any, T>

/** The fields of a record that can be keys. */
type KeyField<T> = { [K in keyof T & string]: T[K] extends FieldKey ? K : never }[keyof T & string]
type FieldKey = string | number | bigint | boolean | Date | Uint8Array | null | undefined

/**
 * A stream of records of type `T`. Its methods run nothing: each adds a node to the job's graph and returns the stream
 * that comes out of it.
 */
export class DataStream<T> {
  /** @internal */
  readonly graph: GraphBuilder
  /** @internal */
  readonly node: NodeDraft
  /** Never set: carries the record type. */
  declare readonly recordType?: T

  /** @internal */
  constructor(graph: GraphBuilder, node: NodeDraft) {
    this.graph = graph
    this.node = node
  }

  /** One record out for each record in. */
  map<R>(fn: (record: T) => R & NotPromise<R, MapRefusal>): DataStream<R> {
    checkCallback(fn, 'map()')
    return this.#add({ kind: 'map', name: 'map', input: this.node, fn: fn as (value: unknown) => unknown })
  }

  /** Keeps the records for which `fn` says true. */
  filter<R extends T>(fn: (record: T) => record is R): DataStream<R>
  filter<B>(fn: (record: T) => B & NotPromise<B, FilterRefusal>): DataStream<T>
  filter(fn: (record: T) => unknown): AnyStream {
    checkCallback(fn, 'filter()')
    return this.#add({ kind: 'filter', name: 'filter', input: this.node, fn: fn as (value: unknown) => boolean })
  }

  /**
   * Any number of records out for each record in: those of the iterable that `fn` returns, or those it collects.
   *
   * @example
   * lines.flatMap((line) => line.split(' '))
   * lines.flatMap<string>((line, out) => { for (const word of line.split(' ')) out.collect(word) })
   */
  flatMap<R>(
    fn: (record: T, out: Collector<R>) => Iterable<R> | void | MillraceTypeError<FlatMapRefusal>,
  ): DataStream<R> {
    checkCallback(fn, 'flatMap()')
    type Untyped = (value: unknown, collector: Collector<unknown>) => Iterable<unknown> | void
    return this.#add({ kind: 'flatMap', name: 'flatMap', input: this.node, fn: fn as unknown as Untyped })
  }

  /**
   * Keeps the records for which a field expression is true. Stays in columns where the source knows its fields.
   *
   * @example
   * bids.where(field('price').greaterThan(100))
   */
  where(condition: Condition<T>): DataStream<T> {
    return this.#add({
      kind: 'where',
      name: 'where',
      input: this.node,
      predicate: expressionNode(condition, 'where()'),
    })
  }

  /**
   * A record of some fields, or of fields computed by expressions. Stays in columns where the source knows its fields.
   *
   * @example
   * bids.select('auction', 'price')
   * bids.select({ auction: field('auction'), dollars: field('price').times(0.908) })
   */
  select<const F extends readonly (keyof T & string)[]>(...fields: F): DataStream<Pick<T, F[number]>>
  select<const S extends Selection<T>>(fields: S): DataStream<Selected<T, S>>
  select(...given: (string | object)[]): AnyStream {
    const selection =
      typeof given[0] === 'object' && given[0] !== null
        ? Object.entries(given[0])
        : given.map((name) => [name as string, field(name as string)] as const)
    if (selection.length === 0) {
      throw new MillraceError('API_BAD_EXPRESSION', {
        message: 'select() was given no field.',
        fix: "Name the fields: select('auction', 'price').",
      })
    }
    const fields = selection.map(([name, expression]) =>
      Object.freeze({ name, expression: expressionNode(expression, `select({ ${name} })`) }),
    )
    return this.#add({ kind: 'select', name: 'select', input: this.node, fields: Object.freeze(fields) })
  }

  /** The records of this stream and of others, in the order in which they come. */
  union(...others: readonly DataStream<T>[]): DataStream<T> {
    for (const other of others) {
      if (!(other instanceof DataStream)) {
        throw new MillraceError('API_BAD_UNION', {
          message: `union() needs streams, not ${describe(other)}.`,
          fix: 'Pass other streams of the same job: orders.union(returns).',
        })
      }
      if (other.graph !== this.graph) {
        throw new MillraceError('API_BAD_UNION', {
          message: 'union() was given a stream of another job.',
          fix: 'Build both streams from the same env. Jobs meet through topics.',
        })
      }
    }
    if (others.length === 0) return this
    return this.#add({ kind: 'union', name: 'union', inputs: [this.node, ...others.map((other) => other.node)] })
  }

  /**
   * Groups the records: those with equal keys (by value) are processed together, in order.
   *
   * @example
   * bids.keyBy('auction')
   * bids.keyBy('auction', 'channel') // the key is [auction, channel]
   * words.keyBy((word) => word.toLowerCase())
   */
  keyBy<F extends KeyField<T>>(name: F): KeyedStream<T[F], T>
  keyBy<const F extends readonly [KeyField<T>, KeyField<T>, ...KeyField<T>[]]>(
    ...names: F
  ): KeyedStream<{ -readonly [I in keyof F]: T[F[I] & keyof T] }, T>
  keyBy<K>(fn: (record: T) => K & ValidKey<K>): KeyedStream<K, T>
  keyBy(...given: readonly unknown[]): AnyKeyedStream<T> {
    const key = keySelectorOf(given)
    const name = key.kind === 'closure' || given.length > 1 ? 'keyBy' : `keyBy ${String(given[0])}`
    return new KeyedStream(this.graph, this.graph.add({ kind: 'keyBy', name, input: this.node, key }))
  }

  /** window() is for keyed streams. */
  get window(): MillraceTypeError<'window() needs keyed records: call keyBy(…) before it, or windowAll(…) for windows over the whole stream.'> {
    const refuse = (): never => {
      throw new MillraceError('API_WINDOW_WITHOUT_KEY', {
        message: 'window() was called on a stream without keys.',
        fix: 'Call keyBy(…) before it, or windowAll(…) for windows over the whole stream.',
      })
    }
    return refuse as never
  }

  /** Windows over the whole stream, in one subtask. */
  windowAll(windows: Windows<T>): WindowedStream<undefined, T> {
    return new WindowedStream(this.graph, this.node, windows, 'windowAll()')
  }

  /** A function over every record, with side outputs. State and timers need a key: keyBy(…).process(…). */
  process<R = Undeclared>(fn: ProcessFunction<T, R>): DataStream<R> {
    checkOptions(fn, ['output', 'processElement', 'open', 'close'], 'process() without keyBy()')
    checkCallback(fn.processElement, 'processElement()')
    return this.#add({
      kind: 'process',
      name: 'process',
      input: this.node,
      process: Object.freeze({
        keyed: false,
        state: {},
        processElement: fn.processElement.bind(fn) as never,
        ...(fn.open && { open: fn.open.bind(fn) }),
        ...(fn.close && { close: fn.close.bind(fn) }),
      }),
    })
  }

  /** Event time and watermarks from here on, instead of the source's. */
  assignTimestampsAndWatermarks(watermarks: WatermarkStrategy<T> | WatermarkOptions<T>): DataStream<T> {
    const strategy = toStrategy(watermarks, 'assignTimestampsAndWatermarks()') as WatermarkStrategy<unknown>
    return this.#add({ kind: 'watermarks', name: 'watermarks', input: this.node, strategy })
  }

  /** The records that the step before sends to a side output. */
  getSideOutput<X>(tag: OutputTag<X>): DataStream<X> {
    return this.#add({ kind: 'sideOutput', name: `side output ${tag.id}`, input: this.node, tag: tag.id })
  }

  /** The subtasks of the next step take turns. */
  rebalance(): DataStream<T> {
    return this.#partition({ kind: 'rebalance' })
  }

  /** As rebalance, but each subtask deals only to its share of the next step's. */
  rescale(): DataStream<T> {
    return this.#partition({ kind: 'rescale' })
  }

  /** Every subtask of the next step gets every record. */
  broadcast(): DataStream<T> {
    return this.#partition({ kind: 'broadcast' })
  }

  /** The first subtask of the next step gets everything. */
  global(): DataStream<T> {
    return this.#partition({ kind: 'global' })
  }

  /** Takes the records out of the job. */
  sinkTo(sink: Sink<T>): DataStreamSink {
    if (typeof sink?.createWriter !== 'function') {
      throw new MillraceError('API_NOT_A_SINK', {
        message: `sinkTo() needs a sink, not ${describe(sink)}.`,
        fix: "Pass what a connector makes, such as kafkaSink({ topic: 'word-counts', value: json() }), or use print().",
      })
    }
    const node = this.graph.add({ kind: 'sink', name: sink.name, input: this.node, sink: sink as Sink<unknown> })
    return new DataStreamSink(node)
  }

  /** Writes each record as a line to the terminal, after `prefix` when one is given. */
  print(prefix?: string): DataStreamSink {
    return this.sinkTo(printSink({ prefix }))
  }

  /** What the step is called in explain, metrics and messages. */
  name(name: string): this {
    this.node.name = name
    return this
  }

  /** Names the step's state in snapshots, whatever happens to the graph around it. */
  uid(uid: string): this {
    this.node.uid = uid
    return this
  }

  /** Number of subtasks of the step. */
  setParallelism(parallelism: number): this {
    this.node.parallelism = wholeNumber(parallelism, 'parallelism')
    const { kind } = this.node
    if (kind === 'partition' || kind === 'union' || kind === 'sideOutput') {
      throw new MillraceError('API_BAD_PARALLELISM', {
        message: `'${this.node.name}' is no step of its own, so it has no subtasks.`,
        fix: 'Call setParallelism(…) on the step before it, or on the one that follows.',
      })
    }
    if (parallelism > 1 && this.node.kind === 'window' && this.node.input.kind !== 'keyBy') {
      throw new MillraceError('API_BAD_PARALLELISM', {
        message: `'${this.node.name}' is over the whole stream: it cannot be divided among ${parallelism} subtasks.`,
        fix: 'Leave out setParallelism(…), or divide the stream by a key: keyBy(…).window(…).',
      })
    }
    return this
  }

  #partition(partitioning: Exclude<Partitioning, { kind: 'hash' } | { kind: 'forward' }>): DataStream<T> {
    return this.#add({ kind: 'partition', name: partitioning.kind, input: this.node, partitioning })
  }

  #add<R>(node: NewNode): DataStream<R> {
    return new DataStream<R>(this.graph, this.graph.add(node))
  }
}

/** The end of a stream: what a sink can still be told. */
export class DataStreamSink {
  /** @internal */
  readonly node: NodeDraft

  /** @internal */
  constructor(node: NodeDraft) {
    this.node = node
  }

  name(name: string): this {
    this.node.name = name
    return this
  }

  uid(uid: string): this {
    this.node.uid = uid
    return this
  }

  setParallelism(parallelism: number): this {
    this.node.parallelism = wholeNumber(parallelism, 'parallelism')
    return this
  }
}
