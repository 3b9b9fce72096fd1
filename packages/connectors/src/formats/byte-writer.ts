/** Appends bytes to a buffer that grows and is used again. */
export class ByteWriter {
  /** What was written is `bytes[0, length)`. Replaced when it grows. */
  bytes: Buffer
  length = 0

  constructor(capacity = 4096) {
    this.bytes = Buffer.allocUnsafeSlow(capacity)
  }

  clear(): void {
    this.length = 0
  }

  /** Makes room for `more` bytes after `length`. */
  reserve(more: number): void {
    const needed = this.length + more
    if (needed <= this.bytes.byteLength) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.byteLength * 2))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
  }

  write(source: Uint8Array): void {
    this.reserve(source.byteLength)
    this.bytes.set(source, this.length)
    this.length += source.byteLength
  }

  writeText(text: string): void {
    // A UTF-16 unit takes at most three bytes of UTF-8.
    this.reserve(text.length * 3)
    this.length += this.bytes.write(text, this.length, 'utf8')
  }
}
