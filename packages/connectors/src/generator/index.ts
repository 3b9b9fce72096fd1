import {
  type Batch,
  checkCallback,
  checkOptions,
  type ObjectBatch,
  objectBatch,
  type ReaderContext,
  refusePromise,
  type Source,
} from '@millrace/engine'
import { MillraceError } from '@millrace/std'
import { type BatchMaker, RangeReader } from './range-reader.ts'
import { checkCount, checkRate, RangeEnumerator, rangeSerializer, type RecordRange } from './record-range.ts'

export interface GeneratorOptions<T> {
  /** The record with number `index`: 0, 1, 2 … It must depend on nothing else, so that a restarted job makes the same ones. */
  readonly generate: (index: number) => T
  /** How many records; left out: without end. */
  readonly count?: number
  /** Records per second, all subtasks together; left out: as fast as the job takes them. */
  readonly ratePerSecond?: number
}

/**
 * Makes records by a function of their number. Their event time is when they were made.
 *
 * @example
 * env.fromSource(generatorSource({ generate: (i) => ({ user: i % 10, value: i }), ratePerSecond: 100 }))
 * @throws MillraceError `CONNECTOR_BAD_OPTION`, `API_UNKNOWN_OPTION`
 */
export function generatorSource<T>(options: GeneratorOptions<T>): Source<T, RecordRange> {
  checkOptions(options, ['generate', 'count', 'ratePerSecond'], 'generatorSource()')
  const { generate } = options
  if (typeof generate !== 'function') {
    throw new MillraceError('CONNECTOR_BAD_OPTION', {
      message: 'generatorSource() needs a function `generate`.',
      fix: 'Write generatorSource({ generate: (index) => …, ratePerSecond: 100 }).',
    })
  }
  checkCallback(generate, 'generate()')
  const count = checkCount(options.count, 'generatorSource()')
  const rate = checkRate(options.ratePerSecond, 'generatorSource()')
  return {
    name: rate === Number.POSITIVE_INFINITY ? 'generator' : `generator (${rate} records/s)`,
    boundedness: count === Number.POSITIVE_INFINITY ? 'unbounded' : 'bounded',
    schema: undefined,
    defaultWatermarks: 'monotonous',
    createEnumerator: (context) => new RangeEnumerator(context, count),
    createReader: (context) => new RangeReader(context, new FunctionMaker(generate, context), rate),
    splitSerializer: rangeSerializer,
  }
}

class FunctionMaker implements BatchMaker {
  readonly #generate: (index: number) => unknown
  readonly #context: ReaderContext
  readonly #batch: ObjectBatch = objectBatch([], new Float64Array(1024), 0)
  #first = 0
  #step = 1

  constructor(generate: (index: number) => unknown, context: ReaderContext) {
    this.#generate = generate
    this.#context = context
    this.#batch.origin = { describe: (index) => `generated record ${this.#first + index * this.#step}` }
  }

  make(first: number, step: number, length: number): Batch {
    const batch = this.#batch
    this.#first = first
    this.#step = step
    let i = 0
    try {
      for (; i < length; i++) batch.values[i] = refusePromise(this.#generate(first + i * step), 'generate()')
    } catch (cause) {
      throw this.#context.userError(cause, batch, i)
    }
    batch.timestamps.fill(this.#context.system.clock.now(), 0, length)
    batch.length = length
    return batch
  }
}
