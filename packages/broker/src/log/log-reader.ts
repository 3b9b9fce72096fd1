import { ErrorCode, BATCH_HEADER_BYTES, BATCH_MAGIC, baseOffset, batchSize, lastOffset } from '@millrace/kafka'
import { FileSystemError } from '@millrace/std'
import type { LogEventListener, LogMetrics } from './log-event.ts'
import type { Segment } from './segment.ts'
import type { SegmentList } from './segment-list.ts'
import type { TailCache } from './tail-cache.ts'
import type { AbortedTransaction } from './transaction-index.ts'

/** What a consumer sees of transactions (`isolation.level`): all of their records, or those that are decided. */
export type Isolation = 'read_uncommitted' | 'read_committed'

export interface ReadOptions {
  /** Return the first batch even when it is larger than `maxBytes` (default true), so that a consumer gets on. */
  readonly minOneBatch?: boolean
  /** `read_committed`: only batches below the last stable offset. `read_uncommitted` by default. */
  readonly isolation?: Isolation
  /** Only batches below this offset; by default what the isolation allows, the high watermark or the last stable offset. */
  readonly upTo?: number
  /** Gives the memory to read into, of at least the size asked for. By default it is newly allocated. */
  readonly allocate?: (bytes: number) => Uint8Array
}

/** Whole batches, in order: `parts` one after the other are `size` bytes. They must not be written to. */
export interface ReadResult {
  readonly errorCode: number
  readonly parts: readonly Uint8Array[]
  readonly size: number
  /** With `read_committed`: what of it, by producer and from where on, is to be passed over, up to the producer's marker. */
  readonly abortedTransactions?: readonly AbortedTransaction[]
}

const nothing: ReadResult = { errorCode: ErrorCode.NONE, parts: [], size: 0 }

export function failedRead(errorCode: number): ReadResult {
  return { errorCode, parts: [], size: 0 }
}

/** Consumers read on where their last read ended; so many such places are kept per log. */
const keptPlaces = 4
/** Of those, as of most, that nobody reads. */
const noPlaces = new Float64Array(0)

function allocateExactly(bytes: number): Uint8Array {
  return Buffer.allocUnsafeSlow(bytes)
}

/** Reads the batches of a log: from the tail cache, else from the files. */
export class LogReader {
  readonly #segments: SegmentList
  readonly #cache: TailCache
  readonly #metrics: LogMetrics
  /** Where the last reads ended: offset, position, base offset of the segment. */
  #places = noPlaces
  #nextPlace = 0

  readonly #report: LogEventListener
  readonly #mayHaveGaps: () => boolean
  #reported: Set<string> | undefined

  /** `mayHaveGaps`: whether compaction takes records out of segments. */
  constructor(options: {
    segments: SegmentList
    cache: TailCache
    metrics: LogMetrics
    report: LogEventListener
    mayHaveGaps: () => boolean
  }) {
    this.#mayHaveGaps = options.mayHaveGaps
    this.#segments = options.segments
    this.#cache = options.cache
    this.#metrics = options.metrics
    this.#report = options.report
  }

  /** `offset` must lie in the log; `upTo` must be given. */
  read(offset: number, maxBytes: number, upTo: number, options: ReadOptions): ReadResult {
    this.#cache.noteRead()
    if (offset >= upTo) return nothing
    const minOne = options.minOneBatch ?? true
    if (offset >= this.#cache.startOffset) {
      const parts: Uint8Array[] = []
      const size = this.#cache.read(offset, maxBytes, upTo, minOne, parts)
      if (size > 0) {
        this.#metrics.cacheReads++
        this.#metrics.readBytes += size
        return { errorCode: ErrorCode.NONE, parts, size }
      }
    }
    let at = this.#segments.indexOf(offset)
    let segment = this.#segments.at(at) as Segment
    // Compaction may have taken the last records of a segment: go on in the next one.
    while (offset >= segment.endOffset && at + 1 < this.#segments.length) segment = this.#segments.at(++at) as Segment
    try {
      for (;;) {
        if (segment.quarantine.length > 0 && segment.quarantinedAt(offset)) return failedRead(ErrorCode.CORRUPT_MESSAGE)
        const isLast = at + 1 >= this.#segments.length
        if (isLast || this.#positionOf(segment, offset) < segment.size) break
        if (!this.#mayHaveGaps()) return this.#corrupt(segment, offset, 'The record batches from there on are missing')
        segment = this.#segments.at(++at) as Segment
      }
      return this.#readFile(segment, offset, maxBytes, upTo, minOne, options.allocate ?? allocateExactly)
    } catch (cause) {
      this.failed(segment.file.path, offset, cause)
      return failedRead(ErrorCode.KAFKA_STORAGE_ERROR)
    }
  }

  /**
   * Bytes of the batches from the one that contains `offset` on, below `upTo`: counted by the indexes, not read. It may
   * stop at `enough`; where a file cannot be read, there is enough to tell.
   */
  count(offset: number, upTo: number, enough: number): number {
    if (offset >= upTo) return 0
    let bytes = 0
    for (let at = this.#segments.indexOf(offset); bytes < enough; at++) {
      const segment = this.#segments.at(at)
      if (!segment || segment.baseOffset >= upTo) break
      try {
        const from = offset > segment.baseOffset ? this.#positionOf(segment, offset) : 0
        const to = upTo < segment.endOffset ? segment.positionOf(upTo) : segment.size
        bytes += to - from
      } catch (cause) {
        this.failed(segment.file.path, offset, cause)
        return enough
      }
    }
    return bytes
  }

  #readFile(
    segment: Segment,
    offset: number,
    maxBytes: number,
    upTo: number,
    minOne: boolean,
    allocate: (bytes: number) => Uint8Array,
  ): ReadResult {
    const position = this.#positionOf(segment, offset)
    let limit = segment.size
    for (const range of segment.quarantine) if (range.firstOffset > offset) limit = Math.min(limit, range.position)
    if (position >= limit) return nothing
    const file = segment.file.get()
    let wanted = Math.min(Math.max(maxBytes, BATCH_HEADER_BYTES), limit - position)
    let bytes = allocate(wanted)
    let filled = file.read(bytes.byteLength === wanted ? bytes : bytes.subarray(0, wanted), position)
    if (filled < Math.min(wanted, BATCH_HEADER_BYTES)) return this.#corrupt(segment, offset)
    const first = batchSize(bytes, 0)
    if (first > filled || first > maxBytes) {
      if (!minOne) return nothing
      if (baseOffset(bytes, 0) >= upTo) return nothing
      if (first > limit - position) return this.#corrupt(segment, offset)
      if (first > filled) {
        wanted = first
        bytes = allocate(wanted)
        filled = file.read(bytes.byteLength === wanted ? bytes : bytes.subarray(0, wanted), position)
      } else {
        filled = first
      }
    }
    const end = wholeBatches(bytes, filled, offset, upTo)
    if (end < 0) return this.#corrupt(segment, offset)
    if (end === 0) return nothing
    this.#metrics.fileReads++
    this.#metrics.readBytes += end
    this.#remember(segment, lastOfWalk + 1, position + end)
    return { errorCode: ErrorCode.NONE, parts: [end === bytes.byteLength ? bytes : bytes.subarray(0, end)], size: end }
  }

  #positionOf(segment: Segment, offset: number): number {
    if (segment.quarantine.length > 0) return segment.positionOf(offset)
    if (offset === segment.baseOffset) return 0
    const places = this.#places
    for (let i = 0; i < places.length; i += 3) {
      if (places[i] === offset && places[i + 2] === segment.baseOffset) return places[i + 1] as number
    }
    return segment.positionOf(offset)
  }

  #remember(segment: Segment, offset: number, position: number): void {
    if (this.#places === noPlaces) this.#places = new Float64Array(keptPlaces * 3).fill(-1)
    const at = this.#nextPlace * 3
    this.#nextPlace = (this.#nextPlace + 1) % keptPlaces
    this.#places[at] = offset
    this.#places[at + 1] = position
    this.#places[at + 2] = segment.baseOffset
  }

  /** Reports, once for each file, that it cannot be read. Throws what is no failure of the file system. */
  failed(file: string, offset: number, cause: unknown): void {
    if (!(cause instanceof FileSystemError)) throw cause
    this.#reportOnce(file, offset, cause.message)
  }

  #corrupt(segment: Segment, offset: number, reason = 'The bytes are no record batch'): ReadResult {
    this.#reportOnce(segment.file.path, offset, reason)
    return failedRead(ErrorCode.CORRUPT_MESSAGE)
  }

  #reportOnce(file: string, offset: number, reason: string): void {
    const place = `${file} ${reason}`
    if (this.#reported?.has(place)) return
    this.#reported ??= new Set()
    this.#reported.add(place)
    this.#report({ kind: 'read-failed', file, offset, reason })
  }

  /** The log was cut off: remembered places may lie behind its end. */
  forgetPlaces(): void {
    this.#places = noPlaces
  }
}

/** Last offset of what {@link wholeBatches} accepted. */
let lastOfWalk = -1

/** End of the last whole batch below `upTo`, or -1 when the bytes do not start with a batch that ends at or after `offset`. */
function wholeBatches(bytes: Uint8Array, filled: number, offset: number, upTo: number): number {
  let at = 0
  let expected = -1
  while (filled - at >= BATCH_HEADER_BYTES) {
    const size = batchSize(bytes, at)
    const base = baseOffset(bytes, at)
    if (size < BATCH_HEADER_BYTES || bytes[at + 16] !== BATCH_MAGIC || base < expected) return at > 0 ? at : -1
    if (base >= upTo || at + size > filled) break
    lastOfWalk = lastOffset(bytes, at)
    if (at === 0 && lastOfWalk < offset) return -1
    expected = lastOfWalk + 1
    at += size
  }
  return at
}
