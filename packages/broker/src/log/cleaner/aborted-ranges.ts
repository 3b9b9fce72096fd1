import type { PartitionLog } from '../partition-log.ts'
import type { AbortedRange } from './cleaned-transactions.ts'

/** The aborted transactions with records or their marker in the offsets [from, to). Throws what the file system throws. */
export function abortedRanges(log: PartitionLog, from: number, to: number): AbortedRange[] {
  const found: AbortedRange[] = []
  for (const segment of log.segments) {
    if (segment.endOffset <= from) continue
    const index = log.transactionIndexOf(segment)
    for (let i = 0; i < index.count; i++) {
      const range = index.at(i)
      if (range.lastOffset < from) continue
      if (range.firstOffset < to) found.push(range)
      // No marker that comes later can be of a transaction that began before.
      if (range.lastStableOffset >= to) return found
    }
  }
  return found
}
