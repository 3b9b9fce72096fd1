import type { ColumnBatch, ObjectBatch, WindowCount } from '@millrace/engine'
import { type Bid, batchAt, type Supply, watermarkAfter } from './batches.ts'

// What the pipelines cost when somebody writes them by hand for just this job: no operator, no other type of key, no
// late data. Each gives the number of results and a sum over them, so that both sides do, and prove, the same work.

export interface Outcome {
  readonly results: number
  readonly sum: number
}

const SIZE = 1000

/** Counts of one window by slot; windows fire when the watermark has passed them. */
interface Pane {
  readonly start: number
  counts: Int32Array
}

/** Integer keys to dense slots, open addressing. */
class IntSlots {
  entries = new Int32Array(1 << 6)
  mask = (1 << 5) - 1
  keys = new Int32Array(1 << 4)
  used = 0

  add(key: number): number {
    if ((this.used + 1) * 2 > this.mask + 1) this.#grow()
    if (this.used === this.keys.length) {
      const keys = new Int32Array(this.used * 2)
      keys.set(this.keys)
      this.keys = keys
    }
    this.keys[this.used] = key
    this.#put(key, ++this.used)
    return this.used - 1
  }

  #put(key: number, value: number): void {
    let entry = (Math.imul(key, 0x9e3779b1) >>> 7) & this.mask
    while (this.entries[entry * 2 + 1] !== 0) entry = (entry + 1) & this.mask
    this.entries[entry * 2] = key
    this.entries[entry * 2 + 1] = value
  }

  #grow(): void {
    const old = this.entries
    this.entries = new Int32Array(old.length * 2)
    this.mask = this.mask * 2 + 1
    for (let at = 0; at < old.length; at += 2)
      if (old[at + 1] !== 0) this.#put(old[at] as number, old[at + 1] as number)
  }
}

class Windows {
  readonly panes = new Map<number, Pane>()
  results = 0
  sum = 0

  pane(start: number, capacity: number): Pane {
    let pane = this.panes.get(start)
    if (pane === undefined) {
      pane = { start, counts: new Int32Array(capacity) }
      this.panes.set(start, pane)
    }
    return pane
  }

  watermark(watermark: number, keyOf: (slot: number) => number | string): void {
    for (const pane of this.panes.values()) {
      if (pane.start + SIZE - 1 > watermark) continue
      const { counts, start } = pane
      for (let slot = 0; slot < counts.length; slot++) {
        const count = counts[slot] as number
        if (count !== 0) this.#emit({ key: keyOf(slot), start, end: start + SIZE, count })
      }
      this.panes.delete(start)
    }
  }

  #emit(result: WindowCount<number | string>): void {
    this.results++
    this.sum += result.count
  }
}

/** select price * 0.908, where it is above 10, count per key and second: over columns. */
export function countColumns(supply: Supply, total: number): Outcome {
  const slots = new IntSlots()
  const windows = new Windows()
  const keyOf = (slot: number) => slots.keys[slot] as number
  for (let n = 0; n < total; n++) {
    const { columns, timestamps, length } = batchAt(supply, n) as ColumnBatch
    countColumnBatch(columns, timestamps, length, slots, windows)
    const watermark = watermarkAfter(n)
    if (watermark !== undefined) windows.watermark(watermark, keyOf)
  }
  windows.watermark(Number.POSITIVE_INFINITY, keyOf)
  return windows
}

function countColumnBatch(
  columns: ColumnBatch['columns'],
  timestamps: Float64Array,
  length: number,
  slots: IntSlots,
  windows: Windows,
): void {
  const keys = (columns[0] as { values: Int32Array }).values
  const prices = (columns[1] as { values: Float64Array }).values
  let { entries, mask } = slots
  let low = Number.POSITIVE_INFINITY
  let high = 0
  let pane!: Pane
  let counts!: Int32Array
  for (let i = 0; i < length; i++) {
    const price = (prices[i] as number) * 0.908
    if (!(price > 10)) continue
    const time = timestamps[i] as number
    if (time < low || time >= high) {
      low = time - (time % SIZE)
      high = low + SIZE
      pane = windows.pane(low, slots.keys.length)
      counts = pane.counts
    }
    const key = keys[i] as number
    let entry = (Math.imul(key, 0x9e3779b1) >>> 7) & mask
    let slot: number
    for (;;) {
      slot = (entries[entry * 2 + 1] as number) - 1
      if (slot === -1 || entries[entry * 2] === key) break
      entry = (entry + 1) & mask
    }
    if (slot === -1) {
      slot = slots.add(key)
      entries = slots.entries
      mask = slots.mask
    }
    if (slot >= counts.length) counts = grown(pane, slots.keys.length)
    counts[slot] = (counts[slot] as number) + 1
  }
}

function grown(pane: Pane, capacity: number): Int32Array {
  const counts = new Int32Array(capacity)
  counts.set(pane.counts)
  pane.counts = counts
  return counts
}

/** The same with the user's closures over objects. */
export function countObjects(
  supply: Supply,
  total: number,
  map: (bid: Bid) => Bid,
  filter: (bid: Bid) => boolean,
  keyBy: (bid: Bid) => number,
): Outcome {
  const slots = new IntSlots()
  const windows = new Windows()
  const keyOf = (slot: number) => slots.keys[slot] as number
  for (let n = 0; n < total; n++) {
    const { values, timestamps, length } = batchAt(supply, n) as ObjectBatch
    let { entries, mask } = slots
    let low = Number.POSITIVE_INFINITY
    let high = 0
    let pane!: Pane
    let counts!: Int32Array
    for (let i = 0; i < length; i++) {
      const bid = map(values[i] as Bid)
      if (!filter(bid)) continue
      const time = timestamps[i] as number
      if (time < low || time >= high) {
        low = time - (time % SIZE)
        high = low + SIZE
        pane = windows.pane(low, slots.keys.length)
        counts = pane.counts
      }
      const key = keyBy(bid)
      let entry = (Math.imul(key, 0x9e3779b1) >>> 7) & mask
      let slot: number
      for (;;) {
        slot = (entries[entry * 2 + 1] as number) - 1
        if (slot === -1 || entries[entry * 2] === key) break
        entry = (entry + 1) & mask
      }
      if (slot === -1) {
        slot = slots.add(key)
        entries = slots.entries
        mask = slots.mask
      }
      if (slot >= counts.length) counts = grown(pane, slots.keys.length)
      counts[slot] = (counts[slot] as number) + 1
    }
    const watermark = watermarkAfter(n)
    if (watermark !== undefined) windows.watermark(watermark, keyOf)
  }
  windows.watermark(Number.POSITIVE_INFINITY, keyOf)
  return windows
}

/** Words to dense slots by a Map, counted per second. */
export function countWords(supply: Supply, total: number, split: (line: string) => string[]): Outcome {
  const slots = new Map<string, number>()
  const words: string[] = []
  const windows = new Windows()
  const keyOf = (slot: number) => words[slot] as string
  for (let n = 0; n < total; n++) {
    const { values, timestamps, length } = batchAt(supply, n) as ObjectBatch
    for (let i = 0; i < length; i++) {
      const time = timestamps[i] as number
      const pane = windows.pane(time - (time % SIZE), 8192)
      const line = split(values[i] as string)
      for (let j = 0; j < line.length; j++) {
        const word = line[j] as string
        let slot = slots.get(word)
        if (slot === undefined) {
          slot = words.push(word) - 1
          slots.set(word, slot)
        }
        pane.counts[slot] = (pane.counts[slot] as number) + 1
      }
    }
    const watermark = watermarkAfter(n)
    if (watermark !== undefined) windows.watermark(watermark, keyOf)
  }
  windows.watermark(Number.POSITIVE_INFINITY, keyOf)
  return windows
}

/** map and filter alone; the sink adds prices up. */
export function mapFilterColumns(supply: Supply, total: number): Outcome {
  let results = 0
  let sum = 0
  for (let n = 0; n < total; n++) {
    const { columns, length } = batchAt(supply, n) as ColumnBatch
    const prices = (columns[1] as { values: Float64Array }).values
    for (let i = 0; i < length; i++) {
      const price = (prices[i] as number) * 0.908
      if (!(price > 10)) continue
      results++
      sum += price
    }
  }
  return { results, sum }
}

export function mapFilterObjects(
  supply: Supply,
  total: number,
  map: (bid: Bid) => Bid,
  filter: (bid: Bid) => boolean,
): Outcome {
  let results = 0
  let sum = 0
  for (let n = 0; n < total; n++) {
    const { values, length } = batchAt(supply, n) as ObjectBatch
    for (let i = 0; i < length; i++) {
      const bid = map(values[i] as Bid)
      if (!filter(bid)) continue
      results++
      sum += bid.price
    }
  }
  return { results, sum }
}
