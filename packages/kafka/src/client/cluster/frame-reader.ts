import { ConnectionError } from './errors.ts'
import type { FramePool } from './frame-pool.ts'

const CHUNK_BYTES = 64 * 1024
/** When less than this is free at the end of a chunk, reading goes on in a new one. */
const MIN_READ_BYTES = 4 * 1024
const SIZE_BYTES = 4
/** A response holds a correlation id at least. */
const MIN_FRAME_BYTES = 4

/**
 * Cuts what comes from a connection into frames, with no copy: small frames stay in the chunk they were read into, one
 * that is larger than what is left of the chunk is read straight into a buffer of its size. A chunk is never reused, so
 * frames stay valid as long as somebody holds them; with a pool, large ones until their memory is given back to it.
 */
export class FrameReader {
  readonly #maxFrameBytes: number
  readonly #onFrame: (frame: Buffer) => void
  readonly #pool: FramePool | undefined
  #chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  /** What lies in the chunk and is not part of a complete frame. */
  #start = 0
  #end = 0
  /** A large frame on its way, and how much of it is there. */
  #large: Buffer | undefined
  #filled = 0

  constructor(options: { maxFrameBytes: number; onFrame: (frame: Buffer) => void; pool?: FramePool | undefined }) {
    this.#maxFrameBytes = options.maxFrameBytes
    this.#onFrame = options.onFrame
    this.#pool = options.pool
  }

  /** Where the next bytes go. */
  buffer(): Uint8Array {
    return this.#large ? this.#large.subarray(this.#filled) : this.#chunk.subarray(this.#end)
  }

  /**
   * `count` bytes were put at the start of what {@link buffer} returned last. Calls `onFrame` for each frame that is
   * complete, without its size.
   *
   * @throws {ConnectionError} for a size that cannot be right
   */
  received(count: number): void {
    if (this.#large) {
      this.#filled += count
      if (this.#filled < this.#large.byteLength) return
      const frame = this.#large
      this.#large = undefined
      this.#onFrame(frame)
      return
    }
    this.#end += count
    while (this.#end - this.#start >= SIZE_BYTES) {
      const size = this.#chunk.readInt32BE(this.#start)
      if (size < MIN_FRAME_BYTES || size > this.#maxFrameBytes) throw this.#badSize(size)
      const bodyStart = this.#start + SIZE_BYTES
      if (size > this.#end - bodyStart) {
        if (size > this.#chunk.byteLength - bodyStart) this.#startLarge(bodyStart, size)
        break
      }
      this.#start = bodyStart + size
      this.#onFrame(this.#chunk.subarray(bodyStart, this.#start))
    }
    if (this.#chunk.byteLength - this.#end < MIN_READ_BYTES) this.#nextChunk()
  }

  #startLarge(bodyStart: number, size: number): void {
    const frame = this.#pool?.take(size) ?? Buffer.allocUnsafeSlow(size)
    this.#filled = this.#chunk.copy(frame, 0, bodyStart, this.#end)
    this.#large = frame
    this.#start = this.#end
  }

  #nextChunk(): void {
    const next = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    this.#end = this.#chunk.copy(next, 0, this.#start, this.#end)
    this.#start = 0
    this.#chunk = next
  }

  #badSize(size: number): ConnectionError {
    return new ConnectionError('KAFKA_BAD_FRAME', {
      message: `The broker sent a frame of ${size} bytes; ${MIN_FRAME_BYTES} to ${this.#maxFrameBytes} are accepted.`,
      fix: 'Is this the port of a Kafka broker, without TLS? If so, lower fetchMaxBytes or raise maxFrameBytes.',
    })
  }
}
