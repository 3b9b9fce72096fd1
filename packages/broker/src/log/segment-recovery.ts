import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  BatchCheck,
  type BatchCheck as Check,
  baseOffset,
  batchSize,
  describeBatchCheck,
  lastOffset,
  validateBatch,
  validateBatchHeader,
} from '@millrace/kafka'
import type { FileHandle } from '@millrace/std'
import { type BatchScanner, END_OF_SCAN } from './batch-scanner.ts'
import type { QuarantinedRange } from './quarantine.ts'
import type { Segment } from './segment.ts'

/** Bytes read at once while looking for the next sound batch behind a damaged one. */
const searchBytes = 1024 * 1024

export interface RecoveryOptions {
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
  readonly quarantine: QuarantinedRange[]
}

/**
 * Reads every batch of a segment with its checksum and decides what becomes of damage.
 *
 * - Nothing sound comes after it: a write that the crash tore; the log ends before it.
 * - Something sound comes after it: the range is quarantined, for the batches behind it may have been acknowledged.
 *   Only where the range begins with a header of zeros, above the recovery point, it is a write that never reached the
 *   device, and so was not acknowledged, nor was anything behind it.
 */
export function recoverSegment(segment: Segment, fileSize: number, options: RecoveryOptions): RecoveryResult {
  const quarantine: QuarantinedRange[] = []
  const limit = options.sealedAt ?? Number.POSITIVE_INFINITY
  const file = segment.file.get()
  segment.quarantine = []
  const scan = segment.scan(0, 'batches', fileSize)
  let expected = segment.baseOffset
  for (;;) {
    const check = scan.next()
    if (check === END_OF_SCAN) break
    const base = check === BatchCheck.ok ? baseOffset(scan.bytes, scan.at) : -1
    if (check === BatchCheck.ok && base >= expected && lastOffset(scan.bytes, scan.at) < limit) {
      if (base > expected && !options.allowGaps) {
        quarantine.push({
          position: scan.position,
          bytes: 0,
          firstOffset: expected,
          endOffset: base,
          reason: 'Offsets are missing',
        })
      }
      options.onBatch(scan)
      expected = lastOffset(scan.bytes, scan.at) + 1
      continue
    }
    const position = scan.position
    const next = findNextBatch(file, position, fileSize, expected, limit)
    const reason = describeDamage(check, base, expected)
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
      options.sealedAt === undefined && expected >= options.recoveryPoint && startsWithZeros(file, position, fileSize)
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

function describeDamage(check: Check, base: number, expected: number): string {
  return check === BatchCheck.ok ? `A batch has offset ${base} where ${expected} belongs` : describeBatchCheck(check)
}

/** The first sound batch after `position` whose offsets are in [minOffset, maxOffset). */
function findNextBatch(
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

function startsWithZeros(file: FileHandle, position: number, fileSize: number): boolean {
  const header = new Uint8Array(Math.min(BATCH_HEADER_BYTES, fileSize - position))
  file.read(header, position)
  return header.every((byte) => byte === 0)
}
