import {
  ErrorCode,
  BatchCheck,
  batchSize,
  indexRecords,
  lastOffset,
  maxTimestamp,
  partitionLeaderEpoch,
  RecordIndex,
} from '@millrace/kafka'
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

export const noTimestampOffset: TimestampOffset = {
  errorCode: ErrorCode.NONE,
  offset: -1,
  timestamp: -1,
  leaderEpoch: -1,
}

const records = new RecordIndex()

/** The first record from `startOffset` on whose timestamp is at least `timestamp`. */
export function findByTimestamp(segments: SegmentList, timestamp: number, startOffset: number): TimestampOffset {
  for (const segment of segments) {
    if (segment.maxTimestamp < timestamp || segment.endOffset <= startOffset) continue
    const from = Math.max(segment.timeIndex.lookup(timestamp), startOffset)
    const found = scanFor(segment, segment.offsetIndex.lookup(from), timestamp, startOffset)
    if (found) return found
  }
  return noTimestampOffset
}

/** The first record that has the largest timestamp of all. */
export function findMaxTimestamp(segments: SegmentList, startOffset: number): TimestampOffset {
  let best: Segment | undefined
  for (const segment of segments) {
    if (segment.endOffset > startOffset && segment.maxTimestamp > (best?.maxTimestamp ?? -1)) best = segment
  }
  if (!best) return noTimestampOffset
  const position = best.positionOf(best.offsetOfMaxTimestamp)
  return scanFor(best, position, best.maxTimestamp, startOffset) ?? noTimestampOffset
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
    const batch = Buffer.allocUnsafeSlow(batchSize(scan.bytes, scan.at))
    segment.file.get().read(batch, scan.position)
    if (indexRecords(batch, 0, records) !== BatchCheck.ok) {
      return { ...noTimestampOffset, errorCode: ErrorCode.CORRUPT_MESSAGE }
    }
    for (let i = 0; i < records.count; i++) {
      if ((records.timestamps[i] as number) < timestamp || (records.offsets[i] as number) < startOffset) continue
      return {
        errorCode: ErrorCode.NONE,
        offset: records.offsets[i] as number,
        timestamp: records.timestamps[i] as number,
        leaderEpoch: partitionLeaderEpoch(batch, 0),
      }
    }
  }
  return undefined
}
