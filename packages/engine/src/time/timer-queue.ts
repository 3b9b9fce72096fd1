import type { BinaryReader, BinaryWriter } from '../state/binary.ts'
import { FarTimers, type OpenedTimers, spanOf } from './far-timers.ts'
import { MinHeap } from './min-heap.ts'

interface Bucket {
  /** Slots in the order of registration. Entries of deleted timers stay until the bucket fires or is empty. */
  readonly slots: number[]
  /** Next entry to fire. */
  read: number
  /** At most so many of them are still registered. */
  live: number
}

/**
 * A set of (slot, timestamp) timers that fire in the order of time.
 *
 * Two levels, as in a timing wheel: timers of the near future share a bucket per time, and a heap orders the few distinct
 * times; later ones wait without order in coarse buckets, which are opened one after the other. What is registered is
 * known per slot, so deleting never searches: an entry that is no longer registered is passed over.
 */
export class TimerQueue {
  /** Near: time → bucket. */
  readonly #buckets = new Map<number, Bucket>()
  readonly #times = new MinHeap()
  readonly #far = new FarTimers()
  /** Spans up to this one are near. */
  #horizon = Number.NEGATIVE_INFINITY
  readonly #opened: OpenedTimers = {
    one: (slot, timestamp) => {
      if (this.#isRegistered(slot, timestamp)) this.#addNear(slot, timestamp)
    },
    all: (slots, timestamp) => {
      this.#buckets.set(timestamp, { slots, read: 0, live: slots.length })
      this.#times.push(timestamp)
    },
  }
  /** One timer of each slot; NaN: none. Most slots never have more. */
  #first = new Float64Array(16).fill(Number.NaN)
  /** The other timers of a slot. */
  readonly #more: (Set<number> | undefined)[] = []

  /** False when the timer was there already. */
  register(slot: number, timestamp: number): boolean {
    if (slot >= this.#first.length) this.#grow(slot + 1)
    const first = this.#first[slot] as number
    if (first === timestamp) return false
    const more = this.#more[slot]
    if (more?.has(timestamp)) return false
    if (Number.isNaN(first)) this.#first[slot] = timestamp
    else if (more !== undefined) more.add(timestamp)
    else {
      while (this.#more.length < slot) this.#more.push(undefined)
      this.#more[slot] = new Set([timestamp])
    }
    if (spanOf(timestamp) > this.#horizon) this.#far.add(slot, timestamp)
    else this.#addNear(slot, timestamp)
    return true
  }

  /** False when there was no such timer. */
  delete(slot: number, timestamp: number): boolean {
    if (!this.#forget(slot, timestamp)) return false
    if (spanOf(timestamp) > this.#horizon) this.#far.delete(timestamp, this.#isRegistered)
    else this.#leaveNear(timestamp)
    return true
  }

  deleteAll(slot: number): void {
    if (this.isEmpty(slot)) return
    const first = this.#first[slot] as number
    if (!Number.isNaN(first)) this.delete(slot, first)
    const more = this.#more[slot]
    if (more !== undefined) for (const timestamp of [...more]) this.delete(slot, timestamp)
  }

  isEmpty(slot: number): boolean {
    return slot >= this.#first.length || (Number.isNaN(this.#first[slot]) && this.#more[slot] === undefined)
  }

  /** No timer fires before this; Infinity when there is none. A timer of that time may have been deleted meanwhile. */
  next(): number {
    while (this.#times.size === 0 && !this.#far.isEmpty) this.#openFar()
    return this.#times.size === 0 ? Number.POSITIVE_INFINITY : this.#times.peek()
  }

  /**
   * Fires all timers up to `time`, each once, in the order of time. Those that `fire` registers up to `time` fire as
   * well, also when they lie before the one that fires now.
   */
  advance(time: number, fire: (slot: number, timestamp: number) => void): void {
    for (;;) {
      if (this.#times.size > 0) {
        if (this.#times.peek() > time) return
        this.#fireFirst(fire)
      } else {
        if (this.#far.isEmpty || this.#far.first > time) return
        this.#openFar()
      }
    }
  }

  write(slot: number, out: BinaryWriter): void {
    const first = slot < this.#first.length ? (this.#first[slot] as number) : Number.NaN
    const more = this.#more[slot]
    out.varint((Number.isNaN(first) ? 0 : 1) + (more?.size ?? 0))
    if (!Number.isNaN(first)) out.float64(first)
    if (more !== undefined) for (const timestamp of more) out.float64(timestamp)
  }

  read(slot: number, input: BinaryReader): void {
    const count = input.count()
    for (let i = 0; i < count; i++) this.register(slot, input.float64())
  }

  /** Fires the earliest bucket, or the part of it before a timer that is registered for an earlier time meanwhile. */
  #fireFirst(fire: (slot: number, timestamp: number) => void): void {
    const timestamp = this.#times.peek()
    const bucket = this.#buckets.get(timestamp) as Bucket
    while (bucket.read < bucket.slots.length) {
      const slot = bucket.slots[bucket.read++] as number
      if (!this.#forget(slot, timestamp)) continue
      bucket.live--
      fire(slot, timestamp)
      if (this.#times.peek() < timestamp) return
    }
    this.#times.pop()
    this.#buckets.delete(timestamp)
  }

  #openFar(): void {
    this.#horizon = this.#far.open(this.#opened)
  }

  #addNear(slot: number, timestamp: number): void {
    const bucket = this.#buckets.get(timestamp)
    if (bucket === undefined) {
      this.#buckets.set(timestamp, { slots: [slot], read: 0, live: 1 })
      this.#times.push(timestamp)
      return
    }
    bucket.slots.push(slot)
    bucket.live++
  }

  #leaveNear(timestamp: number): void {
    const bucket = this.#buckets.get(timestamp) as Bucket
    if (--bucket.live > 0) return
    bucket.slots.length = 0
    bucket.read = 0
  }

  readonly #isRegistered = (slot: number, timestamp: number): boolean =>
    this.#first[slot] === timestamp || (this.#more[slot]?.has(timestamp) ?? false)

  #forget(slot: number, timestamp: number): boolean {
    if (slot >= this.#first.length) return false
    if (this.#first[slot] === timestamp) {
      this.#first[slot] = Number.NaN
      return true
    }
    const more = this.#more[slot]
    if (more === undefined || !more.delete(timestamp)) return false
    if (more.size === 0) this.#more[slot] = undefined
    return true
  }

  #grow(needed: number): void {
    const grown = new Float64Array(Math.max(needed, this.#first.length * 2)).fill(Number.NaN)
    grown.set(this.#first)
    this.#first = grown
  }
}
