import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  BatchCheck,
  baseOffset,
  batchSize,
  describeBatchCheck,
  lastOffset,
  lastOffsetDelta,
  validateBatch,
  validateBatchHeader,
} from '@millrace/kafka'
import type { FileHandle } from '@millrace/std'
import { type BatchScanner, END_OF_SCAN } from './batch-scanner.ts'
import type { QuarantinedRange } from './quarantine.ts'
import type { Segment } from './segment.ts'

/** Bytes read at once while looking for the next sound batch behind a damaged one. */
const searchBytes = 1024 * 1024

/** Disks write sectors whole; those of 4096 bytes consist of such. */
const sectorBytes = 512
/** A batch begins with its offset, which may well be zeros, and its size, which is not. */
const sizeFieldEnd = 12

/** The indexes hold offsets relative to the segment's in 31 bits. */
const MAX_OFFSETS_PER_SEGMENT = 0x8000_0000

export interface RecoveryOptions {
  /** Where to begin: what lies before was synced, and is taken as it is. */
  readonly from: { readonly position: number; readonly offset: number }
  /**
   * The offset at which the next segment begins, when this one is known to have been synced to its end before the next
   * one was acknowledged. Then nothing of it may be cut off: what is damaged is quarantined.
   */
  readonly sealedAt: number | undefined
  /** Offsets below were synced before the last checkpoint: damage there is never a torn write. */
  readonly recoveryPoint: number
  /** Compacted logs have gaps between offsets. */
  readonly allowGaps: boolean
  /** Called for each sound batch, in order. */
  readonly onBatch: (scan: BatchScanner) => void
}

export interface RecoveryResult {
  /** Bytes of the segment that are part of the log. */
  readonly size: number
  readonly endOffset: number
  /** True when the file goes on after {@link size}: a torn end, to be cut off. */
  readonly torn: boolean
  /** What was found damaged. */
  readonly quarantine: QuarantinedRange[]
}

/**
 * Reads every batch of a segment, from a place on, with its checksum and decides what becomes of damage.
 *
 * - Nothing sound comes after it: a write that the crash tore; the log ends before it.
 * - Something sound comes after it: the range is quarantined, for the batches behind it may have been acknowledged.
 *   Only where a sector of it holds nothing but zeros, above the recovery point, it is a write that never reached the
 *   device, and so was not acknowledged, nor was anything behind it.
 */
export function recoverSegment(segment: Segment, fileSize: number, options: RecoveryOptions): RecoveryResult {
  const quarantine: QuarantinedRange[] = []
  const limit = options.sealedAt ?? segment.baseOffset + MAX_OFFSETS_PER_SEGMENT
  const file = segment.file.get()
  segment.quarantine = segment.quarantine.filter(({ position }) => position < options.from.position)
  const scan = segment.scan(options.from.position, 'batches', fileSize)
  let expected = options.from.offset
  for (;;) {
    const check = scan.next()
    if (check === END_OF_SCAN) break
    if (check === BatchCheck.ok) {
      const base = baseOffset(scan.bytes, scan.at)
      const span = lastOffsetDelta(scan.bytes, scan.at) + 1
      if (base !== expected) {
        const following = offsetAfter(file, scan, fileSize, options.sealedAt)
        if (!isPlausible(base, span, expected, following, segment.baseOffset, options.allowGaps)) {
          // The batch is sound but for its offset, which its checksum does not cover.
          const endOffset = following !== undefined && following >= expected + span ? following : expected + span
          const reason = `A batch has offset ${base} where ${expected} belongs`
          quarantine.push({ position: scan.position, bytes: scan.size, firstOffset: expected, endOffset, reason })
          expected = endOffset
          continue
        }
        if (!options.allowGaps) {
          const reason = 'Offsets are missing'
          quarantine.push({ position: scan.position, bytes: 0, firstOffset: expected, endOffset: base, reason })
        }
      }
      options.onBatch(scan)
      expected = base + span
      continue
    }
    const position = scan.position
    const next = findNextBatch(file, position, fileSize, expected, limit)
    const reason = describeBatchCheck(check)
    if (next === undefined) {
      if (options.sealedAt === undefined) return { size: position, endOffset: expected, torn: true, quarantine }
      quarantine.push({
        position,
        bytes: fileSize - position,
        firstOffset: expected,
        endOffset: options.sealedAt,
        reason,
      })
      return { size: fileSize, endOffset: options.sealedAt, torn: false, quarantine }
    }
    const neverWritten =
      options.sealedAt === undefined &&
      expected >= options.recoveryPoint &&
      hasUnwrittenSector(file, position, next.position)
    if (neverWritten) return { size: position, endOffset: expected, torn: true, quarantine }
    quarantine.push({
      position,
      bytes: next.position - position,
      firstOffset: expected,
      endOffset: next.offset,
      reason,
    })
    expected = next.offset
    scan.seek(next.position)
  }
  if (options.sealedAt !== undefined && expected < options.sealedAt && !options.allowGaps) {
    quarantine.push({
      position: fileSize,
      bytes: 0,
      firstOffset: expected,
      endOffset: options.sealedAt,
      reason: 'The end of the segment is missing',
    })
    expected = options.sealedAt
  }
  return { size: fileSize, endOffset: expected, torn: false, quarantine }
}

/** The offset with which the file goes on after the current batch, as far as it can be told. */
function offsetAfter(
  file: FileHandle,
  scan: BatchScanner,
  fileSize: number,
  sealedAt: number | undefined,
): number | undefined {
  const position = scan.position + scan.size
  if (position === fileSize) return sealedAt
  const header = new Uint8Array(BATCH_HEADER_BYTES)
  if (file.read(header, position) < header.byteLength) return undefined
  return validateBatchHeader(header, 0, fileSize - position) === BatchCheck.ok ? baseOffset(header, 0) : undefined
}

/** Can a batch of `span` offsets that is not at `expected` be where it says, given what follows it? */
function isPlausible(
  base: number,
  span: number,
  expected: number,
  following: number | undefined,
  segmentBase: number,
  allowGaps: boolean,
): boolean {
  if (base < expected || base + span - segmentBase > MAX_OFFSETS_PER_SEGMENT) return false
  if (following === undefined) return allowGaps
  return allowGaps ? following >= base + span : following === base + span
}

/** The first sound batch after `position` whose offsets are in [minOffset, maxOffset). */
export function findNextBatch(
  file: FileHandle,
  position: number,
  fileSize: number,
  minOffset: number,
  maxOffset: number,
): { position: number; offset: number } | undefined {
  const window = Buffer.allocUnsafeSlow(Math.min(searchBytes, fileSize - position))
  for (let start = position; fileSize - start > BATCH_HEADER_BYTES; start += window.byteLength - BATCH_HEADER_BYTES) {
    const filled = file.read(window, start)
    for (let at = start === position ? 1 : 0; at + BATCH_HEADER_BYTES <= filled; at++) {
      if (window[at + 16] !== BATCH_MAGIC || window[at] !== 0) continue
      if (validateBatchHeader(window, at, fileSize - start) !== BatchCheck.ok) continue
      const offset = baseOffset(window, at)
      if (offset < minOffset || lastOffset(window, at) >= maxOffset) continue
      const batch = Buffer.allocUnsafeSlow(batchSize(window, at))
      if (file.read(batch, start + at) < batch.byteLength) continue
      if (validateBatch(batch, 0, batch.byteLength) === BatchCheck.ok) return { position: start + at, offset }
    }
    if (filled < window.byteLength) return undefined
  }
  return undefined
}

/**
 * Whether a sector between the two positions was never written: disks write sectors whole, and in any order. Of the first
 * one the header tells, as far as it reaches; the last one may hold a part of what follows.
 */
function hasUnwrittenSector(file: FileHandle, start: number, end: number): boolean {
  const bytes = Buffer.allocUnsafeSlow(Math.min(searchBytes, end - start))
  for (let from = start; from < end; ) {
    // Up to the end of a sector, so that none is cut in two.
    const wanted = Math.min(bytes.byteLength, end - from)
    const to = from + wanted === end ? end : from + wanted - ((from + wanted) % sectorBytes)
    const filled = file.read(bytes.subarray(0, to - from), from)
    for (let at = 0; at < filled; ) {
      const next = at + sectorBytes - ((from + at) % sectorBytes)
      const last = from + at === start ? Math.min(next, at + BATCH_HEADER_BYTES) : next
      if (last > filled) break
      if (last - at > sizeFieldEnd && isZero(bytes, at, last)) return true
      at = next
    }
    if (to === from || filled < to - from) return false
    from = to
  }
  return false
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false
  return true
}
