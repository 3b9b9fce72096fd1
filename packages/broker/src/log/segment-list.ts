import { assert } from '@millrace/std'
import type { Segment } from './segment.ts'

/** The segments of a log, sorted by base offset. There is always one: the last is the active one. */
export class SegmentList {
  readonly #segments: Segment[]

  constructor(segments: Segment[]) {
    assert(segments.length > 0, 'a log has at least one segment')
    this.#segments = segments
  }

  get active(): Segment {
    return this.#segments[this.#segments.length - 1] as Segment
  }

  get first(): Segment {
    return this.#segments[0] as Segment
  }

  get length(): number {
    return this.#segments.length
  }

  get sizeInBytes(): number {
    let size = 0
    for (const segment of this.#segments) size += segment.size
    return size
  }

  at(index: number): Segment | undefined {
    return this.#segments[index]
  }

  [Symbol.iterator](): Iterator<Segment> {
    return this.#segments.values()
  }

  /** Index of the segment whose offsets include `offset`, or 0 for offsets before the first. */
  indexOf(offset: number): number {
    let low = 0
    let high = this.#segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#segments[middle] as Segment).baseOffset <= offset) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  add(segment: Segment): void {
    assert(segment.baseOffset > this.active.baseOffset, 'segments are added at the end')
    this.#segments.push(segment)
  }

  /** Puts one in the place of neighbours, the first of which begins where it does. */
  replace(old: readonly Segment[], by: Segment): void {
    const at = this.#segments.indexOf(old[0] as Segment)
    assert(at >= 0 && old.every((segment, i) => this.#segments[at + i] === segment), 'they are neighbours in the list')
    assert(at + old.length < this.#segments.length, 'the active segment is not replaced')
    this.#segments.splice(at, old.length, by)
  }

  removeFirst(): Segment {
    assert(this.#segments.length > 1, 'a log has at least one segment')
    return this.#segments.shift() as Segment
  }

  removeLast(): Segment {
    assert(this.#segments.length > 1, 'a log has at least one segment')
    return this.#segments.pop() as Segment
  }
}
