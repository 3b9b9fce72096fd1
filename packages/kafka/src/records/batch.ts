/**
 * The record batch, format v2 (KIP-98): a header of 61 bytes, then the records, compressed or not.
 *
 * | at | field | bytes || at | field | bytes |
 * |---|---|---|---|---|---|---|
 * | 0 | base offset | 8 || 27 | base timestamp | 8 |
 * | 8 | batch length (what follows it) | 4 || 35 | max timestamp | 8 |
 * | 12 | partition leader epoch | 4 || 43 | producer id | 8 |
 * | 16 | magic (2) | 1 || 51 | producer epoch | 2 |
 * | 17 | CRC-32C of all that follows it | 4 || 53 | base sequence | 4 |
 * | 21 | attributes | 2 || 57 | record count | 4 |
 * | 23 | last offset delta | 4 || 61 | records | |
 *
 * The functions here read and write these fields in place: a batch stays bytes on its way through broker and client.
 * They do not check bounds; call {@link validateBatch} first on bytes from outside.
 */

import { crc32c } from './crc32c.ts'

/** Bytes of a batch before its first record. */
export const BATCH_HEADER_BYTES = 61
/** Base offset and length: what `batchLength` does not count. */
export const BATCH_PREFIX_BYTES = 12
/** The only format there is since Kafka 0.11; older ones are not read. */
export const BATCH_MAGIC = 2
/** The least a record takes: length, attributes, two deltas, null key, null value, no headers. */
export const MIN_RECORD_BYTES = 7

/** Marks "no producer id", "no epoch" and "no sequence" in a batch. */
export const NO_PRODUCER_ID = -1
export const NO_PRODUCER_EPOCH = -1
export const NO_SEQUENCE = -1
export const NO_TIMESTAMP = -1
export const NO_LEADER_EPOCH = -1

const LEADER_EPOCH_AT = 12
const MAGIC_AT = 16
const CRC_AT = 17
const ATTRIBUTES_AT = 21
const LAST_OFFSET_DELTA_AT = 23
const BASE_TIMESTAMP_AT = 27
const MAX_TIMESTAMP_AT = 35
const PRODUCER_ID_AT = 43
const PRODUCER_EPOCH_AT = 51
const BASE_SEQUENCE_AT = 53
const RECORD_COUNT_AT = 57

const COMPRESSION_MASK = 0x07
const LOG_APPEND_TIME = 0x08
const TRANSACTIONAL = 0x10
const CONTROL = 0x20
const DELETE_HORIZON = 0x40

/** Codecs by their number in a batch's attributes. */
export const COMPRESSION_TYPES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type CompressionType = (typeof COMPRESSION_TYPES)[number]

/** What {@link validateBatch} and `indexRecords` found. Numbers, because they are returned on hot paths. */
export const BatchCheck = {
  ok: 0,
  /** The bytes end before the batch does: wait for more, or a torn tail. */
  truncated: 1,
  /** The length field cannot be right. */
  badLength: 2,
  badMagic: 3,
  badCrc: 4,
  /** Record count and last offset delta contradict each other or the size. */
  badCount: 5,
  /** An offset, timestamp or producer id outside of what a safe integer holds, or negative. */
  badNumber: 6,
  unknownCompression: 7,
  /** The compressed bytes do not decode. */
  badCompression: 8,
  /** Decompressed, the records would be larger than the caller allows. */
  tooLarge: 9,
  /** A record's lengths do not fit the batch, or its offset is out of order. */
  badRecord: 10,
} as const
export type BatchCheck = (typeof BatchCheck)[keyof typeof BatchCheck]

const DESCRIPTIONS: readonly string[] = [
  'The batch is sound',
  'The record batch is cut short',
  'The record batch has an impossible length',
  'The record batch is not of format v2',
  'The record batch fails its checksum (CRC-32C)',
  'The record batch has an impossible record count',
  'The record batch has a number that is out of range',
  'The record batch is compressed in an unknown way',
  'The compressed records of the batch do not decode',
  'The records of the batch are larger than allowed when decompressed',
  'A record in the batch has impossible lengths or offsets',
]

/** A sentence without its full stop, for error messages. */
export function describeBatchCheck(check: BatchCheck): string {
  return DESCRIPTIONS[check] as string
}

export function readInt16(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 24) >> 16) | (bytes[at + 1] as number)
}

export function readInt32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}

/** Exact within ±2^53; outside it is rounded, and so fails `Number.isSafeInteger`. */
export function readInt64(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) * 0x1_0000_0000 + (readInt32(bytes, at + 4) >>> 0)
}

export function writeInt16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

export function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** `value` must be a safe integer. */
export function writeInt64(bytes: Uint8Array, at: number, value: number): void {
  writeInt32(bytes, at, Math.floor(value / 0x1_0000_0000))
  writeInt32(bytes, at + 4, value >>> 0)
}

export function baseOffset(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at)
}

/** Bytes after the length field itself; the whole batch is {@link batchSize}. */
export function batchLength(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + 8)
}

/** Bytes of the whole batch, its prefix included. */
export function batchSize(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + 8) + BATCH_PREFIX_BYTES
}

export function partitionLeaderEpoch(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + LEADER_EPOCH_AT)
}

export function magic(bytes: Uint8Array, at: number): number {
  return bytes[at + MAGIC_AT] as number
}

/** The checksum that the batch claims, unsigned. */
export function batchCrc(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + CRC_AT) >>> 0
}

export function attributes(bytes: Uint8Array, at: number): number {
  return readInt16(bytes, at + ATTRIBUTES_AT)
}

/** The codec's number, an index into {@link COMPRESSION_TYPES} (5 to 7 are unknown). */
export function compressionCode(bytes: Uint8Array, at: number): number {
  return (bytes[at + ATTRIBUTES_AT + 1] as number) & COMPRESSION_MASK
}

/** True: the broker stamped the batch, and all its records carry the max timestamp. */
export function isLogAppendTime(bytes: Uint8Array, at: number): boolean {
  return ((bytes[at + ATTRIBUTES_AT + 1] as number) & LOG_APPEND_TIME) !== 0
}

export function isTransactional(bytes: Uint8Array, at: number): boolean {
  return ((bytes[at + ATTRIBUTES_AT + 1] as number) & TRANSACTIONAL) !== 0
}

/** True: the batch holds a transaction's marker, not a user's records. */
export function isControl(bytes: Uint8Array, at: number): boolean {
  return ((bytes[at + ATTRIBUTES_AT + 1] as number) & CONTROL) !== 0
}

/**
 * From when on compaction may take the batch's tombstones (or its marker) out, milliseconds since the epoch; -1 when that
 * is not set yet (KIP-534). It stands where the base timestamp does, from which the records' timestamps still count.
 */
export function deleteHorizon(bytes: Uint8Array, at: number): number {
  return (bytes[at + ATTRIBUTES_AT + 1] as number) & DELETE_HORIZON ? baseTimestamp(bytes, at) : -1
}

export function lastOffsetDelta(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + LAST_OFFSET_DELTA_AT)
}

/** The last offset that the batch takes up (a compacted one may have no record there). */
export function lastOffset(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at) + readInt32(bytes, at + LAST_OFFSET_DELTA_AT)
}

/** Milliseconds since the epoch. */
export function baseTimestamp(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + BASE_TIMESTAMP_AT)
}

/** Milliseconds since the epoch. */
export function maxTimestamp(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + MAX_TIMESTAMP_AT)
}

export function producerId(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + PRODUCER_ID_AT)
}

export function producerEpoch(bytes: Uint8Array, at: number): number {
  return readInt16(bytes, at + PRODUCER_EPOCH_AT)
}

export function baseSequence(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + BASE_SEQUENCE_AT)
}

/** The sequence number of the last record: after 2^31 - 1 comes 0. */
export function lastSequence(bytes: Uint8Array, at: number): number {
  const first = baseSequence(bytes, at)
  return first === NO_SEQUENCE ? NO_SEQUENCE : (first + lastOffsetDelta(bytes, at)) & 0x7fff_ffff
}

export function recordCount(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + RECORD_COUNT_AT)
}

/** In place; outside of the checksum. */
export function patchBaseOffset(bytes: Uint8Array, at: number, offset: number): void {
  writeInt64(bytes, at, offset)
}

/** In place; outside of the checksum. */
export function patchLeaderEpoch(bytes: Uint8Array, at: number, epoch: number): void {
  writeInt32(bytes, at + LEADER_EPOCH_AT, epoch)
}

/** Stamps the whole batch with the broker's time (`message.timestamp.type=LogAppendTime`) and renews the checksum. */
export function patchLogAppendTime(bytes: Uint8Array, at: number, timestamp: number): void {
  bytes[at + ATTRIBUTES_AT + 1] = (bytes[at + ATTRIBUTES_AT + 1] as number) | LOG_APPEND_TIME
  writeInt64(bytes, at + MAX_TIMESTAMP_AT, timestamp)
  renewCrc(bytes, at)
}

/** Gives a finished batch another producer identity and renews the checksum: what a resend after an epoch bump needs. */
export function patchProducer(
  bytes: Uint8Array,
  at: number,
  producer: { producerId: number; producerEpoch: number; baseSequence: number },
): void {
  writeInt64(bytes, at + PRODUCER_ID_AT, producer.producerId)
  writeInt16(bytes, at + PRODUCER_EPOCH_AT, producer.producerEpoch)
  writeInt32(bytes, at + BASE_SEQUENCE_AT, producer.baseSequence)
  renewCrc(bytes, at)
}

/** What {@link assembleBatch} changes in a batch's header. Timestamps stay as they are where none is given. */
export interface BatchChange {
  readonly compression: CompressionType
  readonly recordCount: number
  /** To be set with {@link deleteHorizon}: it takes the place of the base timestamp. */
  readonly deleteHorizon?: number | undefined
  readonly maxTimestamp?: number | undefined
}

/**
 * A new batch with the offsets, producer and epochs of the one at `at` and other records: `records` as they are written
 * behind the header, compressed as `change` says.
 */
export function assembleBatch(bytes: Uint8Array, at: number, records: Uint8Array, change: BatchChange): Uint8Array {
  const batch = new Uint8Array(BATCH_HEADER_BYTES + records.byteLength)
  batch.set(bytes.subarray(at, at + BATCH_HEADER_BYTES))
  batch.set(records, BATCH_HEADER_BYTES)
  writeInt32(batch, 8, batch.byteLength - BATCH_PREFIX_BYTES)
  const low = (batch[ATTRIBUTES_AT + 1] as number) & ~COMPRESSION_MASK
  batch[ATTRIBUTES_AT + 1] = low | COMPRESSION_TYPES.indexOf(change.compression)
  if (change.deleteHorizon !== undefined) {
    batch[ATTRIBUTES_AT + 1] = (batch[ATTRIBUTES_AT + 1] as number) | DELETE_HORIZON
    writeInt64(batch, BASE_TIMESTAMP_AT, change.deleteHorizon)
  }
  if (change.maxTimestamp !== undefined) writeInt64(batch, MAX_TIMESTAMP_AT, change.maxTimestamp)
  writeInt32(batch, RECORD_COUNT_AT, change.recordCount)
  renewCrc(batch, 0)
  return batch
}

/** The batch at `at` without its records, as compaction leaves one whose producer or last offset must be remembered. */
export function emptyBatch(bytes: Uint8Array, at: number): Uint8Array {
  const batch = assembleBatch(bytes, at, new Uint8Array(0), { compression: 'none', recordCount: 0 })
  batch[ATTRIBUTES_AT + 1] = (batch[ATTRIBUTES_AT + 1] as number) & ~DELETE_HORIZON
  writeInt64(batch, BASE_TIMESTAMP_AT, NO_TIMESTAMP)
  renewCrc(batch, 0)
  return batch
}

function renewCrc(bytes: Uint8Array, at: number): void {
  writeInt32(bytes, at + CRC_AT, crc32c(bytes, at + ATTRIBUTES_AT, at + batchSize(bytes, at)))
}

/** Every field of a batch's header but the checksum. `batchLength` counts what follows the length field. */
export interface BatchHeader {
  baseOffset: number
  batchLength: number
  partitionLeaderEpoch: number
  compression: CompressionType
  logAppendTime: boolean
  transactional: boolean
  control: boolean
  lastOffsetDelta: number
  baseTimestamp: number
  maxTimestamp: number
  producerId: number
  producerEpoch: number
  baseSequence: number
  recordCount: number
}

/** Writes the 61 bytes before the records, which must already be in place: the checksum covers them. */
export function writeBatchHeader(bytes: Uint8Array, at: number, header: BatchHeader): void {
  writeInt64(bytes, at, header.baseOffset)
  writeInt32(bytes, at + 8, header.batchLength)
  writeInt32(bytes, at + LEADER_EPOCH_AT, header.partitionLeaderEpoch)
  bytes[at + MAGIC_AT] = BATCH_MAGIC
  writeInt16(
    bytes,
    at + ATTRIBUTES_AT,
    COMPRESSION_TYPES.indexOf(header.compression) |
      (header.logAppendTime ? LOG_APPEND_TIME : 0) |
      (header.transactional ? TRANSACTIONAL : 0) |
      (header.control ? CONTROL : 0),
  )
  writeInt32(bytes, at + LAST_OFFSET_DELTA_AT, header.lastOffsetDelta)
  writeInt64(bytes, at + BASE_TIMESTAMP_AT, header.baseTimestamp)
  writeInt64(bytes, at + MAX_TIMESTAMP_AT, header.maxTimestamp)
  writeInt64(bytes, at + PRODUCER_ID_AT, header.producerId)
  writeInt16(bytes, at + PRODUCER_EPOCH_AT, header.producerEpoch)
  writeInt32(bytes, at + BASE_SEQUENCE_AT, header.baseSequence)
  writeInt32(bytes, at + RECORD_COUNT_AT, header.recordCount)
  renewCrc(bytes, at)
}

/** As {@link validateBatch} but for the checksum: enough to walk over batches whose bytes are trusted. */
export function validateBatchHeader(bytes: Uint8Array, at: number, end: number): BatchCheck {
  if (end - at < BATCH_PREFIX_BYTES) return BatchCheck.truncated
  const size = batchSize(bytes, at)
  if (size < BATCH_HEADER_BYTES) return BatchCheck.badLength
  if (end - at > MAGIC_AT && bytes[at + MAGIC_AT] !== BATCH_MAGIC) return BatchCheck.badMagic
  if (size > end - at) return BatchCheck.truncated
  const count = recordCount(bytes, at)
  const span = lastOffsetDelta(bytes, at)
  // Compaction may leave fewer records than offsets, even none; never more.
  if (count < 0 || span < 0 || count > span + 1) return BatchCheck.badCount
  const codec = compressionCode(bytes, at)
  if (codec >= COMPRESSION_TYPES.length) return BatchCheck.unknownCompression
  if (codec === 0 && count > (size - BATCH_HEADER_BYTES) / MIN_RECORD_BYTES) return BatchCheck.badCount
  const base = baseOffset(bytes, at)
  if (
    !(base >= 0 && base + span <= Number.MAX_SAFE_INTEGER) ||
    !Number.isSafeInteger(baseTimestamp(bytes, at)) ||
    !Number.isSafeInteger(maxTimestamp(bytes, at)) ||
    !Number.isSafeInteger(producerId(bytes, at))
  ) {
    return BatchCheck.badNumber
  }
  return BatchCheck.ok
}

/**
 * Checks the batch at `at` against the bytes that are there, `bytes[at, end)`: lengths, magic, counts, the range of its
 * numbers, and the checksum. Does not look into the records. Never throws.
 *
 * @example
 * for (let at = 0; at < end; at += batchSize(bytes, at)) {
 *   const check = validateBatch(bytes, at, end)
 *   if (check !== BatchCheck.ok) return describeBatchCheck(check)
 * }
 */
export function validateBatch(bytes: Uint8Array, at: number, end: number): BatchCheck {
  const check = validateBatchHeader(bytes, at, end)
  if (check !== BatchCheck.ok) return check
  const crc = crc32c(bytes, at + ATTRIBUTES_AT, at + batchSize(bytes, at))
  return crc === batchCrc(bytes, at) ? BatchCheck.ok : BatchCheck.badCrc
}
