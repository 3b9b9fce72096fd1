import {
  type Batch,
  type BatchOrigin,
  type Column,
  type ColumnBatch,
  columnBatch,
  objectBatch,
} from '../../src/element/batch.ts'
import type { Schema } from '../../src/element/schema.ts'
import type { Expression } from '../../src/graph/expression.ts'
import type { StatelessNode } from '../../src/codegen/compile-chain.ts'
import type { Operator, OperatorContext, OperatorSnapshot, StepName } from '../../src/operators/operator.ts'
import { compileChain } from '../../src/codegen/compile-chain.ts'

export interface Trace {
  readonly records: [value: unknown, timestamp: number][]
  readonly sides: Record<string, [value: unknown, timestamp: number][]>
  readonly watermarks: number[]
}

/** An operator that is open, and what came out of it. */
export function opened(
  operator: Operator,
  restored?: OperatorSnapshot,
  maxParallelism = 128,
): { operator: Operator; trace: Trace; batches: Batch[] } {
  const trace: Trace = { records: [], sides: {}, watermarks: [] }
  const batches: Batch[] = []
  const context: OperatorContext = {
    output: {
      batch: (batch) => {
        batches.push(batch)
        trace.records.push(...recordsOf(batch))
      },
      watermark: (timestamp) => void trace.watermarks.push(timestamp),
      status: () => {},
      side: (tag, batch) => {
        trace.sides[tag] ??= []
        trace.sides[tag].push(...recordsOf(batch))
      },
    },
    processingTime: { now: () => 0, register: () => ({ cancel: () => {} }) },
    subtask: { jobName: 'test', operatorName: operator.name, index: 0, parallelism: 1, maxParallelism },
    restored,
    userError: (cause, batch, index, step?: StepName) =>
      new Error(
        `${step?.name ?? operator.name} at ${batch?.origin?.describe(index) ?? index}: ${(cause as Error).message}`,
        { cause },
      ),
  }
  operator.open(context)
  return { operator, trace, batches }
}

/** The records of a batch as user code would see them. */
export function recordsOf(batch: Batch): [unknown, number][] {
  const records: [unknown, number][] = []
  for (let i = 0; i < batch.length; i++) {
    const value = batch.layout === 'objects' ? batch.values[i] : rowOf(batch, i)
    records.push([value, batch.timestamps[i] as number])
  }
  return records
}

function rowOf(batch: ColumnBatch, i: number): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  batch.schema.fields.forEach(({ name, type }, at) => {
    const column = batch.columns[at]
    if (column === undefined) return
    if (column.kind === 'numbers') {
      const value = column.values[i] as number
      row[name] = column.nulls?.[i] ? null : type === 'boolean' ? value === 1 : value
    } else if (column.kind === 'dictionary') {
      row[name] = column.ids[i] === -1 ? null : column.dictionary.get(column.ids[i] as number)
    } else {
      const start = column.starts[i] as number
      const bytes = column.data.slice(start, start + (column.lengths[i] as number))
      row[name] = column.lengths[i] === -1 ? null : type === 'string' ? Buffer.from(bytes).toString() : bytes
    }
  })
  return row
}

/** Rows as columns; strings in either form. */
export function columnsOf(
  schema: Schema,
  rows: readonly Record<string, unknown>[],
  timestamps: readonly number[],
  text: 'bytes' | 'dictionary' = 'bytes',
): ColumnBatch {
  const columns = schema.fields.map(({ name, type, nullable }): Column => {
    const values = rows.map((row) => row[name])
    if (type === 'bytes' || (type === 'string' && text === 'bytes')) {
      const parts = values.map((value) => (value === null ? undefined : Buffer.from(value as string)))
      const starts: number[] = []
      let at = 3
      for (const part of parts) {
        starts.push(at)
        at += part?.length ?? 0
      }
      const data = Buffer.concat([Buffer.from('???'), ...parts.map((part) => part ?? Buffer.alloc(0))])
      return {
        kind: 'bytes',
        data,
        starts: Int32Array.from(starts),
        lengths: Int32Array.from(parts.map((part) => part?.length ?? -1)),
      }
    }
    if (type === 'string') {
      const words = [...new Set(values.filter((value) => value !== null))] as string[]
      const ids = Int32Array.from(values.map((value) => (value === null ? -1 : words.indexOf(value as string))))
      return { kind: 'dictionary', ids, dictionary: { size: words.length, get: (id) => words[id] as string } }
    }
    const numbers = values.map((value) => (value === null ? 0 : Number(value)))
    const nulls =
      nullable && values.includes(null) ? Uint8Array.from(values.map((value) => (value === null ? 1 : 0))) : undefined
    const array =
      type === 'boolean'
        ? Uint8Array.from(numbers)
        : type === 'int32'
          ? Int32Array.from(numbers)
          : Float64Array.from(numbers)
    return { kind: 'numbers', values: array, nulls }
  })
  return columnBatch(schema, columns, Float64Array.from(timestamps), rows.length)
}

export function objectsOf(values: readonly unknown[], timestamps: readonly number[], origin?: BatchOrigin): Batch {
  return objectBatch([...values], Float64Array.from(timestamps), values.length, origin)
}

let id = 1
const base = () => ({ id: id++, site: undefined, parallelism: undefined, uid: undefined, input: undefined as never })
type Fn = (value: never) => unknown

export const map = (fn: Fn, name = 'map') => ({ ...base(), kind: 'map', name, fn }) as unknown as StatelessNode
export const filter = (fn: Fn, name = 'filter') => ({ ...base(), kind: 'filter', name, fn }) as unknown as StatelessNode
export const flatMap = (fn: (value: never, out: { collect(value: unknown): void }) => unknown, name = 'flatMap') =>
  ({ ...base(), kind: 'flatMap', name, fn }) as unknown as StatelessNode
export const where = (predicate: Expression, name = 'where'): StatelessNode => ({
  ...base(),
  kind: 'where',
  name,
  predicate,
})
export const select = (fields: Record<string, Expression>, name = 'select'): StatelessNode => ({
  ...base(),
  kind: 'select',
  name,
  fields: Object.entries(fields).map(([name, expression]) => ({ name, expression })),
})

export const field = (name: string): Expression => ({ kind: 'field', name })
export const literal = (value: number | string | boolean | null): Expression => ({ kind: 'literal', value })

/** What a chain makes of one batch of objects. */
export function through(steps: readonly StatelessNode[], values: readonly unknown[]): unknown[] {
  const { operator, trace } = opened(compileChain(steps, { layout: 'objects' }, 'objects').createOperator())
  operator.processBatch(
    objectsOf(
      values,
      values.map((_, i) => i),
    ),
    0,
  )
  return trace.records.map(([value]) => value)
}
