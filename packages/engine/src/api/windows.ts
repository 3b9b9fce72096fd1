import { MillraceError } from '@millrace/std'
import type { TimeDomain, WindowAssigner } from '../operators/window/definition.ts'
import { type Duration, durationMs, positiveDurationMs } from '../time/duration.ts'
import { checkOptions, describe } from './options.ts'

/** How records fall into windows. `T` matters only for gaps that depend on the record. */
export interface Windows<in T = unknown> {
  /** For names and explain: `tumbling window (5 s)`. */
  readonly assigner: WindowAssigner
  /** The same windows by the clock of the machine instead of the records' time stamps. */
  processingTime(): Windows<T>
  /** Never set: carries the record type. */
  readonly recordType?: (record: T) => void
}

export interface WindowTimeOptions {
  /** `event` (default): the records' time stamps and watermarks; `processing`: the clock of the machine. */
  readonly time?: TimeDomain
}

export interface AlignedWindowOptions extends WindowTimeOptions {
  /** Moves the windows against the epoch: `'15 min'` for hours that begin at a quarter past. Less than their size. */
  readonly offset?: Duration
}

/**
 * Windows of a fixed size, one after the other, aligned with the epoch.
 *
 * @example
 * words.keyBy((word) => word).window(tumbling('5 s')).count()
 */
export function tumbling(size: Duration, options?: AlignedWindowOptions): Windows {
  checkOptions(options, ['time', 'offset'], 'tumbling()')
  const sizeMs = positiveDurationMs(size, 'the size of tumbling()')
  const offset = offsetMs(options?.offset, sizeMs, 'tumbling()')
  return windows({ kind: 'tumbling', time: timeOf(options, 'tumbling()'), size: sizeMs, offset })
}

/**
 * Windows of a fixed size, one beginning every `slide`; they overlap when the slide is smaller than the size.
 *
 * @example
 * bids.keyBy('auction').window(sliding('10 s', '2 s')).count()
 */
export function sliding(size: Duration, slide: Duration, options?: AlignedWindowOptions): Windows {
  checkOptions(options, ['time', 'offset'], 'sliding()')
  const sizeMs = positiveDurationMs(size, 'the size of sliding()')
  const slideMs = positiveDurationMs(slide, 'the slide of sliding()')
  const offset = offsetMs(options?.offset, slideMs, 'sliding()')
  return windows({ kind: 'sliding', time: timeOf(options, 'sliding()'), size: sizeMs, slide: slideMs, offset })
}

/**
 * Windows that end when no record has come for `gap`. A gap may depend on the record.
 *
 * @example
 * clicks.keyBy('user').window(session('30 min')).process(…)
 * clicks.keyBy('user').window(session((click) => (click.mobile ? '5 min' : '30 min'))).count()
 */
export function session<T = unknown>(
  gap: Duration | ((record: T) => Duration),
  options?: WindowTimeOptions,
): Windows<T> {
  checkOptions(options, ['time'], 'session()')
  const gapMs =
    typeof gap === 'function'
      ? (record: T) => positiveDurationMs(gap(record), 'the gap of session()')
      : positiveDurationMs(gap, 'the gap of session()')
  return windows({ kind: 'session', time: timeOf(options, 'session()'), gap: gapMs })
}

/**
 * One window for all time per key. It never ends, so it needs a trigger that says when to fire.
 *
 * @example
 * clicks.keyBy('user').window(globalWindows()).trigger(purgingTrigger(countTrigger(100))).count()
 */
export function globalWindows(): Windows {
  return windows({ kind: 'global', time: 'event' })
}

function windows<T>(assigner: WindowAssigner): Windows<T> {
  return Object.freeze({
    assigner: Object.freeze(assigner),
    processingTime: () => windows<T>({ ...assigner, time: 'processing' }),
  })
}

function timeOf(options: WindowTimeOptions | undefined, where: string): TimeDomain {
  const time = options?.time ?? 'event'
  if (time === 'event' || time === 'processing') return time
  throw new MillraceError('API_BAD_TIME_DOMAIN', {
    message: `The time of ${where} is ${describe(time)}.`,
    fix: "Give 'event' or 'processing'.",
  })
}

function offsetMs(offset: Duration | undefined, limit: number, where: string): number {
  const ms = durationMs(offset ?? 0, `the offset of ${where}`)
  if (Math.abs(ms) >= limit) {
    throw new MillraceError('API_BAD_DURATION', {
      message: `The offset of ${where} is ${ms} ms, which is not less than ${limit} ms.`,
      fix: `Windows repeat every ${limit} ms: give the offset within that.`,
    })
  }
  return ms
}
