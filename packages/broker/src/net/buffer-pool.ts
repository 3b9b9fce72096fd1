const smallestClass = 16 // 64 KiB
const largestClass = 24 // 16 MiB

/**
 * Recycled buffers. Memory that was never touched costs the kernel about 10 µs per 4 KiB page, several times the copy
 * that it is wanted for, so buffers of 64 KiB to 16 MiB go round. What lies idle is bounded.
 */
export class BufferPool {
  readonly #idle: Uint8Array[][] = []
  readonly #maxIdleBytes: number
  #idleBytes = 0
  #lentBytes = 0

  constructor(maxIdleBytes: number) {
    this.#maxIdleBytes = maxIdleBytes
    for (let shift = smallestClass; shift <= largestClass; shift++) this.#idle.push([])
  }

  /** Bytes that were taken and not given back. */
  get lentBytes(): number {
    return this.#lentBytes
  }

  /** A buffer of at least `size` bytes with arbitrary content. */
  acquire(size: number): Uint8Array {
    const shift = classOf(size)
    const idle = this.#idle[shift - smallestClass]?.pop()
    if (idle) this.#idleBytes -= idle.byteLength
    const buffer = idle ?? Buffer.allocUnsafeSlow(shift > largestClass ? size : 2 ** shift)
    this.#lentBytes += buffer.byteLength
    return buffer
  }

  /** Gives back what {@link acquire} returned (the same object). It must not be used any more. */
  release(buffer: Uint8Array): void {
    this.#lentBytes -= buffer.byteLength
    const shift = classOf(buffer.byteLength)
    if (shift > largestClass || 2 ** shift !== buffer.byteLength) return
    if (this.#idleBytes + buffer.byteLength > this.#maxIdleBytes) return
    this.#idleBytes += buffer.byteLength
    this.#idle[shift - smallestClass]?.push(buffer)
  }
}

function classOf(size: number): number {
  return Math.max(smallestClass, 32 - Math.clz32(size - 1))
}
