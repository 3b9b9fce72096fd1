import { assert } from '@millrace/std'
import type { Column, StringDictionary } from '../../element/batch.ts'
import type { AdaptiveKeyTable } from '../../state/adaptive-key-table.ts'
import type { KeyUsage } from './key-usage.ts'

/** Slots of the strings of a column, found by dictionary id or by their bytes: nothing is decoded that is known. */
export class TextKeys {
  readonly #keys: AdaptiveKeyTable
  readonly #usage: KeyUsage
  /** By dictionary, by id: slot + 1. */
  #slots = new WeakMap<StringDictionary, Int32Array>()
  #removed = 0

  constructor(keys: AdaptiveKeyTable, usage: KeyUsage) {
    this.#keys = keys
    this.#usage = usage
  }

  /** The slots of a batch's column. Not to be used after the batch. */
  of(column: Column): TextSlots {
    if (column.kind === 'bytes') return new ByteSlots(column.data, column.starts, column.lengths, this.#keys)
    assert(column.kind === 'dictionary', 'a text column is a dictionary or bytes')
    if (this.#removed !== this.#usage.removed) {
      this.#removed = this.#usage.removed
      this.#slots = new WeakMap()
    }
    const { dictionary } = column
    let slots = this.#slots.get(dictionary)
    if (slots === undefined || slots.length < dictionary.size) {
      const known = slots
      slots = new Int32Array(Math.max(16, dictionary.size * 2))
      if (known !== undefined) slots.set(known)
      this.#slots.set(dictionary, slots)
    }
    return new DictionarySlots(column.ids, slots, dictionary, this.#keys)
  }
}

export interface TextSlots {
  slot(index: number): number
}

class DictionarySlots implements TextSlots {
  readonly #ids: Int32Array
  readonly #slots: Int32Array
  readonly #dictionary: StringDictionary
  readonly #keys: AdaptiveKeyTable

  constructor(ids: Int32Array, slots: Int32Array, dictionary: StringDictionary, keys: AdaptiveKeyTable) {
    this.#ids = ids
    this.#slots = slots
    this.#dictionary = dictionary
    this.#keys = keys
  }

  slot(index: number): number {
    const id = this.#ids[index] as number
    if (id === -1) return this.#keys.slotOf(null)
    const known = (this.#slots[id] as number) - 1
    if (known !== -1) return known
    const slot = this.#keys.slotOfString(this.#dictionary.get(id))
    this.#slots[id] = slot + 1
    return slot
  }
}

class ByteSlots implements TextSlots {
  readonly #data: Uint8Array
  readonly #starts: Int32Array
  readonly #lengths: Int32Array
  readonly #keys: AdaptiveKeyTable

  constructor(data: Uint8Array, starts: Int32Array, lengths: Int32Array, keys: AdaptiveKeyTable) {
    this.#data = data
    this.#starts = starts
    this.#lengths = lengths
    this.#keys = keys
  }

  slot(index: number): number {
    const length = this.#lengths[index] as number
    if (length === -1) return this.#keys.slotOf(null)
    return this.#keys.slotOfUtf8(this.#data, this.#starts[index] as number, length)
  }
}
