/**
 * Snappy as Kafka's Java client writes it: the framing of the library snappy-java (xerial): a magic, two version
 * numbers, then blocks of (length, raw snappy). Other clients send one raw block without framing; both are read.
 */

import { readInt32, writeInt32 } from './batch.ts'
import { CorruptCompressionError, DecompressedTooLargeError } from './errors.ts'

/** The part of the library `snappy` that is used. */
export interface Snappy {
  compressSync(data: Uint8Array): Buffer
  uncompressSync(data: Uint8Array): string | Buffer
}

const MAGIC = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00)
const HEADER_BYTES = 16
const VERSION = 1
/** Uncompressed bytes for one block, as snappy-java's default. */
const BLOCK_BYTES = 32 * 1024
/** A copy of 64 bytes takes 3: nothing valid claims a better ratio, so no memory is taken for one that does. */
const MAX_RATIO = 22

export function compressXerial(snappy: Snappy, data: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = []
  const header = new Uint8Array(HEADER_BYTES)
  header.set(MAGIC)
  writeInt32(header, 8, VERSION)
  writeInt32(header, 12, VERSION)
  parts.push(header)
  for (let at = 0; at < data.byteLength; at += BLOCK_BYTES) {
    const block = snappy.compressSync(data.subarray(at, at + BLOCK_BYTES))
    const length = new Uint8Array(4)
    writeInt32(length, 0, block.byteLength)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

export function decompressSnappy(snappy: Snappy, data: Uint8Array, maxBytes: number): Uint8Array {
  if (!isXerial(data)) {
    if (rawSize(data, 0, data.byteLength) > maxBytes) throw new DecompressedTooLargeError('snappy', maxBytes)
    return decodeBlock(snappy, data)
  }
  const blocks: Uint8Array[] = []
  let total = 0
  for (let at = HEADER_BYTES; at < data.byteLength; ) {
    if (data.byteLength - at < 4) throw new CorruptCompressionError('snappy')
    const length = readInt32(data, at)
    at += 4
    if (length <= 0 || length > data.byteLength - at) throw new CorruptCompressionError('snappy')
    total += rawSize(data, at, at + length)
    if (total > maxBytes) throw new DecompressedTooLargeError('snappy', maxBytes)
    blocks.push(decodeBlock(snappy, data.subarray(at, at + length)))
    at += length
  }
  return blocks.length === 1 ? (blocks[0] as Uint8Array) : Buffer.concat(blocks)
}

function isXerial(data: Uint8Array): boolean {
  if (data.byteLength < HEADER_BYTES) return false
  for (let i = 0; i < MAGIC.length; i++) if (data[i] !== MAGIC[i]) return false
  return true
}

/** The size that a raw block states in front (an unsigned varint). */
function rawSize(data: Uint8Array, start: number, end: number): number {
  let size = 0
  let shift = 1
  for (let at = start; at < end && at < start + 5; at++) {
    const byte = data[at] as number
    size += (byte & 0x7f) * shift
    if (byte < 0x80) {
      if (size > (end - start) * MAX_RATIO) break
      return size
    }
    shift *= 128
  }
  throw new CorruptCompressionError('snappy')
}

function decodeBlock(snappy: Snappy, block: Uint8Array): Uint8Array {
  try {
    return snappy.uncompressSync(block) as Buffer
  } catch (cause) {
    throw new CorruptCompressionError('snappy', cause)
  }
}
