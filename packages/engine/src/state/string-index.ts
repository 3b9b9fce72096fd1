import { SlotIndex, SPREAD } from './slot-index.ts'

/** Longer strings are hashed faster by V8. */
const LONGEST = 16
/** Probes for one string that chance does not explain. */
const SUSPICIOUS = 256

/**
 * Strings → slots. Short ones, as keys mostly are, by open addressing over a hash of our own: half again as fast as a
 * Map for strings that were just made, since V8 computes and stores their hash first. That hash is not secret: when
 * somebody sends strings that collide, all strings move to the Map, whose hash is.
 */
export class StringIndex {
  /** By slot, shared with the table. */
  readonly #keys: readonly unknown[]
  #short = new SlotIndex()
  readonly #others = new Map<string, number>()
  #longest = LONGEST

  constructor(keys: readonly unknown[]) {
    this.#keys = keys
  }

  /** The slot of `key`, or -1. */
  find(key: string): number {
    if (key.length > this.#longest) return this.#others.get(key) ?? -1
    const tag = hashShort(key)
    const { entries, mask, shift } = this.#short
    for (let entry = Math.imul(tag, SPREAD) >>> shift; ; entry = (entry + 1) & mask) {
      const slot = (entries[entry * 2 + 1] as number) - 1
      if (slot === -1 || (entries[entry * 2] === tag && this.#keys[slot] === key)) return slot
    }
  }

  /** Adds a string that is not there; the table has it at `slot` already. */
  add(key: string, slot: number): void {
    if (key.length > this.#longest) this.#others.set(key, slot)
    else if (this.#short.add(hashShort(key), slot) > SUSPICIOUS) this.#abandonShort()
  }

  /** Removes a string that is there. */
  remove(key: string, slot: number): void {
    if (key.length > this.#longest) this.#others.delete(key)
    else this.#short.remove(hashShort(key), slot)
  }

  #abandonShort(): void {
    for (const slot of this.#short.slots()) this.#others.set(this.#keys[slot] as string, slot)
    this.#longest = -1
    this.#short = new SlotIndex()
  }
}

function hashShort(text: string): number {
  let hash = text.length
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}
