import { type Batch, columnBatch, objectBatch } from '../element/batch.ts'
import type { WatermarkStrategy } from '../time/watermark-strategy.ts'

/** Wraps what user code threw at a record. */
interface UserErrors {
  userError(cause: unknown, batch: Batch | undefined, index: number): Error
}

/**
 * Puts the event time of a strategy on records. The time stamps go into an array of its own: those of the source stay
 * as they are.
 */
export class TimestampAssigner {
  readonly #timestampOf: ((value: unknown, timestamp: number) => number) | undefined
  #timestamps = new Float64Array(0)

  constructor(strategy: WatermarkStrategy<unknown>) {
    const { timestampField } = strategy
    this.#timestampOf =
      strategy.timestampOf ??
      (timestampField === undefined
        ? undefined
        : (value) => (value as Record<string, unknown>)[timestampField] as number)
  }

  assign(batch: Batch, errors: UserErrors): Batch {
    const timestampOf = this.#timestampOf
    if (timestampOf === undefined) return batch
    const { length } = batch
    if (this.#timestamps.length < length) this.#timestamps = new Float64Array(Math.max(length, 1024))
    const timestamps = this.#timestamps
    let i = 0
    try {
      for (; i < length; i++) {
        timestamps[i] = timestampOf(recordAt(batch, i), batch.timestamps[i] as number)
      }
    } catch (cause) {
      throw errors.userError(cause, batch, i)
    }
    return batch.layout === 'objects'
      ? objectBatch(batch.values, timestamps, length, batch.origin)
      : columnBatch(batch.schema, batch.columns, timestamps, length, batch.origin)
  }
}

/** One record as user code sees it. */
export function recordAt(batch: Batch, index: number): unknown {
  if (batch.layout === 'objects') return batch.values[index]
  throw new Error('not yet')
}
