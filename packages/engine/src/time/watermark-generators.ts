import type { Batch } from '../element/batch.ts'
import { MIN_TIMESTAMP } from '../element/batch.ts'
import { CustomGenerator, type UserErrors } from './custom-generator.ts'
import type { WatermarkOutput, WatermarkStrategy } from './watermark-strategy.ts'

/** Where the records of a generator go on to. */
export interface BatchReceiver {
  batch(batch: Batch): void
}

/** A generator over batches. The built-in ones only look at time stamps. */
export interface BatchWatermarkGenerator {
  /** Passes the batch on to `next`; what it says to `output` about a record comes behind that record. */
  onBatch(batch: Batch, next: BatchReceiver, output: WatermarkOutput): void
  /** Called at the watermark interval; `now` is the processing time. */
  onPeriodicEmit(now: number, output: WatermarkOutput): void
}

/** The generator of a strategy, with its idleness. `errors` wraps what a generator of the user throws. */
export function createWatermarkGenerator(
  strategy: WatermarkStrategy<unknown>,
  errors: UserErrors,
): BatchWatermarkGenerator {
  const generator = withoutIdleness(strategy, errors)
  return strategy.idlenessMs === undefined ? generator : new GeneratorWithIdleness(generator, strategy.idlenessMs)
}

function withoutIdleness(strategy: WatermarkStrategy<unknown>, errors: UserErrors): BatchWatermarkGenerator {
  switch (strategy.generator.kind) {
    case 'boundedOutOfOrderness':
      return new BoundedOutOfOrderness(strategy.generator.delayMs)
    case 'monotonous':
      return new BoundedOutOfOrderness(0)
    case 'none':
      return { onBatch: (batch, next) => next.batch(batch), onPeriodicEmit: () => {} }
    case 'custom':
      return new CustomGenerator(strategy.generator.create, errors)
  }
}

/** The watermark is the largest time stamp - delay - 1: a record at the largest time may come again. */
class BoundedOutOfOrderness implements BatchWatermarkGenerator {
  readonly #delayMs: number
  #largest = MIN_TIMESTAMP

  constructor(delayMs: number) {
    this.#delayMs = delayMs
  }

  onBatch(batch: Batch, next: BatchReceiver): void {
    // Before the batch goes on: who gets it may use its arrays again.
    const { timestamps, length } = batch
    let largest = this.#largest
    for (let i = 0; i < length; i++) {
      const timestamp = timestamps[i] as number
      if (timestamp > largest) largest = timestamp
    }
    this.#largest = largest
    next.batch(batch)
  }

  onPeriodicEmit(_now: number, output: WatermarkOutput): void {
    output.emitWatermark(this.#largest - this.#delayMs - 1)
  }
}

/**
 * Flink's WatermarksWithIdleness: at the first tick without new records a clock starts; at the first tick more than
 * `idleness` later the stream is idle, and gives no watermarks until a record comes.
 */
class GeneratorWithIdleness implements BatchWatermarkGenerator {
  readonly #generator: BatchWatermarkGenerator
  readonly #idlenessMs: number
  #fresh = false
  /** Processing time of the first tick without new records; NaN: there were some. */
  #quietSince = Number.NaN
  #idle = false

  constructor(generator: BatchWatermarkGenerator, idlenessMs: number) {
    this.#generator = generator
    this.#idlenessMs = idlenessMs
  }

  onBatch(batch: Batch, next: BatchReceiver, output: WatermarkOutput): void {
    if (batch.length > 0) {
      this.#fresh = true
      this.#idle = false
    }
    this.#generator.onBatch(batch, next, output)
  }

  onPeriodicEmit(now: number, output: WatermarkOutput): void {
    if (this.#fresh) {
      this.#fresh = false
      this.#quietSince = Number.NaN
    } else if (Number.isNaN(this.#quietSince)) {
      this.#quietSince = now
    } else if (now - this.#quietSince > this.#idlenessMs) {
      if (!this.#idle) output.markIdle()
      this.#idle = true
      return
    }
    this.#generator.onPeriodicEmit(now, output)
  }
}
