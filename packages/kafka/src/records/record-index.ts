import {
  BATCH_HEADER_BYTES,
  BatchCheck,
  baseOffset,
  baseTimestamp,
  batchSize,
  COMPRESSION_TYPES,
  compressionCode,
  isLogAppendTime,
  lastOffsetDelta,
  MIN_RECORD_BYTES,
  maxTimestamp,
  recordCount,
} from './batch.ts'
import { decompress } from './compression.ts'
import { DecompressedTooLargeError } from './errors.ts'
import { readVarint, readVarlong, varintEnd } from './varint.ts'

/** Decompressed records of one batch take at most this, unless the caller says otherwise. */
export const DEFAULT_MAX_DECOMPRESSED_BYTES = 128 * 1024 * 1024

/**
 * Where the records of one batch are, in columns. Filled by {@link indexRecords} again and again: what it holds is valid
 * until the next call, the arrays may be longer than `count` and are replaced when they grow.
 *
 * A key, value or header section lies in `data` at its start; a length of -1 means null.
 */
export class RecordIndex {
  count = 0
  /** The bytes that all positions refer to: the batch itself, or its records decompressed. */
  data: Uint8Array = new Uint8Array(0)
  offsets: Float64Array
  /** Milliseconds since the epoch. */
  timestamps: Float64Array
  keyStart: Int32Array
  keyLength: Int32Array
  valueStart: Int32Array
  valueLength: Int32Array
  /** Where the number of headers (a varint) stands; {@link readHeaders} takes it from there. */
  headersStart: Int32Array

  constructor(capacity = 1024) {
    this.offsets = new Float64Array(capacity)
    this.timestamps = new Float64Array(capacity)
    this.keyStart = new Int32Array(capacity)
    this.keyLength = new Int32Array(capacity)
    this.valueStart = new Int32Array(capacity)
    this.valueLength = new Int32Array(capacity)
    this.headersStart = new Int32Array(capacity)
  }

  /** Makes room for `capacity` records; what was there is lost. */
  reserve(capacity: number): void {
    if (this.offsets.length >= capacity) return
    const size = Math.max(capacity, this.offsets.length * 2)
    this.offsets = new Float64Array(size)
    this.timestamps = new Float64Array(size)
    this.keyStart = new Int32Array(size)
    this.keyLength = new Int32Array(size)
    this.valueStart = new Int32Array(size)
    this.valueLength = new Int32Array(size)
    this.headersStart = new Int32Array(size)
  }
}

/**
 * Finds the records of the batch at `at`, which {@link validateBatch} (or `validateBatchHeader`) has accepted, and
 * decompresses them if needed. All lengths are checked; bytes that lie are answered with a check other than `ok`, and
 * then `into.count` is 0. Never throws on bad bytes.
 *
 * @example
 * const index = new RecordIndex()
 * if (indexRecords(bytes, at, index) === BatchCheck.ok) {
 *   for (let i = 0; i < index.count; i++) {
 *     const start = index.valueStart[i], end = start + index.valueLength[i] // a length of -1: null
 *   }
 * }
 */
export function indexRecords(
  bytes: Uint8Array,
  at: number,
  into: RecordIndex,
  options?: { maxDecompressedBytes?: number },
): BatchCheck {
  into.count = 0
  const codec = compressionCode(bytes, at)
  const start = at + BATCH_HEADER_BYTES
  const end = at + batchSize(bytes, at)
  let check: BatchCheck
  if (codec === 0) {
    into.data = bytes
    check = indexSection(bytes, at, start, end, into)
  } else {
    const compression = COMPRESSION_TYPES[codec]
    if (compression === undefined) return BatchCheck.unknownCompression
    const limit = options?.maxDecompressedBytes ?? DEFAULT_MAX_DECOMPRESSED_BYTES
    try {
      into.data = decompress(compression, bytes.subarray(start, end), limit)
    } catch (error) {
      if (error instanceof DecompressedTooLargeError) return BatchCheck.tooLarge
      if ((error as { code?: string }).code !== 'KAFKA_CORRUPT_COMPRESSION') throw error
      return BatchCheck.badCompression
    }
    check = indexSection(bytes, at, 0, into.data.byteLength, into)
  }
  if (check !== BatchCheck.ok) into.count = 0
  return check
}

/** The records in `into.data[start, end)`, the header being at `bytes[at]`. */
function indexSection(bytes: Uint8Array, at: number, start: number, end: number, into: RecordIndex): BatchCheck {
  const count = recordCount(bytes, at)
  if (count > (end - start) / MIN_RECORD_BYTES) return BatchCheck.badCount
  into.reserve(count)
  const { data, offsets, timestamps, keyStart, keyLength, valueStart, valueLength, headersStart } = into
  const offsetBase = baseOffset(bytes, at)
  const maxDelta = lastOffsetDelta(bytes, at)
  const timeBase = baseTimestamp(bytes, at)
  let previousDelta = -1
  let p = start
  for (let i = 0; i < count; i++) {
    if (p + MIN_RECORD_BYTES > end) return BatchCheck.badRecord
    // The short forms of varints are read in place, the rest by the functions: this loop is what a consumer costs.
    let b = data[p] as number
    let length: number
    if (b < 0x80) {
      length = (b >>> 1) ^ -(b & 1)
      p++
    } else {
      const c = data[p + 1] as number
      if (c < 0x80) {
        b = (b & 0x7f) | (c << 7)
        length = (b >>> 1) ^ -(b & 1)
        p += 2
      } else {
        length = readVarint(data, p, end)
        p = varintEnd
        if (p < 0) return BatchCheck.badRecord
      }
    }
    const recordEnd = p + length
    if (length < MIN_RECORD_BYTES - 1 || recordEnd > end) return BatchCheck.badRecord
    p++ // the record's attributes are unused

    b = data[p] as number
    let timeDelta: number
    if (b < 0x80) {
      timeDelta = (b >>> 1) ^ -(b & 1)
      p++
    } else {
      const c = data[p + 1] as number
      if (c < 0x80) {
        b = (b & 0x7f) | (c << 7)
        timeDelta = (b >>> 1) ^ -(b & 1)
        p += 2
      } else {
        timeDelta = readVarlong(data, p, recordEnd)
        p = varintEnd
        if (p < 0) return BatchCheck.badRecord
      }
    }

    b = data[p] as number
    let offsetDelta: number
    if (b < 0x80) {
      offsetDelta = (b >>> 1) ^ -(b & 1)
      p++
    } else {
      const c = data[p + 1] as number
      if (c < 0x80) {
        b = (b & 0x7f) | (c << 7)
        offsetDelta = (b >>> 1) ^ -(b & 1)
        p += 2
      } else {
        offsetDelta = readVarint(data, p, recordEnd)
        p = varintEnd
        if (p < 0) return BatchCheck.badRecord
      }
    }
    if (offsetDelta <= previousDelta || offsetDelta > maxDelta) return BatchCheck.badRecord
    previousDelta = offsetDelta

    // What may be read past here lies before recordEnd + 3, hence the checks below see any overrun.
    b = data[p] as number
    let size: number
    if (b < 0x80) {
      size = (b >>> 1) ^ -(b & 1)
      p++
    } else {
      size = readVarint(data, p, recordEnd)
      p = varintEnd
      if (p < 0) return BatchCheck.badRecord
    }
    keyStart[i] = p
    keyLength[i] = size
    if (size > 0) p += size
    else if (size < -1) return BatchCheck.badRecord
    if (p >= recordEnd) return BatchCheck.badRecord

    b = data[p] as number
    if (b < 0x80) {
      size = (b >>> 1) ^ -(b & 1)
      p++
    } else {
      const c = data[p + 1] as number
      if (c < 0x80) {
        b = (b & 0x7f) | (c << 7)
        size = (b >>> 1) ^ -(b & 1)
        p += 2
      } else {
        size = readVarint(data, p, recordEnd)
        p = varintEnd
        if (p < 0) return BatchCheck.badRecord
      }
    }
    valueStart[i] = p
    valueLength[i] = size
    if (size > 0) p += size
    else if (size < -1) return BatchCheck.badRecord
    if (p >= recordEnd) return BatchCheck.badRecord

    headersStart[i] = p
    if (data[p] === 0) p++
    else p = headersEnd(data, p, recordEnd)
    if (p !== recordEnd) return BatchCheck.badRecord
    offsets[i] = offsetBase + offsetDelta
    timestamps[i] = timeBase + timeDelta
  }
  if (p !== end) return BatchCheck.badRecord
  if (isLogAppendTime(bytes, at)) timestamps.fill(maxTimestamp(bytes, at), 0, count)
  into.count = count
  return BatchCheck.ok
}

/** The position after the headers at `at`, or -1 when they are malformed. */
function headersEnd(data: Uint8Array, at: number, end: number): number {
  const count = readVarint(data, at, end)
  let p = varintEnd
  if (p < 0 || count < 0 || count > (end - p) / 2) return -1
  for (let i = 0; i < count; i++) {
    const keyLength = readVarint(data, p, end)
    p = varintEnd
    if (p < 0 || keyLength < 0 || keyLength > end - p) return -1
    const valueLength = readVarint(data, p + keyLength, end)
    p = varintEnd
    if (p < 0 || valueLength < -1 || valueLength > end - p) return -1
    if (valueLength > 0) p += valueLength
  }
  return p
}
