import type { ByteColumn } from '../../records/builder.ts'
import { partitionForKey } from './partitioner.ts'
import type { ColumnBatch } from './producer-record.ts'

/** Rows of a column batch that go to one partition. */
export interface ColumnRun {
  readonly partition: number
  /** Undefined: all rows. */
  readonly rows: Int32Array | undefined
  next: number
  end: number
}

export function wholeRun(batch: ColumnBatch, partition: number): ColumnRun {
  return { partition, rows: undefined, next: 0, end: batch.timestamps.length }
}

/**
 * Divides the rows by their keys, as the choice for single records does; within a partition they keep their order. Rows
 * without a key go to `keyless`.
 */
export function runsByKey(
  batch: ColumnBatch,
  keys: ByteColumn,
  partitionCount: number,
  keyless: () => number,
): ColumnRun[] {
  const { nulls } = keys
  const withoutKey = nulls?.includes(1) ? keyless() : -1
  const count = batch.timestamps.length
  const partitionOf = new Int32Array(count)
  const counts = new Int32Array(partitionCount)
  for (let row = 0; row < count; row++) {
    const start = keys.offsets[row] as number
    const partition =
      nulls?.[row] === 1
        ? withoutKey
        : partitionForKey(keys.data, partitionCount, start, keys.offsets[row + 1] as number)
    partitionOf[row] = partition
    counts[partition] = (counts[partition] as number) + 1
  }
  const rowsOf = Array.from(counts, (size) => new Int32Array(size))
  const filled = new Int32Array(partitionCount)
  for (let row = 0; row < count; row++) {
    const partition = partitionOf[row] as number
    const rows = rowsOf[partition] as Int32Array
    const at = filled[partition] as number
    rows[at] = row
    filled[partition] = at + 1
  }
  const runs = rowsOf.map((rows, partition) => ({ partition, rows, next: 0, end: rows.length }))
  return runs.filter((run) => run.end > 0)
}
