import { BATCH_HEADER_BYTES, BatchCheck, batchSize, validateBatch, validateBatchHeader } from '@millrace/kafka'
import type { FileHandle } from '@millrace/std'
import type { QuarantinedRange } from './quarantine.ts'

/** What {@link BatchScanner.next} answers besides a {@link BatchCheck} when there is no further batch. */
export const END_OF_SCAN = -1

/** Bytes read at once: a few index intervals for lookups, more where everything is read. */
const headerReadBytes = 8 * 1024
const batchReadBytes = 256 * 1024

/** `headers`: what is below the recovery point or was read before. `batches`: whole ones with their checksums. */
export type ScanDepth = 'headers' | 'batches'

/**
 * Walks over the batches of a segment's file from a position on, passing over quarantined ranges.
 *
 * @example
 * const scan = new BatchScanner(handle, { start: 0, end: size, depth: 'headers', quarantine: [] })
 * while (scan.next() === BatchCheck.ok) console.log(scan.position, lastOffset(scan.bytes, scan.at))
 */
export class BatchScanner {
  readonly #file: FileHandle
  readonly #end: number
  readonly #depth: ScanDepth
  readonly #quarantine: readonly QuarantinedRange[]
  /** Holds the current batch (its header, for depth `headers`) at {@link at}. */
  bytes: Uint8Array
  at = 0
  /** Of the current batch, in the file; after a failed check, where the failure is. */
  position: number
  /** Bytes of the current batch. */
  size = 0
  #filled = 0
  #bufferPosition: number

  constructor(
    file: FileHandle,
    options: { start: number; end: number; depth: ScanDepth; quarantine: readonly QuarantinedRange[] },
  ) {
    this.#file = file
    this.#end = options.end
    this.#depth = options.depth
    this.#quarantine = options.quarantine
    this.position = options.start
    this.#bufferPosition = options.start
    const wanted = options.depth === 'headers' ? headerReadBytes : batchReadBytes
    this.bytes = Buffer.allocUnsafeSlow(Math.max(BATCH_HEADER_BYTES, Math.min(wanted, options.end - options.start)))
  }

  /** Moves to the next batch and checks it. After anything but `ok` the scan is where it failed. */
  next(): BatchCheck | typeof END_OF_SCAN {
    this.seek(this.position + this.size)
    for (const range of this.#quarantine) {
      if (range.bytes > 0 && range.position === this.position) this.seek(range.position + range.bytes)
    }
    const remaining = this.#end - this.position
    if (remaining <= 0) return END_OF_SCAN
    this.#load(Math.min(BATCH_HEADER_BYTES, remaining))
    const check = validateBatchHeader(this.bytes, this.at, this.at + remaining)
    if (check !== BatchCheck.ok) return check
    const size = batchSize(this.bytes, this.at)
    if (this.#depth === 'batches') {
      this.#load(size)
      const sum = validateBatch(this.bytes, this.at, this.at + size)
      if (sum !== BatchCheck.ok) return sum
    }
    this.size = size
    return BatchCheck.ok
  }

  /** Sees to it that the whole current batch is in {@link bytes} at {@link at}, not only its header. */
  loadBatch(): void {
    this.#load(this.size)
  }

  /** The next batch will be looked for at `position`. */
  seek(position: number): void {
    this.position = position
    this.size = 0
    this.at = position - this.#bufferPosition
  }

  /** Sees to it that `count` bytes (which the file has) are in the buffer at `at`. */
  #load(count: number): void {
    if (this.at >= 0 && this.at + count <= this.#filled) return
    if (count > this.bytes.byteLength) this.bytes = Buffer.allocUnsafeSlow(count)
    const wanted = Math.min(this.bytes.byteLength, this.#end - this.position)
    const target = wanted === this.bytes.byteLength ? this.bytes : this.bytes.subarray(0, wanted)
    this.#filled = this.#file.read(target, this.position)
    // A file that is shorter than it should be reads as zeros, which no check accepts.
    if (this.#filled < count) this.bytes.fill(0, this.#filled, count)
    this.#bufferPosition = this.position
    this.at = 0
  }
}
