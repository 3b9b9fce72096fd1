import {
  BatchCheck,
  baseOffset,
  isControl,
  lastOffset,
  NO_PRODUCER_ID,
  partitionLeaderEpoch,
  producerId,
} from '@millrace/kafka'
import type { BatchScanner } from './batch-scanner.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import { LogSuffix, segmentFile } from './log-files.ts'
import type { CompletedTransaction } from './ongoing-transactions.ts'
import { decodeProducerSnapshot } from './producer-snapshot.ts'
import type { ProducerState } from './producer-state.ts'
import { restoreRecentBatches } from './recent-batches.ts'
import type { Segment, SegmentHome } from './segment.ts'

export interface ReplayOptions {
  readonly home: SegmentHome
  readonly segments: readonly Segment[]
  /** Offsets of the snapshots in the folder; broken ones are removed. */
  readonly snapshots: Set<number>
  readonly producers: ProducerState
  /** Wall clock, milliseconds: stands for the time of the replayed appends, which is not known. */
  readonly now: number
  readonly upTo: number
  /** To be filled from the headers of all batches, where the checkpoint is missing. */
  readonly epochs?: LeaderEpochs | undefined
}

/**
 * Brings the producers to the state as of `upTo`: from the newest sound snapshot and the headers of the batches after
 * it.
 */
export function replayProducers(options: ReplayOptions): void {
  const { epochs, now, producers, segments, upTo } = options
  const from = Math.max(loadSnapshot(options) ?? 0, segments[0]?.baseOffset ?? upTo)
  restoreRecentBatches(segments, producers, { before: from, now })
  for (const segment of segments) {
    if (segment.size === 0 || segment.baseOffset >= upTo || (segment.endOffset <= from && !epochs)) continue
    const scan = segment.scan(epochs ? 0 : segment.offsetIndex.lookup(from), 'headers')
    while (scan.next() === BatchCheck.ok) {
      const offset = baseOffset(scan.bytes, scan.at)
      if (lastOffset(scan.bytes, scan.at) >= upTo) break
      epochs?.assign(partitionLeaderEpoch(scan.bytes, scan.at), offset)
      if (offset >= from) replayBatch(scan, producers, now)
    }
    if (segment !== segments.at(-1)) segment.close()
  }
}

/**
 * Fills the producers from the newest sound snapshot, and answers its offset. One from before the first segment is worse than
 * none: what came between is gone, so transactions may have ended, and sequence numbers gone on.
 */
function loadSnapshot({ home, producers, segments, snapshots, upTo }: ReplayOptions): number | undefined {
  const fs = home.fileSystem
  const first = segments[0]?.baseOffset ?? upTo
  for (const offset of [...snapshots].sort((a, b) => b - a)) {
    if (offset > upTo) continue
    const path = segmentFile(home.folder, offset, LogSuffix.snapshot)
    if (offset >= first && fs.stat(path) && decodeProducerSnapshot(fs.readFile(path), producers)) return offset
    snapshots.delete(offset)
    fs.remove(path)
  }
  return undefined
}

/** Brings the producers to the state after the current batch of a scan. Answers the transaction that it ends, if any. */
export function replayBatch(
  scan: BatchScanner,
  producers: ProducerState,
  now: number,
): CompletedTransaction | undefined {
  if (producerId(scan.bytes, scan.at) === NO_PRODUCER_ID) return undefined
  if (isControl(scan.bytes, scan.at)) scan.loadBatch()
  return producers.update(scan.bytes, scan.at, now)
}
