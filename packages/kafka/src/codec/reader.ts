import { asBuffer } from '@millrace/std'
import { ProtocolError } from '../errors/protocol-error.ts'

/** Kafka's limit for a string, in bytes, in every version. */
const MAX_STRING_BYTES = 0x7fff
/** Strings up to this many bytes are looked up among those seen before: names of topics, groups and clients repeat. */
const INTERNED_BYTES = 48
const INTERNED_SLOTS = 1024

const EMPTY: Buffer = Buffer.alloc(0)
const interned: string[] = new Array<string>(INTERNED_SLOTS).fill('')

/**
 * Reads one frame for the generated decoders. The `get…` methods do not check: a decoder calls {@link need} once for a
 * run of fields of fixed size. Everything of variable size checks its length against the bytes that are left before it
 * takes memory.
 */
export class Reader {
  bytes: Buffer = EMPTY
  position = 0
  end = 0
  /** The field being read; kept only by tracing decoders, which run after an error. */
  path = ''

  reset(frame: Uint8Array, position: number): void {
    this.bytes = asBuffer(frame)
    this.position = position
    this.end = frame.byteLength
    this.path = ''
  }

  /** Lets go of the frame. */
  release(): void {
    this.bytes = EMPTY
    this.position = 0
    this.end = 0
  }

  need(size: number): void {
    if (this.end - this.position < size) this.truncated(size)
  }

  truncated(size: number): never {
    throw new ProtocolError('PROTOCOL_TRUNCATED', `needs ${size} more bytes, ${this.end - this.position} are left`)
  }

  invalidLength(length: number, what: string): never {
    throw new ProtocolError(
      'PROTOCOL_INVALID_LENGTH',
      `${what} of ${length}, ${this.end - this.position} bytes are left`,
    )
  }

  invalidNull(): never {
    throw new ProtocolError('PROTOCOL_INVALID_VALUE', 'null, which this version does not allow')
  }

  getInt8(): number {
    return ((this.bytes[this.position++] as number) << 24) >> 24
  }

  getBoolean(): boolean {
    return this.bytes[this.position++] !== 0
  }

  getInt16(): number {
    const bytes = this.bytes
    const p = this.position
    this.position = p + 2
    return (((bytes[p] as number) << 24) >> 16) | (bytes[p + 1] as number)
  }

  getUint16(): number {
    return this.getInt16() & 0xffff
  }

  getInt32(): number {
    const bytes = this.bytes
    const p = this.position
    this.position = p + 4
    return (
      ((bytes[p] as number) << 24) |
      ((bytes[p + 1] as number) << 16) |
      ((bytes[p + 2] as number) << 8) |
      (bytes[p + 3] as number)
    )
  }

  getUint32(): number {
    return this.getInt32() >>> 0
  }

  getInt64(): number {
    const high = this.getInt32()
    const value = high * 0x1_0000_0000 + (this.getInt32() >>> 0)
    if (!Number.isSafeInteger(value)) {
      throw new ProtocolError(
        'PROTOCOL_INVALID_VALUE',
        `${this.bytes.readBigInt64BE(this.position - 8)} is out of range`,
      )
    }
    return value
  }

  getBigint64(): bigint {
    this.position += 8
    return this.bytes.readBigInt64BE(this.position - 8)
  }

  getFloat64(): number {
    this.position += 8
    return this.bytes.readDoubleBE(this.position - 8)
  }

  /** A copy: ids are kept longer than frames. */
  getUuid(): Uint8Array {
    const bytes = this.bytes
    const p = this.position
    this.position = p + 16
    const id = new Uint8Array(16)
    for (let i = 0; i < 16; i++) id[i] = bytes[p + i] as number
    return id
  }

  /** Unsigned varint of at most 31 bits: lengths, counts, tags. */
  readUvarint(): number {
    const bytes = this.bytes
    let p = this.position
    if (p >= this.end) this.truncated(1)
    let byte = bytes[p++] as number
    let value = byte & 0x7f
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (p >= this.end) this.truncated(1)
      byte = bytes[p++] as number
      if (shift === 28 && byte > 0x07) {
        throw new ProtocolError('PROTOCOL_INVALID_LENGTH', 'a varint of more than 31 bits')
      }
      value |= (byte & 0x7f) << shift
    }
    this.position = p
    return value
  }

  /** Length of a string, of bytes or of an array; -1 is null. */
  readLength16(): number {
    this.need(2)
    return this.getInt16()
  }

  readLength32(): number {
    this.need(4)
    return this.getInt32()
  }

  readCompactLength(): number {
    return this.readUvarint() - 1
  }

  /** The text of `length` bytes that follow. */
  readText(length: number): string {
    if (length > MAX_STRING_BYTES) this.invalidLength(length, 'a string')
    const start = this.position
    if (this.end - start < length) this.truncated(length)
    this.position = start + length
    return length <= INTERNED_BYTES
      ? this.internedText(start, length)
      : this.bytes.toString('utf8', start, start + length)
  }

  /** `count` as the number of elements of which each takes at least `minimum` bytes. */
  checkCount(count: number, minimum: number): number {
    if (count * minimum > this.end - this.position) this.invalidLength(count, 'an element count')
    return count
  }

  /** A view of the frame. */
  readView(length: number): Uint8Array {
    const start = this.position
    if (this.end - start < length) this.truncated(length)
    this.position = start + length
    return this.bytes.subarray(start, start + length)
  }

  readCopy(length: number): Uint8Array {
    const start = this.position
    if (this.end - start < length) this.truncated(length)
    this.position = start + length
    const copy = new Uint8Array(length)
    this.bytes.copy(copy, 0, start, start + length)
    return copy
  }

  /** Skips the tagged fields of a struct that declares none. */
  skipTags(): void {
    const count = this.readUvarint()
    if (count !== 0) this.skipEachTag(count)
  }

  private skipEachTag(count: number): void {
    this.checkCount(count, 2)
    for (let i = 0; i < count; i++) {
      this.readUvarint()
      this.skip(this.readUvarint())
    }
  }

  skip(size: number): void {
    if (this.end - this.position < size) this.truncated(size)
    this.position += size
  }

  /** A known tagged field must be as long as its size says. */
  checkTagEnd(expected: number): void {
    if (this.position !== expected) {
      throw new ProtocolError(
        'PROTOCOL_INVALID_LENGTH',
        `a tagged field ends ${this.position - expected} bytes off its size`,
      )
    }
  }

  /**
   * Short ASCII text, found again by its bytes instead of being made anew; the equal strings are then the same object,
   * whose hash is already known to the maps that are asked next. Text that is not ASCII goes the general way.
   */
  private internedText(start: number, length: number): string {
    const bytes = this.bytes
    let hash = length
    let seen = 0
    for (let p = start; p < start + length; p++) {
      const byte = bytes[p] as number
      hash = (Math.imul(hash, 31) + byte) | 0
      seen |= byte
    }
    if (seen >= 0x80) return bytes.toString('utf8', start, start + length)
    const slot = (hash ^ (hash >>> 15)) & (INTERNED_SLOTS - 1)
    const known = interned[slot] as string
    if (known.length === length) {
      let i = 0
      while (i < length && known.charCodeAt(i) === bytes[start + i]) i++
      if (i === length) return known
    }
    const text = bytes.toString('latin1', start, start + length)
    interned[slot] = text
    return text
  }
}
