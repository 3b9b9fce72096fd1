import { ByteKeyIndex } from './byte-key-index.ts'
import { keyGroupOf } from './key-group.ts'
import { copyKey, copyString, keysEqual, tagOf } from './key-hash.ts'
import type { Key, KeyTable } from './key-table.ts'
import { SlotIndex, SPREAD } from './slot-index.ts'
import { StringIndex } from './string-index.ts'

/** What kind of key a slot holds. */
const FREE = 0
const INTEGER = 1
const OBJECT = 2

/**
 * The key table of every keyed operator. 32-bit integers, strings and all other keys have an index each over common
 * slots, made when the first such key comes: a job with integer keys has only the integer index, and a mixed one needs
 * no conversion. So 1, '1' and 1n are different keys; 0 and -0 are one, and NaN is one.
 */
export class AdaptiveKeyTable implements KeyTable {
  /** Of 32-bit integers; generated code probes it in place. */
  readonly integers = new SlotIndex()
  #integerKeys: Int32Array = new Int32Array(16)
  #kinds: Uint8Array = new Uint8Array(16)
  /** Keys that are no 32-bit integers, by slot. */
  readonly #objectKeys: unknown[] = []
  readonly #strings = new StringIndex(this.#objectKeys)
  #others: SlotIndex | undefined
  #bytes: ByteKeyIndex | undefined
  #free: number[] = []
  #used = 0
  readonly #maxParallelism: number

  constructor(maxParallelism: number) {
    this.#maxParallelism = maxParallelism
  }

  get capacity(): number {
    return this.#used
  }

  get size(): number {
    return this.#used - this.#free.length
  }

  slotOf(key: unknown): number {
    if (typeof key === 'string') return this.slotOfString(key)
    if (typeof key === 'number' && (key | 0) === key) {
      const slot = this.integers.find(key | 0)
      return slot === -1 ? this.addInteger(key | 0) : slot
    }
    return this.#slotOfOther(key)
  }

  slotOfString(key: string): number {
    const slot = this.#strings.find(key)
    if (slot !== -1) return slot
    const added = this.#take(OBJECT)
    const own = copyString(key)
    this.#objectKeys[added] = own
    this.#strings.add(own, added)
    return added
  }

  /** The slot of a string given as UTF-8, without decoding it when it is known. The bytes are copied when they are kept. */
  slotOfUtf8(data: Uint8Array, start: number, length: number): number {
    this.#bytes ??= new ByteKeyIndex()
    const slot = this.#bytes.find(data, start, length)
    if (slot !== -1) return slot
    const text = Buffer.from(data.buffer, data.byteOffset + start, length).toString('utf8')
    const found = this.slotOfString(text)
    this.#bytes.add(data, start, length, found)
    return found
  }

  /** Adds an integer that is not there. */
  addInteger(key: number): number {
    const slot = this.#take(INTEGER)
    this.#integerKeys[slot] = key
    this.integers.add(key, slot)
    return slot
  }

  find(key: unknown): number {
    if (typeof key === 'string') return this.#strings.find(key)
    if (typeof key === 'number' && (key | 0) === key) return this.integers.find(key | 0)
    return this.#findOther(key, tagOf(key))
  }

  keyAt(slot: number): Key {
    if (this.#kinds[slot] === INTEGER) return this.#integerKeys[slot] as number
    return this.#objectKeys[slot] as Key
  }

  keyGroupAt(slot: number): number {
    return keyGroupOf(this.keyAt(slot), this.#maxParallelism)
  }

  remove(slot: number): void {
    if (this.#kinds[slot] === INTEGER) {
      this.integers.remove(this.#integerKeys[slot] as number, slot)
    } else {
      const key = this.#objectKeys[slot]
      if (typeof key === 'string') {
        this.#strings.remove(key, slot)
        this.#bytes?.remove(slot)
      } else {
        this.#others?.remove(tagOf(key), slot)
      }
      this.#objectKeys[slot] = undefined
    }
    this.#kinds[slot] = FREE
    this.#free.push(slot)
  }

  *slots(): Iterable<number> {
    for (let slot = 0; slot < this.#used; slot++) {
      if (this.#kinds[slot] !== FREE) yield slot
    }
  }

  #slotOfOther(key: unknown): number {
    const tag = tagOf(key)
    const slot = this.#findOther(key, tag)
    if (slot !== -1) return slot
    const added = this.#take(OBJECT)
    this.#objectKeys[added] = copyKey(key)
    this.#others ??= new SlotIndex()
    this.#others.add(tag, added)
    return added
  }

  #findOther(key: unknown, tag: number): number {
    if (this.#others === undefined) return -1
    const { entries, mask, shift } = this.#others
    for (let entry = Math.imul(tag, SPREAD) >>> shift; ; entry = (entry + 1) & mask) {
      const slot = (entries[entry * 2 + 1] as number) - 1
      if (slot === -1 || (entries[entry * 2] === tag && keysEqual(this.#objectKeys[slot], key))) return slot
    }
  }

  #take(kind: number): number {
    const slot = this.#free.pop() ?? this.#used++
    if (slot === this.#kinds.length) this.#grow()
    this.#kinds[slot] = kind
    // Filled in order, so that the array stays dense whatever kinds of keys come.
    if (kind === OBJECT) while (this.#objectKeys.length < slot) this.#objectKeys.push(undefined)
    return slot
  }

  #grow(): void {
    const kinds = new Uint8Array(this.#kinds.length * 2)
    kinds.set(this.#kinds)
    this.#kinds = kinds
    const integerKeys = new Int32Array(this.#integerKeys.length * 2)
    integerKeys.set(this.#integerKeys)
    this.#integerKeys = integerKeys
  }
}
