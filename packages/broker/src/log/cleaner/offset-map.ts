import type { Random } from '@millrace/std'
import { KeyHash } from './key-hash.ts'

/** Bytes of a slot: 16 of the key's hash, 8 of the offset. As many as Kafka's `SkimpyOffsetMap` takes. */
export const SLOT_BYTES = 24
const firstSlots = 16
/** A table that can still grow is kept emptier than a full one: looking things up is quicker. */
const growAt = 0.7
/** As many tables share the memory: one that grows moves its entries at once, and must not hold the event loop up for long. */
const mostTables = 256
const leastSlotsOfTable = 4_096

/**
 * The last offset of each key, by the key's hash: bounded memory however long the keys are. It begins small and grows up
 * to `maxBytes`.
 */
export class OffsetMap {
  readonly #hash: KeyHash
  readonly #tables: Table[]
  /** All offsets up to here are known: later ones are not judged by this map. */
  latestOffset = -1

  /** `loadFactor`: the share of all slots that may be in use. */
  constructor(options: { maxBytes: number; loadFactor: number; random: Random }) {
    this.#hash = new KeyHash(options.random)
    const slots = Math.max(2, Math.floor(options.maxBytes / SLOT_BYTES))
    const count = Math.max(1, Math.min(mostTables, Math.floor(slots / leastSlotsOfTable)))
    this.#tables = Array.from({ length: count }, () => new Table(Math.floor(slots / count), options.loadFactor))
  }

  get count(): number {
    return this.#tables.reduce((sum, table) => sum + table.count, 0)
  }

  /** Takes note of a later offset for the key. False, and nothing is changed, when there is no room for another key. */
  put(bytes: Uint8Array, start: number, length: number, offset: number): boolean {
    if (!this.#tableOf(bytes, start, length).put(this.#hash.words, offset)) return false
    this.latestOffset = offset
    return true
  }

  /** The last offset of the key, -1 when it is not in the map. */
  get(bytes: Uint8Array, start: number, length: number): number {
    return this.#tableOf(bytes, start, length).get(this.#hash.words)
  }

  #tableOf(bytes: Uint8Array, start: number, length: number): Table {
    this.#hash.of(bytes, start, length)
    return this.#tables[((this.#hash.words[3] as number) >>> 0) % this.#tables.length] as Table
  }
}

/** Open addressing over the hashes. */
class Table {
  readonly #maxSlots: number
  /** Keys that fit. */
  readonly #room: number
  #slots: number
  #hashes: Int32Array
  /** The offset plus one, 0 in an empty slot. */
  #offsets: Float64Array
  count = 0

  constructor(maxSlots: number, loadFactor: number) {
    this.#maxSlots = maxSlots
    // One slot stays empty, or a search would not end; one must fit, or nothing would ever be compacted.
    this.#room = Math.max(1, Math.min(maxSlots - 1, Math.floor(maxSlots * loadFactor)))
    this.#slots = Math.min(firstSlots, maxSlots)
    this.#hashes = new Int32Array(4 * this.#slots)
    this.#offsets = new Float64Array(this.#slots)
  }

  put(hash: Int32Array, offset: number): boolean {
    const slot = this.#find(hash, 0)
    if (this.#offsets[slot] === 0) {
      if (this.count >= this.#room) return false
      if (this.#slots < this.#maxSlots && this.count >= this.#slots * growAt) {
        this.#grow()
        return this.put(hash, offset)
      }
      this.#hashes.set(hash, 4 * slot)
      this.count++
    }
    this.#offsets[slot] = offset + 1
    return true
  }

  get(hash: Int32Array): number {
    return (this.#offsets[this.#find(hash, 0)] as number) - 1
  }

  /** The slot of the hash at `hashes[at]`, or the empty one where it belongs. */
  #find(hashes: Int32Array, at: number): number {
    const known = this.#hashes
    const offsets = this.#offsets
    const first = hashes[at] as number
    let slot = (first >>> 0) % this.#slots
    while (offsets[slot] !== 0) {
      const p = 4 * slot
      if (
        known[p] === first &&
        known[p + 1] === hashes[at + 1] &&
        known[p + 2] === hashes[at + 2] &&
        known[p + 3] === hashes[at + 3]
      ) {
        return slot
      }
      if (++slot === this.#slots) slot = 0
    }
    return slot
  }

  #grow(): void {
    const hashes = this.#hashes
    const offsets = this.#offsets
    this.#slots = Math.min(this.#maxSlots, 2 * this.#slots)
    this.#hashes = new Int32Array(4 * this.#slots)
    this.#offsets = new Float64Array(this.#slots)
    for (let i = 0; i < offsets.length; i++) {
      if (offsets[i] === 0) continue
      const slot = this.#find(hashes, 4 * i)
      for (let word = 0; word < 4; word++) this.#hashes[4 * slot + word] = hashes[4 * i + word] as number
      this.#offsets[slot] = offsets[i] as number
    }
  }
}
