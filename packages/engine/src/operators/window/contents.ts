import { MillraceError, unreachable } from '@millrace/std'
import type { AggregateFunction, StateDescriptor } from '../../state/descriptor.ts'
import type { FieldAccess, WindowFunction } from './definition.ts'

/** What is kept of the records of a window: the state that a window function adds them to. */
export function contentsOf(fn: WindowFunction): StateDescriptor {
  switch (fn.kind) {
    case 'count':
      return aggregating(countRecords)
    case 'sum':
      return aggregating(fieldAggregate(fn.field, plus))
    case 'min':
      return aggregating(fieldAggregate(fn.field, (a, b) => (b < a ? b : a)))
    case 'max':
      return aggregating(fieldAggregate(fn.field, (a, b) => (b > a ? b : a)))
    case 'minBy':
      return reducing(recordWith(fn.field, fn.first, (a, b) => b < a))
    case 'maxBy':
      return reducing(recordWith(fn.field, fn.first, (a, b) => b > a))
    case 'reduce':
      return { kind: 'reducing', reduce: fn.fn }
    case 'aggregate':
      return { kind: 'aggregating', aggregate: fn.fn }
    case 'process':
      return { kind: 'list' }
    default:
      return unreachable(fn, 'window function')
  }
}

type Comparable = number | bigint | string | boolean | Date

const countRecords: AggregateFunction<unknown, number, number> = {
  createAccumulator: () => 0,
  add: (_record, count) => count + 1,
  getResult: (count) => count,
  merge: (a, b) => a + b,
}

/** The first record of the window, and what became of its field. */
interface FieldAccumulator {
  first: unknown
  value: Comparable | undefined
}

/** Flink's sum, min and max: the first record with its field replaced. */
function fieldAggregate(
  field: FieldAccess,
  combine: (a: Comparable, b: Comparable) => Comparable,
): AggregateFunction<unknown, FieldAccumulator, unknown> {
  const { name } = field
  return {
    createAccumulator: () => ({ first: undefined, value: undefined }),
    add: (record, accumulator) => {
      const value = fieldOf(record, name)
      if (accumulator.value === undefined) {
        accumulator.first = record
        accumulator.value = value
      } else {
        accumulator.value = combine(accumulator.value, value)
      }
      return accumulator
    },
    getResult: ({ first, value }) => withField(first, name, value),
    merge: (a, b) => ({ first: a.first, value: combine(a.value as Comparable, b.value as Comparable) }),
  }
}

function recordWith(field: FieldAccess, first: boolean, better: (a: Comparable, b: Comparable) => boolean) {
  const { name } = field
  return (a: unknown, b: unknown): unknown => {
    const ours = fieldOf(a, name)
    const theirs = fieldOf(b, name)
    if (better(ours, theirs)) return b
    return first || better(theirs, ours) ? a : b
  }
}

function plus(a: Comparable, b: Comparable): Comparable {
  if (typeof a === 'number' && typeof b === 'number') return a + b
  if (typeof a === 'bigint' && typeof b === 'bigint') return a + b
  throw new MillraceError('WINDOW_BAD_FIELD', {
    message: `sum() cannot add ${describe(a)} and ${describe(b)}.`,
    fix: 'Sum a field that is a number, or a bigint, in all records.',
  })
}

function fieldOf(record: unknown, name: string | number): Comparable {
  const value = (record as Record<string | number, unknown> | null | undefined)?.[name]
  switch (typeof value) {
    case 'number':
    case 'bigint':
    case 'string':
    case 'boolean':
      return value
  }
  if (value instanceof Date) return value
  throw new MillraceError('WINDOW_BAD_FIELD', {
    message: `The field ${String(name)} of a record is ${describe(value)}, which has no order.`,
    fix: 'Aggregate a field that is a number, bigint, string, boolean or Date in all records, or filter the others out before.',
  })
}

function withField(record: unknown, name: string | number, value: unknown): unknown {
  if (Array.isArray(record)) {
    const copy = record.slice()
    copy[name as number] = value
    return copy
  }
  return { ...(record as object), [name]: value }
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function aggregating<Acc>(aggregate: AggregateFunction<unknown, Acc, unknown>): StateDescriptor {
  return { kind: 'aggregating', aggregate: aggregate as AggregateFunction<never, unknown, unknown> }
}

function reducing(reduce: (a: unknown, b: unknown) => unknown): StateDescriptor {
  return { kind: 'reducing', reduce }
}
