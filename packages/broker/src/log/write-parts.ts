import { SMALL_BATCH_BYTES } from './tail-cache.ts'

/** Where small batches are brought together. Writes are synchronous, so all logs share it. */
const gathered = new Uint8Array(512 * 1024)

/** What one write consists of: neighbouring small batches as one part, copied together; each large one by reference. */
export class WriteParts {
  #parts: Uint8Array[] = []
  #filled = 0
  /** Where the part begins that small batches are being added to. */
  #from = 0

  /** Starts anew, also after a write that was given up before its {@link end}. */
  begin(): void {
    this.#parts = []
    this.#filled = 0
    this.#from = 0
  }

  hasRoomFor(size: number): boolean {
    return size > SMALL_BATCH_BYTES || this.#filled + size <= gathered.byteLength
  }

  /** Adds the batch `bytes[start, end)`. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const batch = new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start)
    if (end - start <= SMALL_BATCH_BYTES) {
      gathered.set(batch, this.#filled)
      this.#filled += end - start
      return
    }
    this.#closeGathered()
    this.#parts.push(batch)
  }

  /** The parts in order, which are let go; what was gathered stays until the next {@link begin} of any log. */
  end(): readonly Uint8Array[] {
    this.#closeGathered()
    const parts = this.#parts
    this.#parts = []
    return parts
  }

  #closeGathered(): void {
    if (this.#filled > this.#from) this.#parts.push(gathered.subarray(this.#from, this.#filled))
    this.#from = this.#filled
  }
}
