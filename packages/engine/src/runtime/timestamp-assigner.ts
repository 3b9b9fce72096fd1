import { MillraceError } from '@millrace/std'
import { type Batch, type ColumnBatch, columnBatch, type ObjectBatch, objectBatch } from '../element/batch.ts'
import { columnAt } from '../element/column-reader.ts'
import type { WatermarkStrategy } from '../time/watermark-strategy.ts'

/** Wraps what user code threw at a record. */
interface UserErrors {
  userError(cause: unknown, batch: Batch | undefined, index: number): Error
}

/**
 * Puts the event time of a strategy on records. The time stamps go into an array of its own: those of the source stay
 * as they are. The batch it gives is used again with the next call.
 */
export class TimestampAssigner {
  readonly #timestampOf: ((value: unknown, timestamp: number) => number) | undefined
  readonly #field: string | undefined
  #timestamps = new Float64Array(1024)
  readonly #objects: ObjectBatch = objectBatch([], this.#timestamps, 0)
  #columns: ColumnBatch | undefined

  constructor(strategy: WatermarkStrategy<unknown>) {
    const { timestampOf, timestampField } = strategy
    this.#field = timestampField
    this.#timestampOf =
      timestampOf ??
      (timestampField === undefined
        ? undefined
        : (value) => (value as Record<string, unknown>)[timestampField] as number)
  }

  assign(batch: Batch, errors: UserErrors): Batch {
    if (this.#timestampOf === undefined) return batch
    if (this.#timestamps.length < batch.length) this.#timestamps = new Float64Array(batch.length)
    return batch.layout === 'objects'
      ? this.#assignObjects(batch, this.#timestampOf, errors)
      : this.#assignColumns(batch, errors)
  }

  #assignObjects(
    batch: ObjectBatch,
    timestampOf: (value: unknown, timestamp: number) => number,
    errors: UserErrors,
  ): Batch {
    const { values, timestamps: given, length } = batch
    const timestamps = this.#timestamps
    let i = 0
    try {
      for (; i < length; i++) {
        const found: unknown = timestampOf(values[i], given[i] as number)
        // As a number, null would be 1970.
        const timestamp = found === null ? Number.NaN : +(found as number)
        if (Number.isNaN(timestamp)) throw noTimestamp()
        timestamps[i] = timestamp
      }
    } catch (cause) {
      throw errors.userError(cause, batch, i)
    }
    const assigned = this.#objects
    assigned.values = values
    assigned.timestamps = timestamps
    assigned.length = length
    assigned.origin = batch.origin
    return assigned
  }

  /** The planner has objects made for everything but a field. */
  #assignColumns(batch: ColumnBatch, errors: UserErrors): Batch {
    const index = batch.schema.fields.findIndex((field) => field.name === this.#field)
    const column = columnAt(batch, index)
    if (column.kind !== 'numbers') throw errors.userError(noTimestamp(), batch, 0)
    const { values, nulls } = column
    const timestamps = this.#timestamps
    for (let i = 0; i < batch.length; i++) {
      const timestamp = values[i] as number
      if (nulls?.[i] === 1 || Number.isNaN(timestamp)) throw errors.userError(noTimestamp(), batch, i)
      timestamps[i] = timestamp
    }
    if (this.#columns?.schema !== batch.schema) this.#columns = columnBatch(batch.schema, [], timestamps, 0)
    const assigned = this.#columns
    assigned.columns = batch.columns
    assigned.timestamps = timestamps
    assigned.length = batch.length
    assigned.origin = batch.origin
    return assigned
  }
}

function noTimestamp(): MillraceError {
  return new MillraceError('API_BAD_TIMESTAMP', {
    message: 'The record has no time stamp: the timestamp function or field gave no number',
    fix: 'Give milliseconds since the epoch for every record, or filter out the records without a time before.',
  })
}
