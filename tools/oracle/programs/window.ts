import {
  continuousEventTimeTrigger,
  continuousProcessingTimeTrigger,
  countEvictor,
  countTrigger,
  type DataStream,
  deltaEvictor,
  deltaTrigger,
  endOfStreamTrigger,
  type Evictor,
  eventTimeTrigger,
  globalWindows,
  type OutputTag,
  outputTag,
  type ProcessWindowFunction,
  processingTimeoutTrigger,
  processingTimeTrigger,
  purgingTrigger,
  session,
  sliding,
  timeEvictor,
  type Trigger,
  tumbling,
  valueState,
  type WindowedStream,
  type Windows,
} from '@millrace/engine'
import { type Event, type Json, type Program, timeToJson } from '../case.ts'
import { Unsupported } from '../unsupported.ts'
import { earlyLateTrigger } from './early-late-trigger.ts'

/** What a window program emits: a record of the input, or an object with the fields of an output item. */
export type WindowResult = Event | Shown

interface Shown {
  readonly key: string | null
  readonly value: Json
  readonly [name: string]: unknown
}

export const lateTag: OutputTag<Event> = outputTag<Event>('late')

/** Keyed or not. */
type AnyWindowedStream = WindowedStream<any, Event>

interface WindowProgram extends Program {
  readonly keyed: boolean
  readonly time: 'event' | 'processing'
  readonly window: WindowSpec
  readonly trigger?: TriggerSpec
  readonly evictor?: EvictorSpec
  readonly allowedLateness?: number
  readonly lateOutput?: boolean
  readonly function: FunctionSpec
}

interface WindowSpec {
  readonly type: string
  readonly size: number
  readonly slide: number
  readonly offset?: number
  readonly gap: number
  readonly dynamicGap?: { readonly base: number; readonly mod: number; readonly step: number }
  readonly endOfStreamTrigger?: boolean
}

interface TriggerSpec {
  readonly type: string
  readonly interval: number
  readonly n: number
  readonly of: TriggerSpec
  readonly timeout: number
  readonly resetOnElement: boolean
  readonly clearOnTimeout: boolean
  readonly threshold: number
  readonly absolute: boolean
  readonly every: number
  readonly purge: boolean
}

interface EvictorSpec {
  readonly type: string
  readonly n: number
  readonly size: number
  readonly threshold: number
  readonly absolute: boolean
  readonly after: boolean
}

interface FunctionSpec {
  readonly type: string
  readonly first: boolean
  readonly with: 'fold' | 'merge'
  readonly withWindow: boolean
  readonly state: boolean
}

/** Builds the program with the public API over the stream of events. It emits {@link WindowResult}s. */
export function windowProgram(program: Program, events: DataStream<Event>): DataStream<any> {
  const spec = program as WindowProgram
  let windowed = windowedOf(spec, events)
  if (spec.trigger !== undefined) windowed = windowed.trigger(triggerOf(spec.trigger))
  if (spec.evictor !== undefined) windowed = windowed.evictor(evictorOf(spec.evictor))
  if (spec.allowedLateness !== undefined) windowed = windowed.allowedLateness(spec.allowedLateness)
  if (spec.lateOutput) windowed = windowed.sideOutputLateData(lateTag)
  return apply(spec, windowed)
}

function windowedOf(spec: WindowProgram, events: DataStream<Event>): AnyWindowedStream {
  if (!spec.keyed) return events.windowAll(windowsOf(spec))
  const keyed = events.keyBy((event) => event[0])
  const { type, size, slide, endOfStreamTrigger: endOfStream } = spec.window
  if (type === 'countTumbling') return keyed.countWindow(size)
  if (type === 'countSliding') return keyed.countWindow(size, slide)
  const windowed = keyed.window(windowsOf(spec))
  return endOfStream ? windowed.trigger(endOfStreamTrigger()) : windowed
}

function windowsOf({ window, time }: WindowProgram): Windows<Event> {
  const offset = window.offset ?? 0
  switch (window.type) {
    case 'tumbling':
      return tumbling(window.size, { time, offset })
    case 'sliding':
      return sliding(window.size, window.slide, { time, offset })
    case 'session': {
      const dynamic = window.dynamicGap
      if (dynamic === undefined) return session(window.gap, { time })
      return session<Event>((event) => dynamic.base + modulo(event[2] as number, dynamic.mod) * dynamic.step, { time })
    }
    case 'global':
      return globalWindows()
    default:
      throw new Unsupported(`windows of type ${window.type} come later`)
  }
}

function triggerOf(spec: TriggerSpec): Trigger {
  switch (spec.type) {
    case 'eventTime':
      return eventTimeTrigger()
    case 'processingTime':
      return processingTimeTrigger()
    case 'continuousEventTime':
      return continuousEventTimeTrigger(spec.interval)
    case 'continuousProcessingTime':
      return continuousProcessingTimeTrigger(spec.interval)
    case 'count':
      return countTrigger(spec.n)
    case 'purging':
      return purgingTrigger(triggerOf(spec.of))
    case 'delta':
      return deltaTrigger(spec.threshold, deltaOf(spec.absolute))
    case 'earlyLate':
      return earlyLateTrigger(spec.every, spec.purge)
    case 'timeout': {
      const { resetOnElement, clearOnTimeout } = spec
      return processingTimeoutTrigger(triggerOf(spec.of), spec.timeout, { resetOnElement, clearOnTimeout })
    }
    default:
      throw new Unsupported(`triggers of type ${spec.type} come later`)
  }
}

function evictorOf(spec: EvictorSpec): Evictor {
  const { after } = spec
  switch (spec.type) {
    case 'count':
      return countEvictor(spec.n, { after })
    case 'time':
      return timeEvictor(spec.size, { after })
    case 'delta':
      return deltaEvictor(spec.threshold, deltaOf(spec.absolute), { after })
    default:
      throw new Unsupported(`evictors of type ${spec.type} come later`)
  }
}

function deltaOf(absolute: boolean): (a: Event, b: Event) => number {
  return absolute ? (a, b) => Math.abs(number(b) - number(a)) : (a, b) => number(b) - number(a)
}

function apply(spec: WindowProgram, windowed: AnyWindowedStream): DataStream<any> {
  const fn = spec.function
  // Positions of the tuple [key, time stamp, value, index]; a value is a number in the window programs.
  const value = 2 as never
  switch (fn.type) {
    case 'sum':
    case 'min':
    case 'max':
      return windowed[fn.type](value)
    case 'minBy':
    case 'maxBy':
      return windowed[fn.type](value, { first: fn.first })
    case 'reduce':
      return fn.withWindow ? windowed.reduce(reducers[fn.with], showRecord) : windowed.reduce(reducers[fn.with])
    case 'aggregate':
      return fn.withWindow ? windowed.aggregate(statistics, showStatistics) : windowed.aggregate(statistics)
    case 'process':
      return windowed.process(showIndexes(spec))
    default:
      throw new Unsupported(`window functions of type ${fn.type} come later`)
  }
}

const reducers = {
  /** Depends on the order. */
  fold: (a: Event, b: Event): Event => [a[0], b[1], modulo(2 * number(a) + number(b), 10_007), b[3]],
  /** Does not. */
  merge: (a: Event, b: Event): Event => [a[0], Math.max(a[1], b[1]), number(a) + number(b), Math.min(a[3], b[3])],
}

type Statistics = readonly [count: number, sum: number, min: number, max: number, key: string]

const statistics = {
  createAccumulator: (): Statistics => [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, ''],
  add: (event: Event, [count, sum, min, max]: Statistics): Statistics => {
    const value = number(event)
    return [count + 1, sum + value, Math.min(min, value), Math.max(max, value), event[0]]
  },
  getResult: ([count, sum, min, max, key]: Statistics): Shown => ({ key, value: [count, sum, min, max] }),
  merge: (a: Statistics, b: Statistics): Statistics => [
    a[0] + b[0],
    a[1] + b[1],
    Math.min(a[2], b[2]),
    Math.max(a[3], b[3]),
    a[0] > 0 ? a[4] : b[4],
  ],
}

const showRecord: ProcessWindowFunction<string | undefined, Event, {}, {}, Shown> = {
  process: ({ key, window, currentWatermark }, records) =>
    records.map((record) => ({
      key: key ?? null,
      window: show(window),
      value: record,
      wm: timeToJson(currentWatermark()),
    })),
}

const showStatistics: ProcessWindowFunction<string | undefined, Shown, {}, {}, Shown> = {
  process: ({ key, window, currentWatermark }, results) =>
    results.map(({ value }) => ({ key: key ?? null, window: show(window), value, wm: timeToJson(currentWatermark()) })),
}

function showIndexes({ keyed, time, window, function: fn }: WindowProgram) {
  const counted = { firings: valueState(0) }
  const windowState: typeof counted | {} = fn.state ? counted : {}
  const result: ProcessWindowFunction<string | undefined, Event, typeof counted, typeof counted, Shown> = {
    windowState: windowState as typeof counted,
    globalState: windowState as typeof counted,
    process: (context, records) => {
      const indexes = records.map((record) => record[3])
      if (window.type === 'session') indexes.sort((a, b) => a - b)
      const shown = { key: context.key ?? null, window: show(context.window), value: indexes }
      if (!keyed) return [shown]
      return [
        {
          ...shown,
          wm: timeToJson(context.currentWatermark()),
          ...(time === 'processing' && { pt: context.currentProcessingTime() }),
          ...(fn.state && {
            windowFirings: increment(context.windowState.firings),
            keyFirings: increment(context.globalState.firings),
          }),
        },
      ]
    },
  }
  return result
}

function increment(state: { value(): number; update(value: number): void }): number {
  state.update(state.value() + 1)
  return state.value()
}

function show({ start, end }: { readonly start: number; readonly end: number }): readonly [number, number] | 'global' {
  return start === Number.NEGATIVE_INFINITY ? 'global' : [start, end]
}

/** Of a session only the value is defined for sum … maxBy: which record it comes from depends on the merging. */
export function showsOnlyValue(program: Program): boolean {
  const { window, function: fn } = program as WindowProgram
  return window.type === 'session' && ['sum', 'min', 'max', 'minBy', 'maxBy'].includes(fn.type)
}

function number(event: Event): number {
  return event[2] as number
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor
}
