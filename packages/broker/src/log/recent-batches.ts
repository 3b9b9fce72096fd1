import {
  BatchCheck,
  baseOffset,
  baseSequence,
  isControl,
  lastOffset,
  lastSequence,
  producerEpoch,
  producerId,
} from '@millrace/kafka'
import { keptBatches, type ProducerEntry } from './producer-entry.ts'
import type { ProducerState } from './producer-state.ts'
import type { Segment } from './segment.ts'

/** A producer that was silent for longer does not send again what it sent before. */
const recentMs = 3_600_000
/**
 * How far back batches are looked for, in entries of the offset index: as many batches, or more where they are small. One
 * producer has five in flight.
 */
const lookedAtEntries = 128

/** The last batches of a producer that were found, the oldest first: first and last sequence, first and last offset. */
type Found = [number, number, number, number][]

/**
 * A producer snapshot has the last batch of each producer only. Those before it are looked for in the log, before the
 * snapshot's offset: without them a producer whose requests were cut off by a crash right after a roll would be answered
 * OUT_OF_ORDER_SEQUENCE_NUMBER for what is there.
 */
export function restoreRecentBatches(
  segments: readonly Segment[],
  producers: ProducerState,
  { before, now }: { readonly before: number; readonly now: number },
): void {
  const wanted = new Map<number, Found>()
  for (const entry of producers.entries()) {
    if (entry.lastSequence >= 0 && now - entry.lastAppended < recentMs) wanted.set(entry.producerId, [])
  }
  if (wanted.size === 0) return
  let left = lookedAtEntries
  const parts: { segment: Segment; position: number }[] = []
  for (const segment of segments.toReversed()) {
    if (segment.baseOffset >= before || left <= 0) continue
    const count = segment.offsetIndex.countBelow(before)
    parts.unshift({ segment, position: segment.offsetIndex.positionAt(count - left) })
    left -= count
  }
  for (const { segment, position } of parts) {
    const scan = segment.scan(position, 'headers')
    while (scan.next() === BatchCheck.ok && lastOffset(scan.bytes, scan.at) < before) {
      const { at, bytes } = scan
      const found = wanted.get(producerId(bytes, at))
      if (!found || isControl(bytes, at)) continue
      const entry = producers.entry(producerId(bytes, at)) as ProducerEntry
      if (producerEpoch(bytes, at) !== entry.epoch || baseSequence(bytes, at) < 0) continue
      if (found.length === keptBatches) found.shift()
      found.push([baseSequence(bytes, at), lastSequence(bytes, at), baseOffset(bytes, at), lastOffset(bytes, at)])
    }
    if (segment !== segments.at(-1)) segment.close()
  }
  for (const [id, found] of wanted) {
    const entry = producers.entry(id) as ProducerEntry
    if (found.at(-1)?.[3] !== entry.lastOffset) continue
    entry.restart(entry.epoch)
    for (const batch of found) entry.add(...batch)
  }
}
