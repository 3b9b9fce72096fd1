/** Compiled with the tests, never run: what users need not annotate, and what must not compile. */
import {
  aggregatingState,
  collectSink,
  type DataStream,
  field,
  job,
  listState,
  mapState,
  type MillraceTypeError,
  outputTag,
  reducingState,
  schema,
  session,
  type Sink,
  type Source,
  type StreamExecutionEnvironment,
  sliding,
  tumbling,
  type,
  valueState,
  WatermarkStrategy,
  type WindowCount,
} from '@millrace/engine'
import type { Undeclared } from '../../src/api/process-function.ts'
import type { NotPromise, ValidKey } from '../../src/api/type-error.ts'

type Equal<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false
const same = <A, B>(..._equal: Equal<A, B> extends true ? [] : ['the types differ', A, B]): void => {}

declare const env: StreamExecutionEnvironment
declare const lines: Source<string>
const bid = schema({ auction: 'int64', price: 'float64', channel: 'string?', hot: 'boolean' })
type Bid = { auction: number; price: number; channel: string | null; hot: boolean }
declare const bidSource: Source<Bid>
const bids = env.fromSource(bidSource)

// The job of the README: no annotation, every type known.
const counts = env
  .fromSource(lines)
  .flatMap((line) => line.toLowerCase().split(/\W+/).filter(Boolean))
  .keyBy((word) => word)
  .window(tumbling('5 s'))
  .count()
same<typeof counts, DataStream<WindowCount<string>>>()
counts.sinkTo(collectSink<WindowCount<string>>())
job('word-count', (jobEnv) => {
  jobEnv.fromSource(lines).print()
})

// Types follow the records.
same<typeof bid.rowType, Bid | undefined>()
same<ReturnType<typeof bids.filter>, DataStream<Bid>>()
const tagged = bids.map(({ auction }) => ({ auction, tag: 'x' as const }))
same<typeof tagged, DataStream<{ auction: number; tag: 'x' }>>()
const texts = env.fromCollection([1, 'a', null]).filter((value) => typeof value === 'string')
same<typeof texts, DataStream<string>>()
const collected = bids.flatMap<number>((record, out) => {
  out.collect(record.price)
})
same<typeof collected, DataStream<number>>()

// Keys.
bids.keyBy('auction').window(tumbling(1000)).count().sinkTo(collectSink<WindowCount<number>>())
bids
  .keyBy('auction', 'channel')
  .window(tumbling('1 min'))
  .count()
  .sinkTo(collectSink<WindowCount<[number, string | null]>>())
bids.keyBy((record) => ({ auction: record.auction, hot: record.hot }))
bids.keyBy((record) => [record.auction, record.channel] as const)
bids.keyBy((record) => new Date(record.auction))
// @ts-expect-error a misspelt field
bids.keyBy('auktion')
// @ts-expect-error nested
bids.keyBy((record) => ({ auction: { id: record.auction } }))
// @ts-expect-error nested
bids.keyBy((record) => [[record.auction]])
// @ts-expect-error a promise
bids.keyBy((record) => Promise.resolve(record.auction))
// @ts-expect-error a function
bids.keyBy((record) => () => record.auction)
same<
  ValidKey<{ a: { b: number } }>,
  MillraceTypeError<'A key must be a string, number, bigint, boolean, Date, Uint8Array or null, or a tuple or flat object of these.'>
>()
same<ValidKey<readonly [string, bigint, Date, Uint8Array, null]>, unknown>()

// Promises are refused where the record itself is wanted.
// @ts-expect-error
bids.map(async (record) => record.price)
// @ts-expect-error
bids.filter(async (record) => record.hot)
// @ts-expect-error
bids.flatMap(async (record) => [record.hot])
// @ts-expect-error
bids.keyBy('auction').reduce(async (a) => a)
same<NotPromise<Promise<number>, 'no'>, MillraceTypeError<'no'>>()
same<NotPromise<number, 'no'>, unknown>()

// window() before keyBy() reads as a sentence.
same<
  typeof bids.window,
  MillraceTypeError<'window() needs keyed records: call keyBy(…) before it, or windowAll(…) for windows over the whole stream.'>
>()
// @ts-expect-error not callable
bids.window(tumbling('5 s'))
bids.windowAll(tumbling('5 s')).count().sinkTo(collectSink<WindowCount<undefined>>())

// Field expressions know the record.
const selected = bids
  .where(field('price').times(0.908).greaterThan(100).and(field('channel').notEquals('spam')).and(field('hot')))
  .select({
    id: field('auction'),
    dollars: field('price').times(0.908),
    channel: field('channel'),
    cheap: field('price').lessThan(field('auction')),
  })
same<typeof selected, DataStream<{ id: number; dollars: number; channel: string | null; cheap: boolean }>>()
const picked = bids.select('auction', 'price')
same<typeof picked, DataStream<Pick<Bid, 'auction' | 'price'>>>()
bids.where(field('hot'))
bids.where(field('channel').isNull().or(field('channel').equals('web')))
// @ts-expect-error no such field
bids.where(field('prize').greaterThan(100))
// @ts-expect-error text is no number
bids.where(field('channel').times(2).greaterThan(100))
// @ts-expect-error a number is no text
bids.where(field('price').equals('high'))
// @ts-expect-error a number is no condition
bids.where(field('price').plus(1))
// @ts-expect-error a text field is no condition
bids.where(field('channel'))
// @ts-expect-error no such field
bids.select({ x: field('prize') })

// Windows.
bids
  .keyBy('auction')
  .window(sliding('10 s', '2 s'))
  .sum('price')
  .map((record) => record.hot)
bids
  .keyBy('auction')
  .window(session((record) => (record.hot ? '1 s' : 5000)))
  .maxBy('price', { first: false })
// @ts-expect-error no number
bids.keyBy('auction').window(tumbling('5 s')).sum('channel')
// @ts-expect-error no duration
tumbling('5 sec')
// @ts-expect-error no duration
tumbling('five seconds')
const averages = bids
  .keyBy('auction')
  .window(tumbling('1 min'))
  .aggregate({
    createAccumulator: () => ({ sum: 0, count: 0 }),
    add: (record, { sum, count }) => ({ sum: sum + record.price, count: count + 1 }),
    getResult: ({ sum, count }) => sum / count,
  })
same<typeof averages, DataStream<number>>()
const tops = bids
  .keyBy('auction')
  .window(tumbling('1 min'))
  .allowedLateness('5 s')
  .process({
    windowState: { firings: valueState(0) },
    *process({ key, window, windowState }, records) {
      windowState.firings.update(windowState.firings.value() + 1)
      yield { key, end: window.end, top: Math.max(...records.map((record) => record.price)) }
    },
  })
same<typeof tops, DataStream<{ key: number; end: number; top: number }>>()
const pairs = env.fromCollection([['a', 1] as [string, number]]).keyBy((pair) => pair[0])
pairs.window(tumbling('5 s')).sum(1)
// @ts-expect-error the first is text
pairs.sum(0)

// Process functions: state, timers and what comes out.
const late = outputTag<string>('late')
const processed = bids.keyBy('auction').process({
  state: {
    count: valueState(0),
    last: valueState<Bid>(),
    seen: mapState<string, number>(),
    all: listState<Bid>(),
    total: reducingState<number>((a, b) => a + b),
    mean: aggregatingState({
      createAccumulator: () => 0,
      add: (value: Bid, sum) => sum + value.price,
      getResult: String,
    }),
  },
  *processElement(record, ctx) {
    same<typeof record, Bid>()
    same<typeof ctx.currentKey, number>()
    ctx.state.count.update(ctx.state.count.value() + 1)
    same<ReturnType<typeof ctx.state.last.value>, Bid | undefined>()
    same<ReturnType<typeof ctx.state.seen.get>, number | undefined>()
    same<ReturnType<typeof ctx.state.total.get>, number | undefined>()
    same<ReturnType<typeof ctx.state.mean.get>, string | undefined>()
    ctx.timers.registerEventTime((ctx.timestamp ?? 0) + 1000)
    ctx.output(late, 'late')
    // @ts-expect-error the tag's type
    ctx.output(late, 5)
    // @ts-expect-error no such state
    ctx.state.counter.clear()
    yield { auction: record.auction, count: ctx.state.count.value() }
  },
  onTimer(timestamp, ctx) {
    same<typeof timestamp, number>()
    same<typeof ctx.timeDomain, 'event' | 'processing'>()
  },
})
same<typeof processed, DataStream<{ auction: number; count: number }>>()
const sides = processed.getSideOutput(late)
same<typeof sides, DataStream<string>>()
const declared = bids.keyBy('auction').process({
  output: type<{ alert: string }>(),
  processElement(record, _ctx, out) {
    out.collect({ alert: record.channel ?? '' })
    // @ts-expect-error not what was declared
    out.collect({ alarm: 1 })
  },
})
same<typeof declared, DataStream<{ alert: string }>>()
const undeclared = bids.keyBy('auction').process({
  processElement(record, _ctx, out) {
    // @ts-expect-error says what to do: return the records, or declare output
    out.collect(record.price)
  },
})
same<typeof undeclared, DataStream<Undeclared>>()

const onTimerOnly = bids.keyBy('auction').process({
  processElement(_record, ctx) {
    ctx.timers.registerEventTime(5)
  },
  *onTimer(timestamp) {
    yield { timestamp }
  },
})
same<typeof onTimerOnly, DataStream<{ timestamp: number }>>()
const both = bids.keyBy('auction').process({
  *processElement(record) {
    yield record.price
  },
  *onTimer() {
    yield 'timer'
  },
})
same<typeof both, DataStream<number | string>>()

// Watermarks: closures get the record.
env.fromSource(bidSource, {
  watermarks: { timestamp: (record) => record.auction, outOfOrderness: '5 s', idleness: '1 min' },
})
env.fromSource(bidSource, { watermarks: { timestamp: 'auction' } })
// @ts-expect-error text is no time
env.fromSource(bidSource, { watermarks: { timestamp: 'channel' } })
env.fromSource(bidSource, { watermarks: WatermarkStrategy.forMonotonousTimestamps() })
bids.assignTimestampsAndWatermarks(
  WatermarkStrategy.forBoundedOutOfOrderness('5 s')
    .withTimestampAssigner((record: Bid) => record.price)
    .withIdleness('1 min'),
)
// @ts-expect-error misspelt
env.fromSource(bidSource, { watermark: { timestamp: 'auction' } })

// Sinks take the record.
declare const textSink: Sink<string>
// @ts-expect-error not text
bids.sinkTo(textSink)
bids.union(bids.filter((record) => record.hot))
// @ts-expect-error another record
bids.union(selected)
