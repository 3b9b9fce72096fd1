import {
  type Batch,
  checkOptions,
  type ColumnBatch,
  columnBatch,
  describeValue,
  type Field,
  type Schema,
  type Source,
} from '@millrace/engine'
import type { Clock } from '@millrace/std'
import { MillraceError } from '@millrace/std'
import { type BatchMaker, RangeReader } from '../generator/range-reader.ts'
import { checkCount, checkRate, RangeEnumerator, rangeSerializer, type RecordRange } from '../generator/record-range.ts'
import type { ColumnMaker, FieldSpec } from './field-spec.ts'

export { type FieldSpec, oneOf, randomBoolean, randomInt, randomNumber, randomText, sequence } from './field-spec.ts'

export interface DatagenOptions<F extends { readonly [name: string]: FieldSpec<unknown> }> {
  readonly fields: F
  /** How many records; left out: without end. */
  readonly count?: number
  /** Records per second, all subtasks together; left out: as fast as the job takes them. */
  readonly ratePerSecond?: number
  /** Another seed, other records (default 1). The same one always makes the same. */
  readonly seed?: number
}

/** The record that the fields make. */
export type Generated<F> = { -readonly [K in keyof F]: F[K] extends FieldSpec<infer V> ? V : never }

/**
 * Makes records of random fields, in columns, as Flink's DataGen connector. Their event time is when they were made.
 *
 * @example
 * env.fromSource(datagenSource({
 *   fields: { id: sequence(), auction: randomInt(1000, 1999), price: randomNumber(1, 100), channel: oneOf('web', 'app') },
 *   ratePerSecond: 1000,
 * }))
 * @throws MillraceError `CONNECTOR_BAD_OPTION`, `API_UNKNOWN_OPTION`
 */
export function datagenSource<const F extends { readonly [name: string]: FieldSpec<unknown> }>(
  options: DatagenOptions<F>,
): Source<Generated<F>, RecordRange> {
  checkOptions(options, ['fields', 'count', 'ratePerSecond', 'seed'], 'datagenSource()')
  const specs = Object.entries(options.fields ?? {})
  if (specs.length === 0) {
    throw new MillraceError('CONNECTOR_BAD_OPTION', {
      message: 'datagenSource() was given no fields.',
      fix: 'Write datagenSource({ fields: { id: sequence(), price: randomNumber(1, 100) } }).',
    })
  }
  for (const [name, spec] of specs) {
    if (typeof spec?.createColumn === 'function') continue
    throw new MillraceError('CONNECTOR_BAD_OPTION', {
      message: `The field '${name}' of datagenSource() is ${describeValue(spec)}, not what fills it.`,
      fix: `Write ${name}: sequence(), randomInt(1, 100), randomNumber(0, 1), randomBoolean(), randomText(8) or oneOf(…).`,
    })
  }
  const count = checkCount(options.count, 'datagenSource()')
  const rate = checkRate(options.ratePerSecond, 'datagenSource()')
  const seed = options.seed ?? 1
  const fields = specs.map(([name, { type }]): Field => Object.freeze({ name, type, nullable: false }))
  const schema: Schema<Generated<F>> = Object.freeze({ fields: Object.freeze(fields) })
  return {
    name: `datagen (${specs.map(([name]) => name).join(', ')})`,
    boundedness: count === Number.POSITIVE_INFINITY ? 'unbounded' : 'bounded',
    schema,
    defaultWatermarks: 'monotonous',
    createEnumerator: (context) => new RangeEnumerator(context, count),
    createReader: (context) => {
      const makers = specs.map(([name, spec]) =>
        context.projection === undefined || context.projection.includes(name) ? spec.createColumn(1024) : undefined,
      )
      return new RangeReader(context, new ColumnsMaker(schema, makers, seed, context.system.clock), rate)
    },
    splitSerializer: rangeSerializer,
  }
}

class ColumnsMaker implements BatchMaker {
  readonly #makers: readonly (ColumnMaker | undefined)[]
  readonly #seed: number
  readonly #clock: Clock
  readonly #batch: ColumnBatch
  #first = 0
  #step = 1

  constructor(schema: Schema, makers: readonly (ColumnMaker | undefined)[], seed: number, clock: Clock) {
    this.#makers = makers
    this.#seed = seed
    this.#clock = clock
    const columns = makers.map((maker) => maker?.column)
    const origin = { describe: (index: number) => `generated record ${this.#first + index * this.#step}` }
    this.#batch = columnBatch(schema, columns, new Float64Array(1024), 0, origin)
  }

  make(first: number, step: number, length: number): Batch {
    this.#first = first
    this.#step = step
    this.#makers.forEach((maker, i) => maker?.fill(first, step, length, this.#seed * 7919 + i * 104_729))
    this.#batch.timestamps.fill(this.#clock.now(), 0, length)
    this.#batch.length = length
    return this.#batch
  }
}
