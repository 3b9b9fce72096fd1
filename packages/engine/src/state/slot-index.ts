/**
 * Open addressing of 32-bit tags to dense slots: pairs of (tag, slot + 1) in one array, so that a probe touches one cache
 * line. For integer keys the tag is the key itself; for others it is the hash, and the caller compares the keys of equal
 * tags. The arrays are public because generated code probes them in place.
 */
export class SlotIndex {
  entries: Int32Array = new Int32Array(32)
  /** Number of entries less one. */
  mask = 15
  /** Entry of a tag: `Math.imul(tag, SPREAD) >>> shift`. */
  shift = 28
  #used = 0

  get size(): number {
    return this.#used
  }

  /** The slot of `tag` where tags are unique, or -1. */
  find(tag: number): number {
    const { entries, mask } = this
    for (let entry = Math.imul(tag, SPREAD) >>> this.shift; ; entry = (entry + 1) & mask) {
      const slot = (entries[entry * 2 + 1] as number) - 1
      if (slot === -1 || entries[entry * 2] === tag) return slot
    }
  }

  /** Adds a pair that is not there. Gives the number of pairs that were in its way. */
  add(tag: number, slot: number): number {
    if ((this.#used + 1) * 2 > this.mask + 1) this.#grow()
    this.#used++
    return put(this.entries, this.mask, this.shift, tag, slot + 1)
  }

  /** The slots of all pairs. */
  *slots(): Iterable<number> {
    for (let at = 1; at < this.entries.length; at += 2) {
      if (this.entries[at] !== 0) yield (this.entries[at] as number) - 1
    }
  }

  /** Removes a pair that is there, moving those behind it up, so that no probe ever meets a gap. */
  remove(tag: number, slot: number): void {
    const { entries, mask, shift } = this
    let gap = Math.imul(tag, SPREAD) >>> shift
    while (entries[gap * 2] !== tag || entries[gap * 2 + 1] !== slot + 1) gap = (gap + 1) & mask
    for (let next = (gap + 1) & mask; entries[next * 2 + 1] !== 0; next = (next + 1) & mask) {
      const home = Math.imul(entries[next * 2] as number, SPREAD) >>> shift
      if (((next - home) & mask) < ((next - gap) & mask)) continue
      entries[gap * 2] = entries[next * 2] as number
      entries[gap * 2 + 1] = entries[next * 2 + 1] as number
      gap = next
    }
    entries[gap * 2 + 1] = 0
    this.#used--
  }

  #grow(): void {
    const old = this.entries
    this.shift--
    this.mask = this.mask * 2 + 1
    this.entries = new Int32Array(old.length * 2)
    for (let at = 0; at < old.length; at += 2) {
      if (old[at + 1] !== 0) put(this.entries, this.mask, this.shift, old[at] as number, old[at + 1] as number)
    }
  }
}

/** 2^32 divided by the golden ratio: its product's upper bits spread runs and strides of keys evenly. */
export const SPREAD = 0x9e3779b1

function put(entries: Int32Array, mask: number, shift: number, tag: number, value: number): number {
  const home = Math.imul(tag, SPREAD) >>> shift
  let entry = home
  while (entries[entry * 2 + 1] !== 0) entry = (entry + 1) & mask
  entries[entry * 2] = tag
  entries[entry * 2 + 1] = value
  return (entry - home) & mask
}
