import { BatchCheck } from '@millrace/kafka'
import type { LogEventListener } from './log-event.ts'
import { replayBatch, replayProducers } from './producer-replay.ts'
import { ProducerState } from './producer-state.ts'
import type { Segment, SegmentHome } from './segment.ts'
import type { SegmentList } from './segment-list.ts'
import { type AbortedTransaction, TransactionIndex } from './transaction-index.ts'

interface Sources {
  readonly home: SegmentHome
  /** All of the log, in order. */
  readonly segments: Iterable<Segment>
  /** Offsets of the producer snapshots in the folder. */
  readonly snapshots: Set<number>
  readonly report: LogEventListener
}

/**
 * The aborted transactions with records or their marker in the offsets [from, to), in the order of their markers. Looks into
 * the transaction indexes, and makes one again that is damaged. Throws what the file system throws.
 */
export function abortedTransactions(
  from: number,
  to: number,
  log: Sources & { readonly segments: SegmentList },
): readonly AbortedTransaction[] {
  const found: AbortedTransaction[] = []
  for (let i = log.segments.indexOf(from); ; i++) {
    const segment = log.segments.at(i)
    if (!segment || transactionIndexOf(segment, log).collect(from, to, found)) return found
  }
}

/** The segment's transaction index, made again from the log if its file is damaged. */
export function transactionIndexOf(segment: Segment, log: Sources): TransactionIndex {
  return segment.transactionIndex ?? rebuildTransactionIndex(segment, log)
}

function rebuildTransactionIndex(segment: Segment, { home, report, segments, snapshots }: Sources): TransactionIndex {
  const upTo = segment.baseOffset
  const producers = new ProducerState()
  const before = [...segments].filter(({ baseOffset }) => baseOffset < upTo)
  // No clock is needed: of these producers only their transactions matter.
  replayProducers({ home, segments: before, snapshots, producers, now: 0, upTo })
  const index = new TransactionIndex()
  const scan = segment.scan(0, 'headers')
  while (scan.next() === BatchCheck.ok) {
    const completed = replayBatch(scan, producers, 0)
    if (completed?.isAborted) index.append(completed)
  }
  segment.restoreTransactionIndex(index)
  segment.writeTransactionIndex()
  report({ kind: 'index-rebuilt', file: segment.file.path, offset: upTo })
  return index
}
