import type { LogConfig } from '../log-config.ts'
import type { Segment } from '../segment.ts'

/** What decides whether and how far a log is compacted. */
export interface LogFacts {
  readonly config: LogConfig
  readonly segments: readonly Segment[]
  readonly logStartOffset: number
  readonly endOffset: number
  readonly lastStableOffset: number
  readonly recoveryPoint: number
  /** The checkpoint: what lies below was compacted before. */
  readonly cleanerOffset: number | undefined
}

export interface CleanableRange {
  readonly firstDirtyOffset: number
  /** Where a segment ends, or {@link firstDirtyOffset}. */
  readonly firstUncleanableOffset: number
  /** Bytes that a round could compact, as a share of all below {@link firstUncleanableOffset}. */
  readonly ratio: number
  readonly cleanableBytes: number
  /** `max.compaction.lag.ms` is over for some record. */
  readonly isOverdue: boolean
}

/**
 * What a round of compaction would work on (Kafka's `LogCleanerManager.cleanableOffsets` and `LogToClean`): nothing of the
 * active segment, nothing that read_committed consumers cannot see yet, nothing younger than `min.compaction.lag.ms`, and
 * no segment that is not completely on the device.
 */
export function cleanableRange(facts: LogFacts, now: number): CleanableRange {
  const { config, segments } = facts
  const inactive = segments.slice(0, -1)
  const checkpoint = facts.cleanerOffset ?? facts.logStartOffset
  // A checkpoint outside of the log says nothing about it: records were deleted, or the log was lost and begun anew.
  const isKnown = checkpoint >= facts.logStartOffset && checkpoint <= facts.endOffset
  const firstDirtyOffset = isKnown ? checkpoint : facts.logStartOffset
  const dirty = inactive.filter((segment) => segment.endOffset > firstDirtyOffset)
  let limit = Math.min(facts.lastStableOffset, facts.recoveryPoint)
  if (config.minCompactionLagMs > 0) {
    const young = dirty.find((segment) => newestTime(segment) > now - config.minCompactionLagMs)
    if (young) limit = Math.min(limit, young.baseOffset)
  }
  // A segment is compacted as a whole or not at all.
  const cleanable = dirty.filter((segment) => segment.endOffset <= limit)
  const last = cleanable.at(-1)
  const firstUncleanableOffset = last?.endOffset ?? firstDirtyOffset
  const cleanableBytes = bytesOf(cleanable)
  const cleanBytes = bytesOf(inactive.filter((segment) => segment.endOffset <= firstDirtyOffset))
  const total = cleanBytes + cleanableBytes
  return {
    firstDirtyOffset,
    firstUncleanableOffset,
    cleanableBytes,
    ratio: total === 0 ? 0 : cleanableBytes / total,
    isOverdue: cleanable.some((segment) => {
      const first = segment.firstTimestamp
      return first > 0 && first < now - config.maxCompactionLagMs
    }),
  }
}

/** Is a round worth its while? */
export function isDirty(range: CleanableRange, config: LogConfig): boolean {
  return range.cleanableBytes > 0 && (range.isOverdue || range.ratio > config.minCleanableDirtyRatio)
}

/**
 * Neighbours that together stay within `segment.bytes`, and their indexes within `segment.index.bytes`, are compacted
 * into one segment, so that segments do not become ever smaller. Offsets relative to the first one have 31 bits.
 */
export function groupSegments(segments: readonly Segment[], end: number, config: LogConfig): Segment[][] {
  const groups: Segment[][] = []
  let size = 0
  let offsetIndexSize = 0
  let timeIndexSize = 0
  for (const [i, segment] of segments.entries()) {
    const group = groups.at(-1)
    size += segment.size
    offsetIndexSize += segment.offsetIndex.sizeInBytes
    timeIndexSize += segment.timeIndex.sizeInBytes
    const last = (segments[i + 1]?.baseOffset ?? end) - 1
    const fits =
      group &&
      size <= config.segmentBytes &&
      offsetIndexSize <= config.segmentIndexBytes &&
      timeIndexSize <= config.segmentIndexBytes &&
      (segment.size === 0 || last - (group[0] as Segment).baseOffset <= 0x7fff_ffff)
    if (fits) {
      group.push(segment)
      continue
    }
    groups.push([segment])
    size = segment.size
    offsetIndexSize = segment.offsetIndex.sizeInBytes
    timeIndexSize = segment.timeIndex.sizeInBytes
  }
  return groups
}

function newestTime(segment: Segment): number {
  return segment.maxTimestamp >= 0 ? segment.maxTimestamp : segment.created
}

function bytesOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.size, 0)
}
