import { type Duration, nonNegativeDurationMs, positiveDurationMs } from '../time/duration.ts'
import type { WatermarkGenerator, WatermarkStrategy as Strategy } from '../time/watermark-strategy.ts'
import { checkCallback, checkOptions } from './options.ts'

/**
 * Event time and watermarks, as options: types flow in from the stream, so the closure needs no annotation.
 *
 * @example
 * env.fromSource(orders, { watermarks: { timestamp: (order) => order.created, outOfOrderness: '5 s', idleness: '1 min' } })
 */
export interface WatermarkOptions<T> {
  /** Event time of a record in ms since the epoch: a function, or the field that holds it. Default: what the source says. */
  readonly timestamp?: ((record: T, sourceTimestamp: number) => number) | TimestampField<T>
  /** How late a record may come after one with a later time (default 0: records come in order). */
  readonly outOfOrderness?: Duration
  /** Watermarks of your own making, instead of `outOfOrderness`. */
  readonly generator?: () => WatermarkGenerator<T>
  /** A split without records for that long no longer holds the watermark back. Default: it does, for ever. */
  readonly idleness?: Duration
}

type TimestampField<T> = { [K in keyof T & string]: T[K] extends number ? K : never }[keyof T & string]

/** Flink's builder of strategies. */
export interface WatermarkStrategyBuilder<T> extends Strategy<T> {
  /** `fn` gets the record and the time stamp of the source (NaN: none); it returns ms since the epoch. */
  withTimestampAssigner<U extends T = T>(
    fn: (record: U, sourceTimestamp: number) => number,
  ): WatermarkStrategyBuilder<U>
  withIdleness(timeout: Duration): WatermarkStrategyBuilder<T>
}

/** How event time is found and watermarks are made. */
export type WatermarkStrategy<T> = Strategy<T>

/**
 * Flink's names for the strategies.
 * https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/datastream/event-time/generating_watermarks/
 *
 * @example
 * stream.assignTimestampsAndWatermarks(
 *   WatermarkStrategy.forBoundedOutOfOrderness<Order>('5 s').withTimestampAssigner((order) => order.created).withIdleness('1 min'),
 * )
 */
export const WatermarkStrategy = {
  /** Records come at most `delay` after one with a later time. */
  forBoundedOutOfOrderness: <T = unknown>(delay: Duration): WatermarkStrategyBuilder<T> =>
    builder<T>({
      generator: {
        kind: 'boundedOutOfOrderness',
        delayMs: nonNegativeDurationMs(delay, 'the delay of forBoundedOutOfOrderness()'),
      },
      timestampOf: undefined,
      idlenessMs: undefined,
    }),
  /** Times never fall within a split. */
  forMonotonousTimestamps: <T = unknown>(): WatermarkStrategyBuilder<T> =>
    builder<T>({ generator: { kind: 'monotonous' }, timestampOf: undefined, idlenessMs: undefined }),
  /** Watermarks of your own making; `create` is called once per split. */
  forGenerator: <T>(create: () => WatermarkGenerator<T>): WatermarkStrategyBuilder<T> => {
    checkCallback(create, 'forGenerator()')
    return builder<T>({ generator: { kind: 'custom', create }, timestampOf: undefined, idlenessMs: undefined })
  },
  /** Event time stands still: for jobs in processing time. */
  noWatermarks: <T = unknown>(): WatermarkStrategyBuilder<T> =>
    builder<T>({ generator: { kind: 'none' }, timestampOf: undefined, idlenessMs: undefined }),
} as const

function builder<T>(strategy: Strategy<T>): WatermarkStrategyBuilder<T> {
  return Object.freeze({
    ...strategy,
    withTimestampAssigner: <U extends T>(fn: (record: U, sourceTimestamp: number) => number) => {
      checkCallback(fn, 'withTimestampAssigner()')
      return builder<U>({ ...strategy, timestampOf: fn } as unknown as Strategy<U>)
    },
    withIdleness: (timeout: Duration) =>
      builder<T>({ ...strategy, idlenessMs: positiveDurationMs(timeout, 'the timeout of withIdleness()') }),
  })
}

const optionNames = ['timestamp', 'outOfOrderness', 'generator', 'idleness']

/** The strategy that options or a builder stand for. */
export function toStrategy<T>(given: Strategy<T> | WatermarkOptions<T>, where: string): Strategy<T> {
  if (isStrategy(given)) return given
  checkOptions(given, optionNames, `The watermarks of ${where}`)
  const { timestamp, outOfOrderness, generator, idleness } = given
  if (timestamp !== undefined && typeof timestamp !== 'string') checkCallback(timestamp, `The timestamp of ${where}`)
  if (generator !== undefined) checkCallback(generator, `The generator of ${where}`)
  const delayMs = nonNegativeDurationMs(outOfOrderness ?? 0, `the outOfOrderness of ${where}`)
  return Object.freeze({
    generator: generator
      ? { kind: 'custom' as const, create: generator }
      : delayMs === 0
        ? { kind: 'monotonous' as const }
        : { kind: 'boundedOutOfOrderness' as const, delayMs },
    timestampOf: typeof timestamp === 'function' ? timestamp : undefined,
    timestampField: typeof timestamp === 'string' ? timestamp : undefined,
    idlenessMs: idleness === undefined ? undefined : positiveDurationMs(idleness, `the idleness of ${where}`),
  })
}

function isStrategy<T>(given: Strategy<T> | WatermarkOptions<T>): given is Strategy<T> {
  return typeof given.generator === 'object' && given.generator !== null && 'kind' in given.generator
}
