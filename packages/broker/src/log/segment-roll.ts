import type { LogConfig } from './log-config.ts'
import type { Segment } from './segment.ts'
import { OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES } from './segment-index.ts'

/** Relative offsets in an index have 31 bits, as Kafka's. */
const maxRelativeOffset = 0x7fff_ffff

/**
 * Does a batch belong into the next segment? `pendingBytes` of others come before it. (Kafka's `LogSegment.shouldRoll`)
 * Reads the first batch and the indexes where they are not in memory; throws what the file system throws.
 */
export function mustRoll(
  segment: Segment,
  batch: {
    readonly size: number
    readonly pendingBytes: number
    readonly lastOffset: number
    readonly timestamp: number
  },
  now: number,
  config: LogConfig,
): boolean {
  const used = segment.size + batch.pendingBytes
  if (used === 0) return false
  if (used + batch.size > config.segmentBytes) return true
  if (batch.lastOffset - segment.baseOffset > maxRelativeOffset) return true
  const segmentMs = config.cleanupPolicy.includes('compact')
    ? Math.min(config.segmentMs, config.maxCompactionLagMs)
    : config.segmentMs
  const first = segment.firstTimestamp
  const waited = first >= 0 ? batch.timestamp - first : now - segment.created
  if (waited > segmentMs) return true
  const entries = Math.floor(config.segmentIndexBytes / OFFSET_ENTRY_BYTES)
  const timeEntries = Math.floor(config.segmentIndexBytes / TIME_ENTRY_BYTES) - 1
  return segment.offsetIndex.count >= entries || segment.timeIndex.count >= timeEntries
}
