import { unreachable } from '@millrace/std'
import type { AggregateFunction, StateDescriptor } from '../../state/descriptor.ts'
import type { Evictor } from './definition.ts'

/** A record as an evicting window keeps it: all of them, with their times, until the window fires. */
export type TimedRecord = readonly [value: unknown, time: number]

/** The records that stay. `records` is in the order of arrival and not empty. */
export function evict(evictor: Evictor, records: readonly TimedRecord[]): readonly TimedRecord[] {
  switch (evictor.kind) {
    case 'count':
      return records.length <= evictor.count ? records : records.slice(records.length - evictor.count)
    case 'time': {
      const newest = records.reduce((latest, [, time]) => Math.max(latest, time), Number.NEGATIVE_INFINITY)
      return records.filter(([, time]) => time > newest - evictor.size)
    }
    case 'delta': {
      const delta = evictor.delta as (record: unknown, newest: unknown) => number
      const [newest] = records.at(-1) as TimedRecord
      return records.filter(([value]) => delta(value, newest) < evictor.threshold)
    }
    default:
      return unreachable(evictor, 'evictor')
  }
}

/** What a window function would have kept of these records; undefined when there are none to reduce. */
export function contentsOfRecords(contents: StateDescriptor, records: readonly TimedRecord[]): unknown {
  const values = records.map(([value]) => value)
  switch (contents.kind) {
    case 'reducing': {
      const reduce = contents.reduce as (a: unknown, b: unknown) => unknown
      return values.length === 0 ? undefined : values.reduce((a, b) => reduce(a, b))
    }
    case 'aggregating': {
      const aggregate = contents.aggregate as AggregateFunction<unknown, unknown, unknown>
      if (values.length === 0) return undefined
      return aggregate.getResult(
        values.reduce((accumulator, value) => aggregate.add(value, accumulator), aggregate.createAccumulator()),
      )
    }
    default:
      return values
  }
}
