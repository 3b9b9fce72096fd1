import { windowStart } from './assign.ts'
import type { WindowAssigner } from './definition.ts'

/** Beyond this many panes per window, records are added to every one of their windows instead. */
const MOST_PANES = 64

/**
 * How windows are made of panes. A tumbling window is one pane. Sliding windows either share panes of the greatest common
 * divisor of size and slide, which are combined when a window fires; or each is a pane of its own that records are added
 * to one by one, where the order in which they are combined can be noticed.
 */
export interface PaneGeometry {
  readonly size: number
  readonly slide: number
  readonly offset: number
  /** Panes are combined when a window fires. */
  readonly shared: boolean
  /** The span of a pane, and the distance of their starts. */
  readonly paneSize: number
  readonly paneStep: number
  /** What falls into the same panes changes at multiples of this only. */
  readonly spanStep: number
}

/** Undefined for windows that cannot be divided like that. `divisible`: contents of panes can be combined. */
export function paneGeometry(assigner: WindowAssigner, divisible: boolean): PaneGeometry | undefined {
  if (assigner.kind !== 'tumbling' && assigner.kind !== 'sliding') return undefined
  const { size, offset } = assigner
  const slide = assigner.kind === 'sliding' ? assigner.slide : size
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(slide) || !Number.isSafeInteger(offset)) return undefined
  if (slide >= size) return { size, slide, offset, shared: false, paneSize: size, paneStep: slide, spanStep: slide }
  const divisor = greatestCommonDivisor(size, slide)
  const shared = divisible && size / divisor <= MOST_PANES
  return {
    size,
    slide,
    offset,
    shared,
    paneSize: shared ? divisor : size,
    paneStep: shared ? divisor : slide,
    spanStep: divisor,
  }
}

/** Start of the latest window that contains `timestamp`, if one does. */
export function latestWindow({ slide, offset }: PaneGeometry, timestamp: number): number {
  return windowStart(timestamp, slide, offset)
}

/** The last ms of the windows that the pane from `start` is part of: of the first of them, and of the last. */
export function firstWindowEnd(geometry: PaneGeometry, start: number): number {
  if (!geometry.shared) return start + geometry.size
  let first = latestWindow(geometry, start)
  while (first - geometry.slide + geometry.size > start) first -= geometry.slide
  return first + geometry.size
}

export function lastWindowEnd(geometry: PaneGeometry, start: number): number {
  return (geometry.shared ? latestWindow(geometry, start) : start) + geometry.size
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
