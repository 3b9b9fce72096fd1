import { baseOffset, isControl, isTransactional, lastOffset, lastSequence, producerId } from '@millrace/kafka'
import { readEndTxnMarker } from '../../src/log/index.ts'
import type { AbortedTransaction } from '../../src/log/index.ts'
import type { FoundBatch } from './fixture.ts'

/** One batch that was appended. */
export interface Appended {
  readonly offset: number
  readonly endOffset: number
  readonly kind: 'data' | 'transactional' | 'commit' | 'abort'
  readonly producerId: number
  /** Of data that has one. */
  readonly lastSequence?: number
}

/** The same of a batch with its offset. */
export function appendedOf(batch: Uint8Array): Appended {
  const offset = baseOffset(batch, 0)
  const marker = isControl(batch, 0) ? readEndTxnMarker(batch, 0) : undefined
  const data = isTransactional(batch, 0) ? 'transactional' : 'data'
  const kind = marker ? (marker.commit ? 'commit' : 'abort') : data
  return {
    offset,
    endOffset: lastOffset(batch, 0) + 1,
    kind,
    producerId: producerId(batch, 0),
    ...(!marker && { lastSequence: lastSequence(batch, 0) }),
  }
}

interface ModelTransaction {
  readonly producerId: number
  readonly firstOffset: number
  /** Of the marker, Infinity while it is open. */
  readonly lastOffset: number
  readonly aborted: boolean
}

/** The transactions in a list of batches, in the order in which they began: read off, one after the other. */
export function transactionsIn(log: readonly Appended[]): ModelTransaction[] {
  const found: ModelTransaction[] = []
  const open = new Map<number, number>()
  for (const { kind, offset, producerId: id } of log) {
    if (kind === 'transactional' && !open.has(id)) {
      open.set(id, found.length)
      found.push({ producerId: id, firstOffset: offset, lastOffset: Number.POSITIVE_INFINITY, aborted: false })
    }
    if (kind !== 'commit' && kind !== 'abort') continue
    const at = open.get(id)
    open.delete(id)
    if (at === undefined) continue
    found[at] = { ...(found[at] as ModelTransaction), lastOffset: offset, aborted: kind === 'abort' }
  }
  return found
}

/** The law: the high watermark, or the first offset of a transaction that is not decided by a marker below it. */
export function lastStableOffset(log: readonly Appended[], highWatermark: number, logStartOffset: number): number {
  const unstable = transactionsIn(log)
    .filter(({ lastOffset }) => lastOffset >= highWatermark)
    .map(({ firstOffset }) => firstOffset)
  return Math.max(logStartOffset, Math.min(highWatermark, ...unstable))
}

/** Offsets that a consumer of read_committed is to see, of those below the last stable offset. */
export function committedOffsets(log: readonly Appended[], stable: number, logStartOffset: number): number[] {
  const aborted = transactionsIn(log).filter((transaction) => transaction.aborted)
  const isAborted = ({ kind, offset, producerId: id }: Appended) =>
    kind === 'transactional' &&
    aborted.some((one) => one.producerId === id && one.firstOffset <= offset && offset < one.lastOffset)
  return log
    .filter((batch) => (batch.kind === 'data' || batch.kind === 'transactional') && !isAborted(batch))
    .flatMap(({ offset, endOffset }) => Array.from({ length: endOffset - offset }, (_, i) => offset + i))
    .filter((offset) => offset >= logStartOffset && offset < stable)
}

/** What Kafka's consumer makes of a fetch: the offsets of the records that it hands to its user. */
export function consume(
  batches: readonly FoundBatch[],
  abortedTransactions: readonly AbortedTransaction[],
  from: number,
): number[] {
  const waiting = [...abortedTransactions].sort((a, b) => a.firstOffset - b.firstOffset)
  const aborted = new Set<number>()
  const offsets: number[] = []
  for (const { bytes, endOffset, offset } of batches) {
    while (waiting.length > 0 && (waiting[0] as AbortedTransaction).firstOffset < endOffset) {
      aborted.add((waiting.shift() as AbortedTransaction).producerId)
    }
    const id = producerId(bytes, 0)
    if (isControl(bytes, 0)) {
      if (readEndTxnMarker(bytes, 0)?.commit === false) aborted.delete(id)
      continue
    }
    if (isTransactional(bytes, 0) && aborted.has(id)) continue
    for (let at = Math.max(offset, from); at < endOffset; at++) offsets.push(at)
  }
  return offsets
}
