import { type Batch, MIN_TIMESTAMP, type ObjectBatch, objectBatch } from '../element/batch.ts'
import type { BatchReceiver, BatchWatermarkGenerator } from './watermark-generators.ts'
import type { WatermarkGenerator, WatermarkOutput } from './watermark-strategy.ts'

/** Wraps what user code threw: at a record of a batch, or (undefined, -1) at none. */
export interface UserErrors {
  userError(cause: unknown, batch: Batch | undefined, index: number): Error
}

/**
 * A generator of the user over batches. It sees a record at a time, and what it says about one stands behind that record
 * and before the next, as in Flink: the batch is cut where the watermark rises or the status changes.
 */
export class CustomGenerator implements BatchWatermarkGenerator {
  readonly #generator: WatermarkGenerator<unknown>
  readonly #errors: UserErrors
  readonly #said = new Said()

  constructor(create: () => WatermarkGenerator<unknown>, errors: UserErrors) {
    this.#errors = errors
    try {
      this.#generator = create()
    } catch (cause) {
      throw errors.userError(cause, undefined, -1)
    }
  }

  onBatch(batch: Batch, next: BatchReceiver, output: WatermarkOutput): void {
    // The planner has objects made for it.
    const records = batch as ObjectBatch
    const { values, timestamps, length } = records
    const said = this.#said
    said.output = output
    let passed = 0
    for (let i = 0; i < length; i++) {
      try {
        this.#generator.onEvent(values[i], timestamps[i] as number, said)
      } catch (cause) {
        throw this.#errors.userError(cause, batch, i)
      }
      if (said.calls.length === 0) continue
      next.batch(part(records, passed, i + 1))
      passed = i + 1
      for (const call of said.calls.splice(0)) call(output)
    }
    if (passed < length) next.batch(part(records, passed, length))
  }

  onPeriodicEmit(_now: number, output: WatermarkOutput): void {
    try {
      this.#generator.onPeriodicEmit(output)
    } catch (cause) {
      throw this.#errors.userError(cause, undefined, -1)
    }
  }
}

/** What a generator said about one record, and has to come behind it. */
class Said implements WatermarkOutput {
  readonly calls: ((output: WatermarkOutput) => void)[] = []
  output!: WatermarkOutput
  #highest = MIN_TIMESTAMP

  emitWatermark(timestamp: number): void {
    if (timestamp > this.#highest) {
      this.#highest = timestamp
    } else if (this.calls.length === 0) {
      // Many generators repeat themselves at every record. That only says that the split is active.
      this.output.emitWatermark(timestamp)
      return
    }
    this.calls.push((output) => output.emitWatermark(timestamp))
  }

  markIdle(): void {
    this.calls.push((output) => output.markIdle())
  }

  markActive(): void {
    this.calls.push((output) => output.markActive())
  }
}

function part(batch: ObjectBatch, from: number, to: number): ObjectBatch {
  if (from === 0 && to === batch.length) return batch
  const { origin } = batch
  return objectBatch(
    batch.values.slice(from, to),
    batch.timestamps.subarray(from, to),
    to - from,
    origin && { describe: (index) => origin.describe(from + index) },
  )
}
