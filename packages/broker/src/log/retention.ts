import type { LogConfig } from './log-config.ts'
import type { SegmentList } from './segment-list.ts'

/** `start`: only what lies before the log start offset, as after DeleteRecords; `retention`: what the topic's policy lets go too. */
export type DeletionScope = 'start' | 'retention'
export type DeletionReason = 'time' | 'size' | 'log-start'

/**
 * Whole segments only, oldest first, and only below the high watermark (Kafka's `UnifiedLog.deleteOldSegments`): those
 * before the log start offset, those whose newest record is older than `retention.ms`, and those without which the log
 * still has `retention.bytes`. Answers the reason for each, from the oldest on; the active segment may be among them.
 */
export function segmentsToDelete(
  segments: SegmentList,
  config: LogConfig,
  scope: DeletionScope,
  bounds: { readonly now: number; readonly logStartOffset: number; readonly highWatermark: number },
): DeletionReason[] {
  const reasons: DeletionReason[] = []
  const byPolicy = scope === 'retention' && config.cleanupPolicy.includes('delete')
  let excess = byPolicy && config.retentionBytes >= 0 ? segments.sizeInBytes - config.retentionBytes : -1
  for (const segment of segments) {
    if (segment.endOffset > bounds.highWatermark) break
    const isActive = segment === segments.active
    if (isActive && segment.size === 0) break
    const newest = segment.maxTimestamp >= 0 ? segment.maxTimestamp : segment.created
    if (!isActive && segment.endOffset <= bounds.logStartOffset) reasons.push('log-start')
    else if (byPolicy && config.retentionMs >= 0 && bounds.now - newest > config.retentionMs) reasons.push('time')
    else if (excess >= segment.size) reasons.push('size')
    else break
    excess -= segment.size
  }
  return reasons
}
