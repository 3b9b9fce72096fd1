import type { Random } from '@millrace/std'
import { KeyHash } from './key-hash.ts'

/** Bytes of a slot: 16 of the key's hash, 8 of the offset. As many as Kafka's `SkimpyOffsetMap` takes. */
export const SLOT_BYTES = 24
const firstSlots = 1024
/** A table that can still grow is kept emptier than a full one: looking things up is quicker. */
const growAt = 0.7

/**
 * The last offset of each key, by the key's hash: bounded memory however long the keys are. It begins small and grows up
 * to `maxBytes`; while it grows, half as much again is taken.
 */
export class OffsetMap {
  readonly #hash: KeyHash
  readonly #maxSlots: number
  readonly #loadFactor: number
  #slots: number
  #hashes: Int32Array
  /** The offset plus one, 0 in an empty slot. */
  #offsets: Float64Array
  #count = 0
  /** All offsets up to here are known: later ones are not judged by this map. */
  latestOffset = -1

  /** `loadFactor`: the share of all slots that may be in use. */
  constructor(options: { maxBytes: number; loadFactor: number; random: Random }) {
    this.#hash = new KeyHash(options.random)
    this.#maxSlots = Math.max(2, Math.floor(options.maxBytes / SLOT_BYTES))
    this.#loadFactor = options.loadFactor
    this.#slots = Math.min(firstSlots, this.#maxSlots)
    this.#hashes = new Int32Array(4 * this.#slots)
    this.#offsets = new Float64Array(this.#slots)
  }

  get count(): number {
    return this.#count
  }

  /** Takes note of a later offset for the key. False, and nothing is changed, when there is no room for another key. */
  put(bytes: Uint8Array, start: number, length: number, offset: number): boolean {
    this.#hash.of(bytes, start, length)
    const slot = this.#find(this.#hash.words, 0)
    if (this.#offsets[slot] === 0) {
      if (this.#count + 1 > this.#limit()) {
        if (this.#slots >= this.#maxSlots) return false
        this.#grow()
        return this.put(bytes, start, length, offset)
      }
      this.#hashes.set(this.#hash.words, 4 * slot)
      this.#count++
    }
    this.#offsets[slot] = offset + 1
    this.latestOffset = offset
    return true
  }

  /** The last offset of the key, -1 when it is not in the map. */
  get(bytes: Uint8Array, start: number, length: number): number {
    this.#hash.of(bytes, start, length)
    return (this.#offsets[this.#find(this.#hash.words, 0)] as number) - 1
  }

  #limit(): number {
    const full = this.#slots >= this.#maxSlots
    // One slot stays empty, or a search would not end; one must fit, or nothing would ever be compacted.
    return full
      ? Math.max(1, Math.min(this.#slots - 1, Math.floor(this.#slots * this.#loadFactor)))
      : this.#slots * growAt
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
