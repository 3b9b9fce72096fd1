import { asBuffer, MillraceError } from '@millrace/std'

/** Bytes under construction. Grows by doubling; `finish` gives a copy of what was written. */
export class BinaryWriter {
  #bytes: Buffer
  #length = 0

  constructor(capacity = 256) {
    this.#bytes = Buffer.allocUnsafe(capacity)
  }

  get length(): number {
    return this.#length
  }

  byte(value: number): void {
    this.#ensure(1)
    this.#bytes[this.#length++] = value
  }

  uint32(value: number): void {
    this.#ensure(4)
    this.#length = this.#bytes.writeUInt32LE(value, this.#length)
  }

  float64(value: number): void {
    this.#ensure(8)
    this.#length = this.#bytes.writeDoubleLE(value, this.#length)
  }

  /** A whole number from 0 to 2^53 - 1, 7 bits per byte, low bits first. */
  varint(value: number): void {
    this.#ensure(8)
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[this.#length++] = rest
  }

  string(text: string): void {
    const size = Buffer.byteLength(text)
    this.varint(size)
    this.#ensure(size)
    this.#length += this.#bytes.write(text, this.#length, size, 'utf8')
  }

  bytes(bytes: Uint8Array): void {
    this.varint(bytes.byteLength)
    this.#ensure(bytes.byteLength)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.byteLength
  }

  finish(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#length))
  }

  #ensure(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}

/** Reads what a {@link BinaryWriter} wrote. Never reads or allocates beyond the bytes that are there. */
export class BinaryReader {
  readonly #bytes: Buffer
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = asBuffer(bytes)
  }

  get remaining(): number {
    return this.#bytes.length - this.#position
  }

  byte(): number {
    return this.#bytes[this.#advance(1)] as number
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.#advance(4))
  }

  float64(): number {
    return this.#bytes.readDoubleLE(this.#advance(8))
  }

  varint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 8; i++) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 0x80
    }
    throw truncated('a number that is too long')
  }

  /** How many entries follow, each of at least one byte: never more than there are bytes left. */
  count(): number {
    const count = this.varint()
    if (count > this.remaining) throw truncated(`${count} entries in ${this.remaining} bytes`)
    return count
  }

  string(): string {
    const size = this.varint()
    const start = this.#advance(size)
    return this.#bytes.toString('utf8', start, start + size)
  }

  /** A copy: the snapshot's memory is not held. */
  bytes(): Uint8Array {
    const size = this.varint()
    const start = this.#advance(size)
    return new Uint8Array(this.#bytes.subarray(start, start + size))
  }

  #advance(size: number): number {
    const start = this.#position
    if (size > this.#bytes.length - start) throw truncated(`${size} bytes expected, ${this.remaining} left`)
    this.#position = start + size
    return start
  }
}

function truncated(what: string): MillraceError {
  return new MillraceError('STATE_SNAPSHOT_CORRUPT', {
    message: `The state snapshot is damaged: ${what}.`,
    fix: 'Restore from an earlier checkpoint.',
  })
}
