/**
 * The size of what an LZ4 frame holds, found by walking its blocks without decoding them: a frame need not state it,
 * Kafka's clients never do, and a few kilobytes can stand for gigabytes. (LZ4 frame format 1.6, block format.)
 */

const FRAME_MAGIC = 0x184d2204
const VERSION_MASK = 0xc0
const VERSION_1 = 0x40
const BLOCK_CHECKSUM = 0x10
const CONTENT_SIZE = 0x08
const DICTIONARY_ID = 0x01
const UNCOMPRESSED_BLOCK = 0x8000_0000
const MIN_MATCH = 4

function readUint32LittleEndian(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  )
}

/**
 * Bytes that the frame decodes to, a number above `limit` as soon as that is certain, or -1 when it is no LZ4 frame or
 * ends too early. Frames that need a dictionary are refused.
 */
export function lz4FrameSize(frame: Uint8Array, limit: number): number {
  if (frame.byteLength < 7 || readUint32LittleEndian(frame, 0) !== FRAME_MAGIC) return -1
  const flags = frame[4] as number
  if ((flags & VERSION_MASK) !== VERSION_1 || (flags & DICTIONARY_ID) !== 0) return -1
  const blockTrailer = flags & BLOCK_CHECKSUM ? 4 : 0
  let at = 7 + (flags & CONTENT_SIZE ? 8 : 0)
  let size = 0
  while (at + 4 <= frame.byteLength) {
    const header = readUint32LittleEndian(frame, at)
    if (header === 0) return size
    const length = header % UNCOMPRESSED_BLOCK
    at += 4
    if (length > frame.byteLength - at - blockTrailer) return -1
    const decoded = header >= UNCOMPRESSED_BLOCK ? length : blockSize(frame, at, at + length)
    if (decoded < 0) return -1
    size += decoded
    if (size > limit) return size
    at += length + blockTrailer
  }
  return -1
}

function blockSize(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  let size = 0
  while (at < end) {
    const token = bytes[at++] as number
    let literals = token >>> 4
    if (literals === 15) {
      let more = 255
      while (more === 255 && at < end) {
        more = bytes[at++] as number
        literals += more
      }
    }
    at += literals
    size += literals
    if (at > end) return -1
    // The last sequence of a block has literals only.
    if (at === end) return size
    at += 2
    let match = token & 15
    if (match === 15) {
      let more = 255
      while (more === 255 && at < end) {
        more = bytes[at++] as number
        match += more
      }
    }
    size += match + MIN_MATCH
  }
  return at === end ? size : -1
}
