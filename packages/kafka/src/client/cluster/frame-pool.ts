/** Buffers are made in steps of this size, so that frames of about the same size can share them. */
const STEP_BYTES = 256 * 1024
/** Beyond this, free buffers are left to the garbage collector. */
const MAX_FREE_BUFFERS = 8
const MAX_FREE_BYTES = 64 * 1024 * 1024
/** A free buffer is used for a frame only if it is not larger than so many times the frame. */
const MAX_WASTE = 4

/**
 * Memory of large frames, used again when its user says that it is done. Without that, each fetched megabyte costs a
 * collection of external memory: more than all the work on its records. What nobody gives back is collected as ever.
 */
export class FramePool {
  readonly #free: ArrayBuffer[] = []
  readonly #lent = new WeakSet<ArrayBuffer>()
  #freeBytes = 0

  take(size: number): Buffer {
    let best = -1
    for (let i = 0; i < this.#free.length; i++) {
      const { byteLength } = this.#free[i] as ArrayBuffer
      if (byteLength < size || byteLength > size * MAX_WASTE + STEP_BYTES) continue
      if (best < 0 || byteLength < (this.#free[best] as ArrayBuffer).byteLength) best = i
    }
    const [found] = best < 0 ? [] : this.#free.splice(best, 1)
    if (found) this.#freeBytes -= found.byteLength
    const memory = found ?? Buffer.allocUnsafeSlow(Math.ceil(size / STEP_BYTES) * STEP_BYTES).buffer
    this.#lent.add(memory)
    return Buffer.from(memory, 0, size)
  }

  /** The memory may be overwritten from now on. Memory that is not this pool's is ignored. */
  giveBack(memory: ArrayBufferLike): void {
    if (!(memory instanceof ArrayBuffer) || !this.#lent.delete(memory)) return
    if (this.#free.length >= MAX_FREE_BUFFERS || this.#freeBytes + memory.byteLength > MAX_FREE_BYTES) return
    this.#free.push(memory)
    this.#freeBytes += memory.byteLength
  }
}

/** The memory of one frame, shared by the partitions that came in it. */
export class FrameLease {
  readonly #pool: FramePool
  readonly #memory: ArrayBufferLike
  #users = 0

  constructor(pool: FramePool, memory: ArrayBufferLike) {
    this.#pool = pool
    this.#memory = memory
  }

  /** Another user. Returns what it calls when it is done; more calls than one do nothing. */
  share(): () => void {
    this.#users++
    let isDone = false
    return () => {
      if (isDone) return
      isDone = true
      if (--this.#users === 0) this.#pool.giveBack(this.#memory)
    }
  }
}
