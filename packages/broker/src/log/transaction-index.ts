import { readInt16, readInt64, writeInt16, writeInt64 } from '@millrace/kafka'
import type { CompletedTransaction } from './ongoing-transactions.ts'

/** Bytes of an entry in a `.txnindex` file: version (2), producer id, first, last and last stable offset (8 each). */
export const TRANSACTION_ENTRY_BYTES = 34
const version = 0

/** A transaction that was aborted: what a consumer needs to know to pass over its records. */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

const columns = 4
const producerIdAt = 0
const firstOffsetAt = 1
const lastOffsetAt = 2
const lastStableOffsetAt = 3
const initialCapacity = 4
const noEntries = new Float64Array(0)

/**
 * The aborted transactions whose markers are in a segment, in the order of the markers: Kafka's `.txnindex` file
 * (`TransactionIndex`, `AbortedTxn`). They may have begun in earlier segments.
 */
export class TransactionIndex {
  #entries = noEntries
  #count = 0

  get count(): number {
    return this.#count
  }

  get sizeInBytes(): number {
    return this.#count * TRANSACTION_ENTRY_BYTES
  }

  append({ producerId, firstOffset, lastOffset, lastStableOffset }: Omit<CompletedTransaction, 'isAborted'>): void {
    const at = this.#count * columns
    if (at === this.#entries.length) {
      const grown = new Float64Array(Math.max(initialCapacity * columns, 2 * at))
      grown.set(this.#entries)
      this.#entries = grown
    }
    this.#entries[at + producerIdAt] = producerId
    this.#entries[at + firstOffsetAt] = firstOffset
    this.#entries[at + lastOffsetAt] = lastOffset
    this.#entries[at + lastStableOffsetAt] = lastStableOffset
    this.#count++
  }

  /** The `i`-th one. */
  at(i: number): Omit<CompletedTransaction, 'isAborted'> {
    return {
      producerId: this.#at(i, producerIdAt),
      firstOffset: this.#at(i, firstOffsetAt),
      lastOffset: this.#at(i, lastOffsetAt),
      lastStableOffset: this.#at(i, lastStableOffsetAt),
    }
  }

  /**
   * Adds to `found` those with records or their marker in the offsets [from, to). Answers whether that are all: otherwise
   * markers in later segments may have aborted what lies in the range.
   */
  collect(from: number, to: number, found: AbortedTransaction[]): boolean {
    for (let i = this.#firstEndingFrom(from); i < this.#count; i++) {
      const firstOffset = this.#at(i, firstOffsetAt)
      if (firstOffset < to) found.push({ producerId: this.#at(i, producerIdAt), firstOffset })
      if (this.#at(i, lastStableOffsetAt) >= to) return true
    }
    return false
  }

  /** Forgets those whose markers are at or after `offset`. */
  truncateTo(offset: number): void {
    this.#count = this.#firstEndingFrom(offset)
  }

  /** The entries from the `first`-th on. */
  toBytes(first = 0): Uint8Array {
    const bytes = new Uint8Array((this.#count - first) * TRANSACTION_ENTRY_BYTES)
    for (let i = first, at = 0; i < this.#count; i++, at += TRANSACTION_ENTRY_BYTES) {
      writeInt16(bytes, at, version)
      for (let field = 0; field < columns; field++) writeInt64(bytes, at + 2 + 8 * field, this.#at(i, field))
    }
    return bytes
  }

  /** The part of an index file that is about markers before `endOffset`; what follows may be anything. */
  static partBelow(bytes: Uint8Array, endOffset: number): Uint8Array {
    let end = 0
    while (end + TRANSACTION_ENTRY_BYTES <= bytes.byteLength && readInt64(bytes, end + 18) < endOffset) {
      end += TRANSACTION_ENTRY_BYTES
    }
    return bytes.subarray(0, end)
  }

  /** Undefined when the bytes cannot be the index of a segment of the offsets [baseOffset, endOffset). */
  static fromBytes(bytes: Uint8Array, baseOffset: number, endOffset: number): TransactionIndex | undefined {
    if (bytes.byteLength % TRANSACTION_ENTRY_BYTES !== 0) return undefined
    const index = new TransactionIndex()
    let last = baseOffset - 1
    for (let at = 0; at < bytes.byteLength; at += TRANSACTION_ENTRY_BYTES) {
      if (readInt16(bytes, at) !== version) return undefined
      const entry = {
        producerId: readInt64(bytes, at + 2),
        firstOffset: readInt64(bytes, at + 10),
        lastOffset: readInt64(bytes, at + 18),
        lastStableOffset: readInt64(bytes, at + 26),
      }
      const { firstOffset, lastOffset, lastStableOffset, producerId } = entry
      if (!(Number.isSafeInteger(producerId) && producerId >= 0)) return undefined
      if (!(firstOffset >= 0 && firstOffset < lastOffset && lastOffset > last && lastOffset < endOffset)) {
        return undefined
      }
      if (!(lastStableOffset >= 0 && lastStableOffset <= lastOffset + 1)) return undefined
      index.append(entry)
      last = lastOffset
    }
    return index
  }

  #at(i: number, field: number): number {
    return this.#entries[i * columns + field] as number
  }

  /** The first one whose marker is at or after `offset`. */
  #firstEndingFrom(offset: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#at(middle, lastOffsetAt) < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
