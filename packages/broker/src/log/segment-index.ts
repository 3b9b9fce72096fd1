import { readInt32, readInt64, writeInt32, writeInt64 } from '@millrace/kafka'
import { assert } from '@millrace/std'

/** Bytes of an entry in a `.index` file: the offset relative to the segment's (4), the position in the log (4). */
export const OFFSET_ENTRY_BYTES = 8
/** Bytes of an entry in a `.timeindex` file: a timestamp in milliseconds (8), the relative offset (4). */
export const TIME_ENTRY_BYTES = 12

const initialCapacity = 16
/** Idle partitions, of which there are thousands, have empty indexes: they share these. */
const noIntegers = new Uint32Array(0)
const noNumbers = new Float64Array(0)

/**
 * The sparse offset index of a segment: for about every `index.interval.bytes` the last offset of a batch and where
 * that batch starts. In memory while the segment is written or read; as Kafka's `.index` file otherwise.
 */
export class OffsetIndex {
  readonly baseOffset: number
  /** Relative offset and position, alternating. */
  #entries = noIntegers
  #count = 0

  constructor(baseOffset: number) {
    this.baseOffset = baseOffset
  }

  get count(): number {
    return this.#count
  }

  get sizeInBytes(): number {
    return this.#count * OFFSET_ENTRY_BYTES
  }

  get lastOffset(): number {
    return this.#count === 0 ? this.baseOffset : this.baseOffset + (this.#entries[2 * this.#count - 2] as number)
  }

  get lastPosition(): number {
    return this.#count === 0 ? 0 : (this.#entries[2 * this.#count - 1] as number)
  }

  /** Both must grow from entry to entry. */
  append(offset: number, position: number): void {
    assert(this.#count === 0 || offset > this.lastOffset, 'offset index entries must grow')
    if (2 * this.#count === this.#entries.length) {
      const grown = new Uint32Array(Math.max(initialCapacity, this.#entries.length * 2))
      grown.set(this.#entries)
      this.#entries = grown
    }
    this.#entries[2 * this.#count] = offset - this.baseOffset
    this.#entries[2 * this.#count + 1] = position
    this.#count++
  }

  /** Where to start looking for `offset`: the position of a batch that begins at or before it. */
  lookup(offset: number): number {
    return this.positionAt(this.countBelow(offset) - 1)
  }

  /** The entries from the `first`-th on. */
  toBytes(first = 0): Uint8Array {
    const bytes = new Uint8Array((this.#count - first) * OFFSET_ENTRY_BYTES)
    for (let i = 0; 4 * i < bytes.byteLength; i++) writeInt32(bytes, 4 * i, this.#entries[2 * first + i] as number)
    return bytes
  }

  /** Entries of batches that end at or before `offset`. */
  countBelow(offset: number): number {
    const relative = offset - this.baseOffset
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#entries[2 * middle] as number) <= relative) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The position that the `i`-th entry leads to; 0 for those before the first. */
  positionAt(i: number): number {
    return i < 0 ? 0 : (this.#entries[2 * i + 1] as number)
  }

  /** The part of an index file that is about batches before `endOffset`; what follows may be anything. */
  static partBelow(bytes: Uint8Array, baseOffset: number, endOffset: number): Uint8Array {
    let end = 0
    let last = -1
    while (end + OFFSET_ENTRY_BYTES <= bytes.byteLength) {
      const relative = readInt32(bytes, end)
      if (relative <= last || baseOffset + relative >= endOffset) break
      last = relative
      end += OFFSET_ENTRY_BYTES
    }
    return bytes.subarray(0, end)
  }

  /** Undefined when the bytes cannot be an index of a log of `logSize` bytes: it must be rebuilt then. */
  static fromBytes(bytes: Uint8Array, baseOffset: number, logSize: number): OffsetIndex | undefined {
    if (bytes.byteLength % OFFSET_ENTRY_BYTES !== 0) return undefined
    const count = bytes.byteLength / OFFSET_ENTRY_BYTES
    const entries = new Uint32Array(2 * count)
    for (let i = 0; i < count; i++) {
      entries[2 * i] = readInt32(bytes, 8 * i)
      entries[2 * i + 1] = readInt32(bytes, 8 * i + 4)
      if ((entries[2 * i + 1] as number) >= logSize) return undefined
      if (
        i > 0 &&
        ((entries[2 * i] as number) <= (entries[2 * i - 2] as number) ||
          (entries[2 * i + 1] as number) <= (entries[2 * i - 1] as number))
      ) {
        return undefined
      }
    }
    const index = new OffsetIndex(baseOffset)
    index.#entries = entries
    index.#count = count
    return index
  }
}

/**
 * The time index of a segment: growing maxima of the batches' timestamps, each with the last offset of the batch that
 * brought it. All records before a batch after that one have timestamps at most as large.
 */
export class TimeIndex {
  readonly baseOffset: number
  #timestamps = noNumbers
  #offsets = noIntegers
  #count = 0

  constructor(baseOffset: number) {
    this.baseOffset = baseOffset
  }

  get count(): number {
    return this.#count
  }

  get sizeInBytes(): number {
    return this.#count * TIME_ENTRY_BYTES
  }

  get lastTimestamp(): number {
    return this.#count === 0 ? -1 : (this.#timestamps[this.#count - 1] as number)
  }

  get lastOffset(): number {
    return this.#count === 0 ? this.baseOffset : this.baseOffset + (this.#offsets[this.#count - 1] as number)
  }

  /** Adds an entry if the timestamp is larger than the last one's. */
  maybeAppend(timestamp: number, offset: number): void {
    if (timestamp <= this.lastTimestamp) return
    if (this.#count === this.#offsets.length) {
      const capacity = Math.max(initialCapacity, this.#offsets.length * 2)
      const timestamps = new Float64Array(capacity)
      const offsets = new Uint32Array(capacity)
      timestamps.set(this.#timestamps)
      offsets.set(this.#offsets)
      this.#timestamps = timestamps
      this.#offsets = offsets
    }
    this.#timestamps[this.#count] = timestamp
    this.#offsets[this.#count] = offset - this.baseOffset
    this.#count++
  }

  /** An offset at or before which no record is as late as `timestamp`, but for the batch that ends there. */
  lookup(timestamp: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#timestamps[middle] as number) <= timestamp) low = middle + 1
      else high = middle
    }
    return low === 0 ? this.baseOffset : this.baseOffset + (this.#offsets[low - 1] as number)
  }

  /** The entries from the `first`-th on. */
  toBytes(first = 0): Uint8Array {
    const bytes = new Uint8Array((this.#count - first) * TIME_ENTRY_BYTES)
    for (let i = first, at = 0; i < this.#count; i++, at += TIME_ENTRY_BYTES) {
      writeInt64(bytes, at, this.#timestamps[i] as number)
      writeInt32(bytes, at + 8, this.#offsets[i] as number)
    }
    return bytes
  }

  /** The part of an index file that is about batches before `endOffset`; what follows may be anything. */
  static partBelow(bytes: Uint8Array, baseOffset: number, endOffset: number): Uint8Array {
    let end = 0
    let last = -1
    while (end + TIME_ENTRY_BYTES <= bytes.byteLength) {
      const relative = readInt32(bytes, end + 8) >>> 0
      if (relative <= last || baseOffset + relative >= endOffset) break
      last = relative
      end += TIME_ENTRY_BYTES
    }
    return bytes.subarray(0, end)
  }

  /** Undefined when the bytes cannot be a time index. */
  static fromBytes(bytes: Uint8Array, baseOffset: number): TimeIndex | undefined {
    if (bytes.byteLength % TIME_ENTRY_BYTES !== 0) return undefined
    const index = new TimeIndex(baseOffset)
    for (let at = 0; at < bytes.byteLength; at += TIME_ENTRY_BYTES) {
      const timestamp = readInt64(bytes, at)
      const offset = baseOffset + (readInt32(bytes, at + 8) >>> 0)
      if (timestamp <= index.lastTimestamp || (index.#count > 0 && offset <= index.lastOffset)) return undefined
      index.maybeAppend(timestamp, offset)
    }
    return index
  }
}
