import { SlotIndex, SPREAD } from './slot-index.ts'

/**
 * UTF-8 text → slot, so that a string key in a column is found without being decoded. It mirrors entries of a string
 * index: several byte sequences may mean one string (malformed UTF-8), so a slot may have several entries.
 */
export class ByteKeyIndex {
  readonly #index = new SlotIndex()
  #text: Uint8Array = new Uint8Array(1024)
  #textLength = 0
  /** Bytes of entries that were removed: half of the text or more is worth a compaction. */
  #textUnused = 0
  /** By entry: where its text is, whose slot it is, its hash, and the next entry of the slot (-1: none). */
  #starts: number[] = []
  #lengths: number[] = []
  #slots: number[] = []
  #hashes: number[] = []
  #next: number[] = []
  readonly #firstOfSlot = new Map<number, number>()
  readonly #free: number[] = []

  find(data: Uint8Array, start: number, length: number): number {
    const hash = hashRange(data, start, length)
    const { entries, mask, shift } = this.#index
    for (let at = Math.imul(hash, SPREAD) >>> shift; ; at = (at + 1) & mask) {
      const entry = (entries[at * 2 + 1] as number) - 1
      if (entry === -1) return -1
      if (entries[at * 2] === hash && this.#lengths[entry] === length && this.#isText(entry, data, start, length)) {
        return this.#slots[entry] as number
      }
    }
  }

  /** Adds a text that is not there; its bytes are copied. */
  add(data: Uint8Array, start: number, length: number, slot: number): void {
    const entry = this.#free.pop() ?? this.#starts.length
    this.#reserve(length)
    for (let i = 0; i < length; i++) this.#text[this.#textLength + i] = data[start + i] as number
    const hash = hashRange(data, start, length)
    this.#starts[entry] = this.#textLength
    this.#lengths[entry] = length
    this.#slots[entry] = slot
    this.#hashes[entry] = hash
    this.#next[entry] = this.#firstOfSlot.get(slot) ?? -1
    this.#firstOfSlot.set(slot, entry)
    this.#textLength += length
    this.#index.add(hash, entry)
  }

  /** Removes all entries of a slot. */
  remove(slot: number): void {
    let entry = this.#firstOfSlot.get(slot) ?? -1
    this.#firstOfSlot.delete(slot)
    while (entry !== -1) {
      this.#index.remove(this.#hashes[entry] as number, entry)
      this.#textUnused += this.#lengths[entry] as number
      this.#lengths[entry] = -1
      this.#free.push(entry)
      entry = this.#next[entry] as number
    }
  }

  #isText(entry: number, data: Uint8Array, start: number, length: number): boolean {
    const text = this.#text
    const at = this.#starts[entry] as number
    for (let i = 0; i < length; i++) if (text[at + i] !== data[start + i]) return false
    return true
  }

  #reserve(more: number): void {
    if (this.#textLength + more <= this.#text.length) return
    const live = this.#textLength - this.#textUnused
    const text = new Uint8Array(Math.max(1024, (live + more) * 2))
    let length = 0
    for (let entry = 0; entry < this.#starts.length; entry++) {
      const size = this.#lengths[entry] as number
      if (size === -1) continue
      const start = this.#starts[entry] as number
      text.set(this.#text.subarray(start, start + size), length)
      this.#starts[entry] = length
      length += size
    }
    this.#text = text
    this.#textLength = length
    this.#textUnused = 0
  }
}

/** FNV-1a over the bytes. */
function hashRange(data: Uint8Array, start: number, length: number): number {
  let hash = 0x811c9dc5 | 0
  for (let i = start; i < start + length; i++) hash = Math.imul(hash ^ (data[i] as number), 0x01000193)
  return hash
}
