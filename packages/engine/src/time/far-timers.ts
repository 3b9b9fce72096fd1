import { MinHeap } from './min-heap.ts'

/** Width of a bucket in ms. Narrow enough for few distinct times in one, wide enough for few buckets. */
const SPAN_MS = 128

interface Bucket {
  readonly slots: number[]
  /** The time of all entries, as ends of windows have; NaN: see `times`. */
  time: number
  /** Time of each entry; undefined while they have one in common. */
  times: number[] | undefined
  /** How many entries are still registered. */
  live: number
}

/** Takes the timers of a bucket that is opened; deleted ones and doubles are among them. */
export interface OpenedTimers {
  one(slot: number, timestamp: number): void
  /** All of one time. `slots` is handed over. */
  all(slots: number[], timestamp: number): void
}

/** The bucket that a time belongs to. */
export function spanOf(timestamp: number): number {
  return Math.floor(timestamp / SPAN_MS)
}

/**
 * Timers that are not due soon: appended to coarse buckets without any order, which is made when a bucket is opened.
 * Deleted timers stay until their bucket is opened, or until half of it is deleted ones.
 */
export class FarTimers {
  readonly #buckets = new Map<number, Bucket>()
  readonly #spans = new MinHeap()

  /** Start of the first bucket in ms; Infinity when there is none (or when it is that of Infinity). */
  get first(): number {
    return this.#spans.size === 0 ? Number.POSITIVE_INFINITY : this.#spans.peek() * SPAN_MS
  }

  get isEmpty(): boolean {
    return this.#spans.size === 0
  }

  add(slot: number, timestamp: number): void {
    const span = spanOf(timestamp)
    const bucket = this.#buckets.get(span)
    if (bucket === undefined) {
      this.#buckets.set(span, { slots: [slot], time: timestamp, times: undefined, live: 1 })
      this.#spans.push(span)
      return
    }
    if (timestamp !== bucket.time && bucket.times === undefined) {
      const { time } = bucket
      bucket.times = Array.from(bucket.slots, () => time)
      bucket.time = Number.NaN
    }
    bucket.slots.push(slot)
    bucket.times?.push(timestamp)
    bucket.live++
  }

  /** A timer in here was deleted. `isRegistered` says which of the others still are. */
  delete(timestamp: number, isRegistered: (slot: number, timestamp: number) => boolean): void {
    const bucket = this.#buckets.get(spanOf(timestamp)) as Bucket
    bucket.live--
    if (bucket.slots.length > 2 * bucket.live + 32) compact(bucket, isRegistered)
  }

  /** Takes the first bucket out, hands its timers over and says which span it was. */
  open(opened: OpenedTimers): number {
    const span = this.#spans.pop()
    const { slots, time, times } = this.#buckets.get(span) as Bucket
    this.#buckets.delete(span)
    if (times === undefined) opened.all(slots, time)
    else for (let i = 0; i < slots.length; i++) opened.one(slots[i] as number, times[i] as number)
    return span
  }
}

/** Drops what is no longer registered, and doubles: a timer that was deleted and registered again is there twice. */
function compact(bucket: Bucket, isRegistered: (slot: number, timestamp: number) => boolean): void {
  const { slots, times, time } = bucket
  let kept = 0
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i] as number
    if (!isRegistered(slot, times === undefined ? time : (times[i] as number))) continue
    if (times !== undefined) times[kept] = times[i] as number
    slots[kept++] = slot
  }
  slots.length = kept
  if (times !== undefined) times.length = kept
  if (kept > bucket.live) dropDoubles(bucket)
}

function dropDoubles(bucket: Bucket): void {
  const slots = bucket.slots
  const times = bucket.times ?? Array.from(slots, () => bucket.time)
  const entries = slots.map((slot, i) => ({ slot, time: times[i] as number }))
  entries.sort((a, b) => a.time - b.time || a.slot - b.slot)
  const single = entries.filter(({ slot, time }, i) => slot !== entries[i - 1]?.slot || time !== entries[i - 1]?.time)
  slots.length = 0
  for (const { slot } of single) slots.push(slot)
  if (bucket.times !== undefined) bucket.times = single.map(({ time }) => time)
}
