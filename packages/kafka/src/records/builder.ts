import { assert, utf8 } from '@millrace/std'
import {
  BATCH_HEADER_BYTES,
  BATCH_PREFIX_BYTES,
  type CompressionType,
  NO_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  writeBatchHeader,
} from './batch.ts'
import { compress } from './compression.ts'
import { CopyRegion, copyRegion } from './copy.ts'
import type { RecordHeader } from './reader.ts'
import { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.ts'

/** From this many bytes on a whole array is copied by a call, below it byte by byte: the call costs about 40 ns. */
const COPY_CALL_FROM_BYTES = 32
/** Record lengths are int32, and so are positions in a batch. */
const MAX_BATCH_BYTES = 0x7fff_ffff
/** The most that a record takes beside key, value and headers: five varints, one varlong, one byte. */
export const MAX_RECORD_OVERHEAD_BYTES = 5 * 5 + 10 + 1

/** -1 as a varint: it takes as many bytes as 0. */
const NULL_LENGTH = 1

/** What a batch carries beside its records; all of it may be left out. */
export interface BatchIdentity {
  baseOffset?: number
  partitionLeaderEpoch?: number
  producerId?: number
  producerEpoch?: number
  baseSequence?: number
  transactional?: boolean
  control?: boolean
}

/** Byte strings in one buffer: the i-th is `data[offsets[i], offsets[i + 1])`. */
export interface ByteColumn {
  data: Uint8Array
  offsets: Int32Array | Uint32Array
  /** One byte for each entry, 1 where it is null. Without it none is. */
  nulls?: Uint8Array | undefined
}

/**
 * Builds record batches straight into a buffer that grows and is used again: no object per record.
 *
 * @example
 * const builder = new RecordBatchBuilder({ compression: 'lz4' })
 * builder.append(null, utf8('hello'), Date.parse('2026-01-01'))
 * const bytes = builder.finish() // valid until reset()
 * builder.reset()
 */
export class RecordBatchBuilder {
  readonly #compression: CompressionType
  readonly #compressionLevel: number | undefined
  #bytes: Buffer
  #region: CopyRegion
  #at = BATCH_HEADER_BYTES
  #count = 0
  #baseTimestamp = NO_TIMESTAMP
  #maxTimestamp = NO_TIMESTAMP

  /** `capacity`: bytes to start with. */
  constructor(options: { capacity?: number; compression?: CompressionType; compressionLevel?: number } = {}) {
    this.#compression = options.compression ?? 'none'
    this.#compressionLevel = options.compressionLevel
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(BATCH_HEADER_BYTES, options.capacity ?? 16 * 1024))
    this.#region = new CopyRegion(this.#bytes)
  }

  get recordCount(): number {
    return this.#count
  }

  /** Bytes of the batch so far, header included, before compression. */
  get sizeInBytes(): number {
    return this.#at
  }

  /** Bytes that the buffer holds: what keeping this builder for another batch costs. */
  get capacity(): number {
    return this.#bytes.byteLength
  }

  /** Adds a record and returns its place in the batch, from 0. `timestamp`: milliseconds since the epoch, an integer. */
  append(
    key: Uint8Array | null,
    value: Uint8Array | null,
    timestamp: number,
    headers?: readonly RecordHeader[],
  ): number {
    const encodedHeaders = headers && headers.length > 0 ? encodeHeaders(headers) : undefined
    const keyLength = key === null ? 0 : key.byteLength
    const valueLength = value === null ? 0 : value.byteLength
    const delta = this.#count
    const timeDelta = delta === 0 ? 0 : timestamp - this.#baseTimestamp
    this.#noteTimestamp(timestamp)
    const body =
      1 +
      varlongSize(timeDelta) +
      varintSize(delta) +
      varintSize(key === null ? -1 : keyLength) +
      keyLength +
      varintSize(value === null ? -1 : valueLength) +
      valueLength +
      (encodedHeaders ? encodedHeaders.byteLength : 1)
    this.#reserve(body + 5)
    const bytes = this.#bytes
    let at = writeVarint(bytes, this.#at, body)
    bytes[at++] = 0
    at = writeVarlong(bytes, at, timeDelta)
    at = writeVarint(bytes, at, delta)
    at = writeVarint(bytes, at, key === null ? -1 : keyLength)
    if (key !== null) at = copy(key, bytes, at)
    at = writeVarint(bytes, at, value === null ? -1 : valueLength)
    if (value !== null) at = copy(value, bytes, at)
    if (encodedHeaders) at = copy(encodedHeaders, bytes, at)
    else bytes[at++] = 0
    this.#at = at
    this.#count = delta + 1
    return delta
  }

  /**
   * Adds the rows `from` to `to` of columns, until the batch would pass `maxBytes`; an empty batch takes at least one.
   * Returns the index after the last one taken. With `rows` these are indexes into it, and it holds those of the columns.
   * `timestamps` in milliseconds since the epoch, integers; `headers` by row, where there are any.
   */
  appendColumns(columns: {
    values: ByteColumn
    keys?: ByteColumn | undefined
    timestamps: Float64Array
    headers?: readonly (readonly RecordHeader[])[] | undefined
    rows?: Int32Array | undefined
    from: number
    to: number
    maxBytes?: number | undefined
  }): number {
    const { values, keys, timestamps, headers, rows, from, to } = columns
    const limit = columns.maxBytes ?? MAX_BATCH_BYTES
    const { offsets, nulls } = values
    const keyNulls = keys?.nulls
    const valueRegion = new CopyRegion(values.data)
    const keyRegion = keys ? new CopyRegion(keys.data) : valueRegion
    for (let i = from; i < to; i++) {
      const row = rows ? (rows[i] as number) : i
      const start = offsets[row] as number
      const isNull = nulls !== undefined && nulls[row] === 1
      const valueLength = isNull ? 0 : (offsets[row + 1] as number) - start
      const keyStart = keys ? (keys.offsets[row] as number) : 0
      const hasKey = keys !== undefined && (keyNulls === undefined || keyNulls[row] !== 1)
      const keyLength = hasKey ? (keys.offsets[row + 1] as number) - keyStart : 0
      const ofRow = headers?.[row]
      const encodedHeaders = ofRow !== undefined && ofRow.length > 0 ? encodeHeaders(ofRow) : undefined
      const delta = this.#count
      const timestamp = timestamps[row] as number
      const timeDelta = delta === 0 ? 0 : timestamp - this.#baseTimestamp
      const body =
        1 +
        (encodedHeaders === undefined ? 1 : encodedHeaders.byteLength) +
        varlongSize(timeDelta) +
        varintSize(delta) +
        (hasKey ? varintSize(keyLength) + keyLength : 1) +
        varintSize(valueLength) +
        valueLength
      if (delta > 0 && this.#at + body + 5 > limit) return i
      this.#noteTimestamp(timestamp)
      if (this.#at + body + 5 > this.#bytes.byteLength) this.#reserve(body + 5)
      const bytes = this.#bytes
      let at = this.#at
      if (body < 0x40) bytes[at++] = body << 1
      else if (body < 0x2000) {
        bytes[at] = ((body << 1) & 0x7f) | 0x80
        bytes[at + 1] = body >>> 6
        at += 2
      } else at = writeVarint(bytes, at, body)
      bytes[at++] = 0
      if (timeDelta === 0) bytes[at++] = 0
      else at = writeVarlong(bytes, at, timeDelta)
      if (delta < 0x40) bytes[at++] = delta << 1
      else if (delta < 0x2000) {
        bytes[at] = ((delta << 1) & 0x7f) | 0x80
        bytes[at + 1] = delta >>> 6
        at += 2
      } else at = writeVarint(bytes, at, delta)
      if (hasKey) {
        at = writeVarint(bytes, at, keyLength)
        copyRegion(keyRegion, keyStart, this.#region, at, keyLength)
        at += keyLength
      } else bytes[at++] = NULL_LENGTH
      if (isNull) bytes[at++] = NULL_LENGTH
      else {
        at = writeVarint(bytes, at, valueLength)
        copyRegion(valueRegion, start, this.#region, at, valueLength)
        at += valueLength
      }
      if (encodedHeaders === undefined) bytes[at++] = 0
      else at = copy(encodedHeaders, bytes, at)
      this.#at = at
      this.#count = delta + 1
    }
    return to
  }

  /**
   * Writes the header, compresses, and returns the whole batch: a view of this builder's memory, valid until
   * {@link reset}. To be called once, after at least one record.
   */
  finish(identity: BatchIdentity = {}): Uint8Array {
    assert(this.#count > 0, 'a record batch needs a record')
    if (this.#compression !== 'none') {
      const records = this.#bytes.subarray(BATCH_HEADER_BYTES, this.#at)
      const compressed = compress(this.#compression, records, this.#compressionLevel)
      this.#at = BATCH_HEADER_BYTES
      this.#reserve(compressed.byteLength)
      this.#bytes.set(compressed, BATCH_HEADER_BYTES)
      this.#at += compressed.byteLength
    }
    writeBatchHeader(this.#bytes, 0, {
      baseOffset: identity.baseOffset ?? 0,
      batchLength: this.#at - BATCH_PREFIX_BYTES,
      partitionLeaderEpoch: identity.partitionLeaderEpoch ?? NO_LEADER_EPOCH,
      compression: this.#compression,
      logAppendTime: false,
      transactional: identity.transactional ?? false,
      control: identity.control ?? false,
      lastOffsetDelta: this.#count - 1,
      baseTimestamp: this.#baseTimestamp,
      maxTimestamp: this.#maxTimestamp,
      producerId: identity.producerId ?? NO_PRODUCER_ID,
      producerEpoch: identity.producerEpoch ?? NO_PRODUCER_EPOCH,
      baseSequence: identity.baseSequence ?? NO_SEQUENCE,
      recordCount: this.#count,
    })
    return this.#bytes.subarray(0, this.#at)
  }

  /** Forgets the records and keeps the memory. What {@link finish} returned is no longer valid. */
  reset(): void {
    this.#at = BATCH_HEADER_BYTES
    this.#count = 0
    this.#baseTimestamp = NO_TIMESTAMP
    this.#maxTimestamp = NO_TIMESTAMP
  }

  #noteTimestamp(timestamp: number): void {
    if (this.#count === 0) this.#baseTimestamp = timestamp
    if (this.#count === 0 || timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
  }

  #reserve(more: number): void {
    const needed = this.#at + more
    if (needed <= this.#bytes.byteLength) return
    assert(needed <= MAX_BATCH_BYTES, 'a record batch holds at most 2 GiB')
    const grown = Buffer.allocUnsafeSlow(Math.min(MAX_BATCH_BYTES, Math.max(needed, this.#bytes.byteLength * 2)))
    grown.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = grown
    this.#region = new CopyRegion(grown)
  }
}

/** Copies and returns the position after the copy. */
function copy(from: Uint8Array, to: Uint8Array, at: number): number {
  const length = from.byteLength
  if (length < COPY_CALL_FROM_BYTES) for (let i = 0; i < length; i++) to[at + i] = from[i] as number
  else to.set(from, at)
  return at + length
}

function encodeHeaders(headers: readonly RecordHeader[]): Uint8Array {
  const names = headers.map((header) => utf8(header.key))
  let size = varintSize(headers.length)
  headers.forEach((header, i) => {
    const nameLength = (names[i] as Uint8Array).byteLength
    size += varintSize(nameLength) + nameLength
    size += header.value === null ? 1 : varintSize(header.value.byteLength) + header.value.byteLength
  })
  const bytes = new Uint8Array(size)
  let at = writeVarint(bytes, 0, headers.length)
  headers.forEach((header, i) => {
    const name = names[i] as Uint8Array
    at = copy(name, bytes, writeVarint(bytes, at, name.byteLength))
    at = writeVarint(bytes, at, header.value === null ? -1 : header.value.byteLength)
    if (header.value !== null) at = copy(header.value, bytes, at)
  })
  return bytes
}
