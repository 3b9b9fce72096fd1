import type { Batch } from '../element/batch.ts'
import { MIN_TIMESTAMP } from '../element/batch.ts'
import type { WatermarkGenerator, WatermarkOutput, WatermarkStrategy } from './watermark-strategy.ts'

/** A generator over batches. The built-in ones only look at time stamps. */
export interface BatchWatermarkGenerator {
  onBatch(batch: Batch, output: WatermarkOutput): void
  /** Called at the watermark interval; `now` is the processing time. */
  onPeriodicEmit(now: number, output: WatermarkOutput): void
}

/** The generator of a strategy, with its idleness. `valueAt` reads a record for generators of the user. */
export function createWatermarkGenerator(
  strategy: WatermarkStrategy<unknown>,
  valueAt: (batch: Batch, index: number) => unknown,
): BatchWatermarkGenerator {
  const generator = withoutIdleness(strategy, valueAt)
  return strategy.idlenessMs === undefined ? generator : new GeneratorWithIdleness(generator, strategy.idlenessMs)
}

function withoutIdleness(
  strategy: WatermarkStrategy<unknown>,
  valueAt: (batch: Batch, index: number) => unknown,
): BatchWatermarkGenerator {
  switch (strategy.generator.kind) {
    case 'boundedOutOfOrderness':
      return new BoundedOutOfOrderness(strategy.generator.delayMs)
    case 'monotonous':
      return new BoundedOutOfOrderness(0)
    case 'none':
      return { onBatch: () => {}, onPeriodicEmit: () => {} }
    case 'custom':
      return new CustomGenerator(strategy.generator.create(), valueAt)
  }
}

/** The watermark is the largest time stamp - delay - 1: a record at the largest time may come again. */
class BoundedOutOfOrderness implements BatchWatermarkGenerator {
  readonly #delayMs: number
  #largest = MIN_TIMESTAMP

  constructor(delayMs: number) {
    this.#delayMs = delayMs
  }

  onBatch(batch: Batch): void {
    const { timestamps, length } = batch
    let largest = this.#largest
    for (let i = 0; i < length; i++) {
      const timestamp = timestamps[i] as number
      if (timestamp > largest) largest = timestamp
    }
    this.#largest = largest
  }

  onPeriodicEmit(_now: number, output: WatermarkOutput): void {
    output.emitWatermark(this.#largest - this.#delayMs - 1)
  }
}

class CustomGenerator implements BatchWatermarkGenerator {
  readonly #generator: WatermarkGenerator<unknown>
  readonly #valueAt: (batch: Batch, index: number) => unknown

  constructor(generator: WatermarkGenerator<unknown>, valueAt: (batch: Batch, index: number) => unknown) {
    this.#generator = generator
    this.#valueAt = valueAt
  }

  onBatch(batch: Batch, output: WatermarkOutput): void {
    for (let i = 0; i < batch.length; i++) {
      this.#generator.onEvent(this.#valueAt(batch, i), batch.timestamps[i] as number, output)
    }
  }

  onPeriodicEmit(_now: number, output: WatermarkOutput): void {
    this.#generator.onPeriodicEmit(output)
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

  onBatch(batch: Batch, output: WatermarkOutput): void {
    if (batch.length > 0) {
      this.#fresh = true
      this.#idle = false
    }
    this.#generator.onBatch(batch, output)
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
