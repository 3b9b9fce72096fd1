import { crc32c, readInt16, readInt32, readInt64, writeInt16, writeInt32, writeInt64 } from '@millrace/kafka'
import { ProducerEntry } from './producer-entry.ts'
import type { ProducerState } from './producer-state.ts'

/**
 * The `.snapshot` file: a partition's producers as of the offset in its name (Kafka's `ProducerStateManager`, version 1).
 * Version (2), CRC-32C of what follows it (4), number of entries (4), then entries of 46 bytes: producer id (8), epoch
 * (2), last sequence (4), last offset (8), offset delta (4), timestamp (8), coordinator epoch (4), first offset of the
 * open transaction or -1 (8). Only the last batch of a producer is in it.
 */
const version = 1
const headerBytes = 10
const entryBytes = 46

export function encodeProducerSnapshot(state: ProducerState): Uint8Array {
  const bytes = new Uint8Array(headerBytes + entryBytes * state.size)
  writeInt16(bytes, 0, version)
  writeInt32(bytes, 6, state.size)
  let at = headerBytes
  for (const entry of state.entries()) {
    writeInt64(bytes, at, entry.producerId)
    writeInt16(bytes, at + 8, entry.epoch)
    writeInt32(bytes, at + 10, entry.lastSequence)
    writeInt64(bytes, at + 14, entry.lastOffset)
    writeInt32(bytes, at + 22, entry.count === 0 ? 0 : entry.lastOffset - entry.firstOffset)
    writeInt64(bytes, at + 26, entry.lastAppended)
    writeInt32(bytes, at + 34, entry.coordinatorEpoch)
    writeInt64(bytes, at + 38, entry.currentTxnFirstOffset)
    at += entryBytes
  }
  writeInt32(bytes, 2, crc32c(bytes, 6))
  return bytes
}

/** Fills `state` from a snapshot; false, and nothing changed, when the bytes are not a sound one. */
export function decodeProducerSnapshot(bytes: Uint8Array, state: ProducerState): boolean {
  if (bytes.byteLength < headerBytes || readInt16(bytes, 0) !== version) return false
  if (readInt32(bytes, 2) >>> 0 !== crc32c(bytes, 6)) return false
  const count = readInt32(bytes, 6)
  if (count < 0 || bytes.byteLength !== headerBytes + count * entryBytes) return false
  for (let at = headerBytes; at < bytes.byteLength; at += entryBytes) {
    const entry = new ProducerEntry(readInt64(bytes, at), readInt16(bytes, at + 8), readInt64(bytes, at + 26))
    entry.coordinatorEpoch = readInt32(bytes, at + 34)
    const lastSequence = readInt32(bytes, at + 10)
    const lastOffset = readInt64(bytes, at + 14)
    const delta = readInt32(bytes, at + 22)
    entry.currentTxnFirstOffset = readInt64(bytes, at + 38)
    if (lastOffset >= 0) {
      // Coordinators append without sequence numbers.
      const firstSequence = lastSequence < 0 ? lastSequence : (lastSequence - delta) & 0x7fff_ffff
      entry.add(firstSequence, lastSequence, lastOffset - delta, lastOffset)
    }
    state.restore(entry)
  }
  return true
}
