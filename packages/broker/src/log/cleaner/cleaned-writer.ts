import { batchSize } from '@millrace/kafka'
import type { Segment } from '../segment.ts'

/**
 * Where offsets are missing, nothing but the index shows that a batch's own, which its checksum does not cover, has changed:
 * every batch gets an entry.
 */
const indexEveryBatch = -1

/** Writes the batches of a compacted segment, which is no part of a log yet. */
export class CleanedWriter {
  readonly #segment: Segment
  readonly #buffer: Uint8Array
  #filled = 0

  /** Makes the segment's file; what an earlier attempt left is replaced. */
  constructor(segment: Segment, options: { bufferBytes: number }) {
    this.#segment = segment
    this.#buffer = new Uint8Array(Math.max(4_096, Math.floor(options.bufferBytes)))
    segment.removeUnused()
    segment.create()
  }

  /** Adds one batch, whose offsets come after those before it. The bytes may be written again afterwards. */
  add(batch: Uint8Array): void {
    const size = batchSize(batch, 0)
    if (this.#filled + size > this.#buffer.byteLength) this.#write()
    if (size > this.#buffer.byteLength) {
      this.#append(batch)
    } else {
      this.#buffer.set(batch, this.#filled)
      this.#filled += size
    }
  }

  /** Brings all of it to the device. The segment reaches to `endOffset`, wherever its last batch ends. */
  async finish(endOffset: number): Promise<void> {
    this.#write()
    const segment = this.#segment
    segment.endOffset = endOffset
    segment.writeIndexes()
    await segment.file.sync()
    await segment.syncIndexes()
    segment.releaseIndexes()
    segment.close()
  }

  /** Takes the files away again, as far as the disk lets it. */
  discard(): void {
    this.#segment.discard()
    this.#segment.removeUnused()
  }

  #write(): void {
    if (this.#filled === 0) return
    this.#append(this.#buffer.subarray(0, this.#filled))
    this.#filled = 0
  }

  #append(batches: Uint8Array): void {
    const segment = this.#segment
    const position = segment.size
    segment.file.get().write(batches, position)
    segment.file.unsynced = true
    for (let at = 0; at < batches.byteLength; at += batchSize(batches, at)) {
      segment.noteBatch(batches, at, position + at, batchSize(batches, at), indexEveryBatch)
    }
  }
}
