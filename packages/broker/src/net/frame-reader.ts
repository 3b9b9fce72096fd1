import type { BufferPool } from './buffer-pool.ts'

/** A frame with a length that cannot be meant. The connection is beyond repair: where the next frame starts is unknown. */
export class FrameError extends Error {
  override name = 'FrameError'
}

/** Receives what a read brought. The bytes are lent: they are gone when {@link FrameSink.endOfRead} has returned. */
export interface FrameSink {
  /** One request without its length prefix: `bytes[start, end)`. */
  frame(bytes: Uint8Array, start: number, end: number): void
  /** After the last complete frame of a read: the time to do what was put off for the whole read. */
  endOfRead(): void
}

/** Frames above this many bytes are read into a buffer of their own. */
const bigFrameBytes = 65_536
/** A big buffer starts at no more than this and doubles as bytes arrive: a length that is only announced costs nothing. */
const firstBigBytes = 1_048_576
/** While this much is lent to connections, no buffer is handed out for a frame that is only expected. */
const maxExpectedBytes = 33_554_432

const lengthBytes = 4

/**
 * Cuts a connection's bytes into length-prefixed frames.
 *
 * Small frames are read, many at a time, into one chunk that all connections share: a read and the handling of what it
 * brought happen in one turn of the event loop, so only an incomplete last frame has to be kept, as a copy. A big frame
 * goes into a pooled buffer of its own, and a connection that just sent one gets such a buffer for its next read as
 * well, so that a producer's batches land where they stay.
 */
export class FrameReader {
  readonly #shared: Uint8Array
  readonly #pool: BufferPool
  readonly #maxFrameBytes: number
  /** The start of an incomplete small frame. */
  #kept: Uint8Array | undefined
  /** The buffer of a big frame, its bytes so far, and where reading into it ends for now. */
  #own: Uint8Array | undefined
  #ownFilled = 0
  #ownEnd = 0
  #isClosed = false

  constructor(shared: Uint8Array, pool: BufferPool, maxFrameBytes: number) {
    this.#shared = shared
    this.#pool = pool
    this.#maxFrameBytes = maxFrameBytes
  }

  /** Where the next bytes go. */
  buffer(): Uint8Array {
    if (this.#own) return this.#own.subarray(this.#ownFilled, this.#ownEnd)
    return this.#kept ? this.#shared.subarray(this.#kept.byteLength) : this.#shared
  }

  /** `count` bytes lie at the start of what {@link buffer} returned last. Throws {@link FrameError}. */
  received(count: number, sink: FrameSink): void {
    if (this.#own) {
      const own = this.#own
      this.#ownFilled += count
      if (this.#ownFilled === this.#ownEnd && this.#growOwn(own)) return
      if (this.#ownFilled < this.#ownEnd && !this.#holdsFrame(own)) return
      const filled = this.#ownFilled
      this.#own = undefined
      let last = 0
      try {
        last = this.#cut(own, filled, sink)
      } finally {
        this.#pool.release(own)
      }
      // After the release: the same memory, still in the processor's cache, takes the next frame.
      this.#expect(last)
      return
    }
    const kept = this.#kept
    const filled = kept ? kept.byteLength + count : count
    if (kept) {
      this.#shared.set(kept)
      this.#kept = undefined
    }
    this.#expect(this.#cut(this.#shared, filled, sink))
  }

  /** Gives buffers back. Nothing may be read any more; a sink may call it while it is handed frames. */
  close(): void {
    this.#isClosed = true
    if (this.#own) this.#pool.release(this.#own)
    this.#own = undefined
    this.#kept = undefined
  }

  /** Hands on the complete frames in `bytes[0, end)` and keeps what remains. The size of the last one if nothing does, or 0. */
  #cut(bytes: Uint8Array, end: number, sink: FrameSink): number {
    let position = 0
    let total = 0
    let error: unknown
    try {
      while (end - position >= lengthBytes) {
        total = this.#frameLength(bytes, position)
        if (position + total > end) break
        sink.frame(bytes, position + lengthBytes, position + total)
        position += total
      }
    } catch (cause) {
      error = cause
    }
    sink.endOfRead()
    if (error) throw error
    if (this.#isClosed) return 0
    const left = end - position
    const incomplete = left >= lengthBytes
    if (incomplete && total > bigFrameBytes) this.#startOwn(bytes, position, end, total)
    else if (left > 0) this.#kept = new Uint8Array(bytes.subarray(position, end))
    return left > 0 ? 0 : total
  }

  #frameLength(bytes: Uint8Array, position: number): number {
    const length =
      ((bytes[position] as number) << 24) |
      ((bytes[position + 1] as number) << 16) |
      ((bytes[position + 2] as number) << 8) |
      (bytes[position + 3] as number)
    if (length < 0 || length > this.#maxFrameBytes) {
      throw new FrameError(`a frame of ${length} bytes was announced; the most is ${this.#maxFrameBytes}`)
    }
    return length + lengthBytes
  }

  #startOwn(bytes: Uint8Array, from: number, to: number, total: number): void {
    const have = to - from
    const size = Math.min(total, Math.max(firstBigBytes, 2 * have))
    const own = this.#pool.acquire(size)
    own.set(bytes.subarray(from, to))
    this.#own = own
    this.#ownFilled = have
    this.#ownEnd = size
  }

  /** The next frame is probably as big as the last one, of `total` bytes. */
  #expect(total: number): void {
    if (total <= bigFrameBytes || total > firstBigBytes || this.#pool.lentBytes + total > maxExpectedBytes) return
    this.#own = this.#pool.acquire(total)
    this.#ownFilled = 0
    this.#ownEnd = total
  }

  /** Whether at least one frame in `own` is complete. */
  #holdsFrame(own: Uint8Array): boolean {
    return this.#ownFilled >= lengthBytes && this.#ownFilled >= this.#frameLength(own, 0)
  }

  /** The buffer is full: true when its frame is longer than that and there is room for more now. */
  #growOwn(own: Uint8Array): boolean {
    const total = this.#frameLength(own, 0)
    if (this.#ownFilled >= total) return false
    const size = Math.min(total, 2 * this.#ownFilled)
    if (size > own.byteLength) {
      const bigger = this.#pool.acquire(size)
      bigger.set(own.subarray(0, this.#ownFilled))
      this.#pool.release(own)
      this.#own = bigger
    }
    this.#ownEnd = size
    return true
  }
}
