import { MillraceError } from '@millrace/std'
import type { WindowAssigner } from './definition.ts'

/** Start of the window of `size` ms that `timestamp` falls into; windows are aligned at `offset`. */
export function windowStart(timestamp: number, size: number, offset: number): number {
  const remainder = (timestamp - offset) % size
  return remainder < 0 ? timestamp - remainder - size : timestamp - remainder
}

/** Assigns records to windows that are the same for all keys. */
export interface AlignedWindows {
  /** Start of the latest window of a record. */
  latestStart(timestamp: number): number
  readonly size: number
  /** From one start to the next. */
  readonly slide: number
}

/** Undefined for sessions, which depend on the records of the key. */
export function alignedWindows(assigner: WindowAssigner): AlignedWindows | undefined {
  switch (assigner.kind) {
    case 'tumbling': {
      const { size, offset } = assigner
      return { size, slide: size, latestStart: (timestamp) => windowStart(timestamp, size, offset) }
    }
    case 'sliding': {
      const { size, slide, offset } = assigner
      return { size, slide, latestStart: (timestamp) => windowStart(timestamp, slide, offset) }
    }
    default:
      return undefined
  }
}

/** The gap of a session that begins with `record`, in ms. */
export function sessionGap(gap: number | ((value: never) => number), record: unknown): number {
  const ms = typeof gap === 'number' ? gap : gap(record as never)
  if (ms > 0) return ms
  throw new MillraceError('WINDOW_BAD_GAP', {
    message: `The gap of a session window is ${String(ms)} ms.`,
    fix: 'Return a number of milliseconds greater than 0.',
  })
}
