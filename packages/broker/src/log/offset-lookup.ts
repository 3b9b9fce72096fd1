import {
  ErrorCode,
  BatchCheck,
  baseOffset,
  indexRecords,
  lastOffset,
  maxTimestamp,
  partitionLeaderEpoch,
  RecordIndex,
} from '@millrace/kafka'
import type { BatchScanner } from './batch-scanner.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { Segment } from './segment.ts'
import type { SegmentList } from './segment-list.ts'

/** Timestamps with a meaning of their own in ListOffsets (KIP-79, KIP-734, KIP-405, KIP-1005). */
export const ListOffsetsTimestamp = {
  latest: -1,
  earliest: -2,
  maxTimestamp: -3,
  earliestLocal: -4,
  latestTiered: -5,
} as const

/** A record found by its timestamp. `offset` and `timestamp` are -1 when there is none. */
export interface TimestampOffset {
  readonly errorCode: number
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

const noTimestampOffset: TimestampOffset = {
  errorCode: ErrorCode.NONE,
  offset: -1,
  timestamp: -1,
  leaderEpoch: -1,
}

const records = new RecordIndex()

/**
 * The first record whose timestamp is at least `timestamp`, or what one of {@link ListOffsetsTimestamp} asks for; -1
 * when there is none below the high watermark.
 */
export function lookUpOffset(
  timestamp: number,
  log: {
    readonly segments: SegmentList
    readonly epochs: LeaderEpochs
    readonly logStartOffset: number
    readonly highWatermark: number
  },
): TimestampOffset {
  const { epochs, highWatermark, logStartOffset, segments } = log
  switch (timestamp) {
    case ListOffsetsTimestamp.latest:
      return { ...noTimestampOffset, offset: highWatermark, leaderEpoch: epochs.latestEpoch }
    case ListOffsetsTimestamp.earliest:
    case ListOffsetsTimestamp.earliestLocal:
      return { ...noTimestampOffset, offset: logStartOffset, leaderEpoch: epochs.epochAt(logStartOffset) }
    case ListOffsetsTimestamp.maxTimestamp:
      return below(highWatermark, findMaxTimestamp(segments, logStartOffset))
    default:
      if (timestamp < 0) return noTimestampOffset
      return below(highWatermark, findByTimestamp(segments, timestamp, logStartOffset))
  }
}

function below(highWatermark: number, found: TimestampOffset): TimestampOffset {
  return found.offset >= highWatermark ? noTimestampOffset : found
}

/** The first record from `startOffset` on whose timestamp is at least `timestamp`. */
function findByTimestamp(segments: SegmentList, timestamp: number, startOffset: number): TimestampOffset {
  for (const segment of segments) {
    if (segment.maxTimestamp < timestamp || segment.endOffset <= startOffset) continue
    const from = Math.max(segment.timeIndex.lookup(timestamp), startOffset)
    const found = scanFor(segment, segment.offsetIndex.lookup(from), timestamp, startOffset)
    if (found) return found
  }
  return noTimestampOffset
}

/** The first record from `startOffset` on that has the largest timestamp of all of these. */
function findMaxTimestamp(segments: SegmentList, startOffset: number): TimestampOffset {
  let best: Segment | undefined
  let latest = -1
  for (const segment of segments) {
    if (segment.endOffset <= startOffset) continue
    const timestamp = segment.baseOffset >= startOffset ? segment.maxTimestamp : latestFrom(segment, startOffset)
    if (timestamp > latest) {
      best = segment
      latest = timestamp
    }
  }
  if (!best) return noTimestampOffset
  const from = Math.max(best.timeIndex.lookup(latest - 1), startOffset)
  return scanFor(best, best.offsetIndex.lookup(from), latest, startOffset) ?? noTimestampOffset
}

/** The largest timestamp of the records from `startOffset` on: records were deleted up to the middle of the segment. */
function latestFrom(segment: Segment, startOffset: number): number {
  let latest = -1
  const scan = segment.scan(segment.positionOf(startOffset), 'headers')
  while (scan.next() === BatchCheck.ok) {
    if (maxTimestamp(scan.bytes, scan.at) <= latest) continue
    if (baseOffset(scan.bytes, scan.at) >= startOffset) {
      latest = maxTimestamp(scan.bytes, scan.at)
      continue
    }
    if (!readRecords(segment, scan)) continue
    for (let i = 0; i < records.count; i++) {
      if ((records.offsets[i] as number) >= startOffset) latest = Math.max(latest, records.timestamps[i] as number)
    }
  }
  return latest
}

/** Finds the records of the batch that the scan is at; false when they do not decode. */
function readRecords(segment: Segment, scan: BatchScanner): boolean {
  const batch = Buffer.allocUnsafeSlow(scan.size)
  segment.file.get().read(batch, scan.position)
  return indexRecords(batch, 0, records) === BatchCheck.ok
}

function scanFor(
  segment: Segment,
  position: number,
  timestamp: number,
  startOffset: number,
): TimestampOffset | undefined {
  const scan = segment.scan(position, 'headers')
  while (scan.next() === BatchCheck.ok) {
    if (maxTimestamp(scan.bytes, scan.at) < timestamp || lastOffset(scan.bytes, scan.at) < startOffset) continue
    if (!readRecords(segment, scan)) return { ...noTimestampOffset, errorCode: ErrorCode.CORRUPT_MESSAGE }
    for (let i = 0; i < records.count; i++) {
      if ((records.timestamps[i] as number) < timestamp || (records.offsets[i] as number) < startOffset) continue
      return {
        errorCode: ErrorCode.NONE,
        offset: records.offsets[i] as number,
        timestamp: records.timestamps[i] as number,
        leaderEpoch: partitionLeaderEpoch(scan.bytes, scan.at),
      }
    }
  }
  return undefined
}
