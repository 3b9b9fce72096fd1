import type { Schema } from './schema.ts'

/** "No time stamp" in a timestamps array, as a record from a processing-time timer has none. */
export const NO_TIMESTAMP = Number.NaN
/** Flink's Long.MIN_VALUE: the watermark before the first one. */
export const MIN_TIMESTAMP = Number.NEGATIVE_INFINITY
/** Flink's Long.MAX_VALUE: the final watermark; also the time stamp of results of global windows. */
export const MAX_TIMESTAMP = Number.POSITIVE_INFINITY

/** Where a batch came from, asked only when something went wrong: `topic lines, partition 2, offset 1234`. */
export interface BatchOrigin {
  describe(index: number): string
}

/**
 * Records of a stream in arrival order. Batches are the unit of work; about 1,024 records, or what has come.
 *
 * Ownership: a batch and its arrays belong to whoever passes it on; they may be reused as soon as the call returns. A
 * receiver copies what it keeps. The *values* in an object batch may be kept (user code treats records as immutable).
 */
export type Batch = ObjectBatch | ColumnBatch

interface BatchBase {
  readonly kind: 'batch'
  /** How many records. The arrays may be longer: never use their own length. */
  length: number
  /** Event time in ms per record, {@link NO_TIMESTAMP} for none. */
  timestamps: Float64Array
  origin: BatchOrigin | undefined
}

export interface ObjectBatch extends BatchBase {
  readonly layout: 'objects'
  values: unknown[]
}

export interface ColumnBatch extends BatchBase {
  readonly layout: 'columns'
  readonly schema: Schema
  /** One per field of the schema; undefined for a field that nothing downstream reads (projection). */
  columns: (Column | undefined)[]
}

export type Column = NumberColumn | BytesColumn | DictionaryColumn

/** boolean: Uint8Array of 0 and 1; int32: Int32Array; int64, float64, timestamp: Float64Array. */
export interface NumberColumn {
  readonly kind: 'numbers'
  values: Uint8Array | Int32Array | Float64Array
  /** 1 = null. Undefined: none is. */
  nulls: Uint8Array | undefined
}

/** string (UTF-8) and bytes as ranges of one buffer, such as a fetched record batch. */
export interface BytesColumn {
  readonly kind: 'bytes'
  data: Uint8Array
  starts: Int32Array
  /** -1 = null. */
  lengths: Int32Array
}

/** string as ids in a dictionary that only grows; equal ids are equal strings. -1 = null. */
export interface DictionaryColumn {
  readonly kind: 'dictionary'
  ids: Int32Array
  dictionary: StringDictionary
}

export interface StringDictionary {
  readonly size: number
  get(id: number): string
}

/** An object batch over arrays that the caller owns. */
export function objectBatch(
  values: unknown[],
  timestamps: Float64Array,
  length = values.length,
  origin?: BatchOrigin,
): ObjectBatch {
  return { kind: 'batch', layout: 'objects', values, timestamps, length, origin }
}

export function columnBatch(
  schema: Schema,
  columns: (Column | undefined)[],
  timestamps: Float64Array,
  length: number,
  origin?: BatchOrigin,
): ColumnBatch {
  return { kind: 'batch', layout: 'columns', schema, columns, timestamps, length, origin }
}
