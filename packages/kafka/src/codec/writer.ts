import { ProtocolError } from '../errors/protocol-error.ts'
import type { RecordsInput } from './types.ts'

/** Frames are carved out of slabs of this size, one after the other; a slab is never written twice, so frames stay valid. */
const SLAB_BYTES = 64 * 1024
/** Records from this size on become parts of their own instead of being copied. */
const PASS_THROUGH_BYTES = 1024
const MAX_STRING_BYTES = 0x7fff
/** Up to this many characters a loop beats the call into native code. */
const SHORT_TEXT = 48

/**
 * Writes one frame at a time for the generated encoders. The `put…` methods do not make room: an encoder calls
 * {@link reserve} once for a run of fields of fixed size.
 */
export class Writer {
  bytes: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES)
  position = 0
  /** The field being written; kept only by tracing encoders, which run after an error. */
  path = ''
  /** Where in `bytes` the part being written begins. */
  private start = 0
  private parts: Uint8Array[] = []
  private partBytes = 0

  begin(): void {
    if (this.bytes.length > SLAB_BYTES) {
      // A large frame has its slab for itself: small ones after it would keep it alive.
      this.bytes = Buffer.allocUnsafeSlow(SLAB_BYTES)
      this.position = 0
    }
    this.start = this.position
    this.parts = []
    this.partBytes = 0
    this.path = ''
  }

  /** Drops what was written since {@link begin}. */
  abort(): void {
    this.position = this.start
    this.parts = []
  }

  /** Ends a frame whose first four bytes were reserved for its size, and hands out its parts. */
  finishFrame(): Uint8Array[] {
    const size = this.partBytes + this.position - this.start - 4
    if (size > 0x7fff_ffff) throw notEncodable(`a frame of ${size} bytes: at most 2,147,483,647 fit`)
    if (this.position > this.start) this.closePart()
    const first = this.parts[0] as Buffer
    first.writeInt32BE(size, 0)
    const parts = this.parts
    this.parts = []
    return parts
  }

  /** Ends a message that is one piece, and hands out a copy of its own: it may be kept for long. */
  finishCopy(): Uint8Array {
    const whole = new Uint8Array(this.partBytes + this.position - this.start)
    let at = 0
    for (const part of this.parts) {
      whole.set(part, at)
      at += part.byteLength
    }
    whole.set(this.bytes.subarray(this.start, this.position), at)
    this.abort()
    return whole
  }

  invalidNull(): never {
    throw notEncodable('null, which this version does not allow')
  }

  notInVersion(): never {
    throw notEncodable('this version cannot carry the field')
  }

  notOfType(value: unknown, type: string): never {
    throw wrongType(value, type)
  }

  reserve(size: number): void {
    if (this.bytes.length - this.position < size) this.grow(size)
  }

  /** Moves the part being written to a new slab; parts that were closed keep the old one. */
  private grow(size: number): void {
    const written = this.position - this.start
    const wanted = written + size
    const next = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, wanted > SLAB_BYTES / 2 ? wanted * 2 : 0))
    this.bytes.copy(next, 0, this.start, this.position)
    this.bytes = next
    this.start = 0
    this.position = written
  }

  private closePart(): void {
    const part = this.bytes.subarray(this.start, this.position)
    this.parts.push(part)
    this.partBytes += part.length
    this.start = this.position
  }

  putInt8(value: number): void {
    if ((value << 24) >> 24 !== value) throw wrongType(value, 'int8')
    this.bytes[this.position++] = value
  }

  putBoolean(value: boolean): void {
    if (typeof value !== 'boolean') throw wrongType(value, 'boolean')
    this.bytes[this.position++] = value ? 1 : 0
  }

  putInt16(value: number): void {
    if ((value << 16) >> 16 !== value) throw wrongType(value, 'int16')
    const bytes = this.bytes
    const p = this.position
    bytes[p] = value >> 8
    bytes[p + 1] = value
    this.position = p + 2
  }

  putUint16(value: number): void {
    if ((value & 0xffff) !== value) throw wrongType(value, 'uint16')
    this.putInt16((value << 16) >> 16)
  }

  putInt32(value: number): void {
    if ((value | 0) !== value) throw wrongType(value, 'int32')
    const bytes = this.bytes
    const p = this.position
    bytes[p] = value >> 24
    bytes[p + 1] = value >> 16
    bytes[p + 2] = value >> 8
    bytes[p + 3] = value
    this.position = p + 4
  }

  putUint32(value: number): void {
    if (value >>> 0 !== value) throw wrongType(value, 'uint32')
    this.putInt32(value | 0)
  }

  putInt64(value: number): void {
    if (!Number.isSafeInteger(value)) throw wrongType(value, 'int64')
    this.putInt32(Math.floor(value / 0x1_0000_0000))
    this.putInt32(value | 0)
  }

  putBigint64(value: bigint): void {
    if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) throw wrongType(value, 'bigint64')
    this.position = this.bytes.writeBigInt64BE(value, this.position)
  }

  putFloat64(value: number): void {
    if (typeof value !== 'number') throw wrongType(value, 'float64')
    this.position = this.bytes.writeDoubleBE(value, this.position)
  }

  putUuid(value: Uint8Array): void {
    if (!(value instanceof Uint8Array) || value.byteLength !== 16) throw wrongType(value, 'uuid of 16 bytes')
    const bytes = this.bytes
    const p = this.position
    for (let i = 0; i < 16; i++) bytes[p + i] = value[i] as number
    this.position = p + 16
  }

  /** The caller has reserved five bytes. */
  putUvarint(value: number): void {
    const bytes = this.bytes
    let p = this.position
    while (value >= 0x80) {
      bytes[p++] = value | 0x80
      value >>>= 7
    }
    bytes[p++] = value
    this.position = p
  }

  writeUvarint(value: number): void {
    this.reserve(5)
    this.putUvarint(value)
  }

  writeString(value: string): void {
    const length = value.length
    if (length <= SHORT_TEXT) {
      this.reserve(length + 2)
      const p = this.position
      if (this.putAscii(value, p + 2)) {
        this.bytes[p] = 0
        this.bytes[p + 1] = length
        this.position = p + 2 + length
        return
      }
    }
    const size = textSize(value)
    this.reserve(size + 2)
    this.putInt16(size)
    this.position += this.bytes.write(value, this.position, 'utf8')
  }

  writeCompactString(value: string): void {
    const length = value.length
    if (length <= SHORT_TEXT) {
      this.reserve(length + 1)
      const p = this.position
      if (this.putAscii(value, p + 1)) {
        this.bytes[p] = length + 1
        this.position = p + 1 + length
        return
      }
    }
    const size = textSize(value)
    this.reserve(size + 5)
    this.putUvarint(size + 1)
    this.position += this.bytes.write(value, this.position, 'utf8')
  }

  /** False, with nothing claimed, when a character is not ASCII. */
  private putAscii(value: string, p: number): boolean {
    const bytes = this.bytes
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i)
      if (unit >= 0x80) return false
      bytes[p + i] = unit
    }
    return true
  }

  writeBytes(value: Uint8Array): void {
    this.reserve(4)
    this.putInt32(value.byteLength)
    this.copyIn(value)
  }

  writeCompactBytes(value: Uint8Array): void {
    this.reserve(5)
    this.putUvarint(value.byteLength + 1)
    this.copyIn(value)
  }

  /** Anything but bytes would leave what the slab held before in the frame. */
  private copyIn(value: Uint8Array): void {
    if (!(value instanceof Uint8Array)) throw wrongType(value, 'Uint8Array')
    this.reserve(value.byteLength)
    this.bytes.set(value, this.position)
    this.position += value.byteLength
  }

  writeRecords(value: RecordsInput): void {
    this.reserve(4)
    this.putInt32(recordsSize(value))
    this.writePieces(value)
  }

  writeCompactRecords(value: RecordsInput): void {
    this.reserve(5)
    this.putUvarint(recordsSize(value) + 1)
    this.writePieces(value)
  }

  private writePieces(value: RecordsInput): void {
    if (value instanceof Uint8Array) this.writePiece(value)
    else for (const piece of value) this.writePiece(piece)
  }

  private writePiece(piece: Uint8Array): void {
    if (!(piece.byteLength >= PASS_THROUGH_BYTES && piece instanceof Uint8Array)) {
      this.copyIn(piece)
      return
    }
    if (this.position > this.start) this.closePart()
    this.parts.push(piece)
    this.partBytes += piece.byteLength
  }

  /** Opens a tagged field: its size is known at {@link endTag}. Tagged fields hold no records, so they stay in one part. */
  beginTag(tag: number): number {
    this.reserve(6)
    this.putUvarint(tag)
    this.position++
    return this.position - this.start
  }

  endTag(mark: number): void {
    const size = this.position - this.start - mark
    if (size >= 0x80) {
      this.reserve(4)
      const from = this.start + mark
      const extra = uvarintSize(size) - 1
      this.bytes.copyWithin(from + extra, from, this.position)
      const end = this.position + extra
      this.position = from - 1
      this.putUvarint(size)
      this.position = end
    } else this.bytes[this.start + mark - 1] = size
  }
}

function uvarintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5
}

function textSize(value: string): number {
  const size = Buffer.byteLength(value)
  if (size > MAX_STRING_BYTES) throw notEncodable(`a string of ${size} bytes: at most ${MAX_STRING_BYTES} fit`)
  return size
}

function recordsSize(value: RecordsInput): number {
  if (value instanceof Uint8Array) return value.byteLength
  let size = 0
  for (const piece of value) size += piece.byteLength
  return size
}

function notEncodable(problem: string): ProtocolError {
  return new ProtocolError('PROTOCOL_NOT_ENCODABLE', problem)
}

function wrongType(value: unknown, type: string): ProtocolError {
  return notEncodable(`${typeof value === 'object' ? 'an object' : String(value)} is no ${type}`)
}
