import type { Evictor } from '../operators/window/definition.ts'
import { type Duration, positiveDurationMs } from '../time/duration.ts'
import { checkCallback, checkOptions } from './options.ts'
import { recordCount } from './record-count.ts'

export interface EvictorOptions {
  /** Take the records out after the function has seen them (default: before). */
  readonly after?: boolean
}

/** Keeps the newest `count` records of a window. */
export function countEvictor(count: number, options?: EvictorOptions): Evictor {
  return Object.freeze({
    kind: 'count',
    count: recordCount(count, 'countEvictor()'),
    after: isAfter(options, 'countEvictor()'),
  })
}

/** Keeps the records that are less than `size` older than the newest one. */
export function timeEvictor(size: Duration, options?: EvictorOptions): Evictor {
  const ms = positiveDurationMs(size, 'the size of timeEvictor()')
  return Object.freeze({ kind: 'time', size: ms, after: isAfter(options, 'timeEvictor()') })
}

/** Drops the records that differ from the newest one by `threshold` or more. */
export function deltaEvictor<T>(
  threshold: number,
  delta: (record: T, newest: T) => number,
  options?: EvictorOptions,
): Evictor {
  checkCallback(delta, 'deltaEvictor()')
  const after = isAfter(options, 'deltaEvictor()')
  return Object.freeze({ kind: 'delta', threshold, delta: delta as (record: never, newest: never) => number, after })
}

function isAfter(options: EvictorOptions | undefined, where: string): boolean {
  checkOptions(options, ['after'], where)
  return options?.after ?? false
}
