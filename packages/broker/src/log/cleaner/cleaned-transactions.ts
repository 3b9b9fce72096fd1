import {
  BatchCheck,
  type ControlType,
  controlType,
  indexRecords,
  isTransactional,
  lastOffset,
  producerId,
  type RecordIndex,
} from '@millrace/kafka'
import type { CompletedTransaction } from '../ongoing-transactions.ts'
import type { TransactionIndex } from '../transaction-index.ts'

/** An entry of a `.txnindex`. */
export type AbortedRange = Omit<CompletedTransaction, 'isAborted'>

interface OngoingAbort {
  readonly range: AbortedRange
  /** The transaction has batches in what was read so far. */
  seen: boolean
}

/**
 * Which transactions a walk over a log's batches is in: what belongs to an aborted one is taken out, a marker only when
 * nothing of its transaction is left (Kafka's `CleanedTransactionMetadata`).
 */
export class CleanedTransactions {
  /** Not yet reached, by first offset, the next one last. */
  #waiting: AbortedRange[] = []
  readonly #aborts = new Map<number, OngoingAbort>()
  /** Producers with a committed transaction of which a batch was read. */
  readonly #committed = new Set<number>()
  /** Where the aborted transactions go that still have their marker, and whose batches went in this round. */
  index: TransactionIndex | undefined

  add(ranges: readonly AbortedRange[]): void {
    if (ranges.length > 0) this.#waiting = [...this.#waiting, ...ranges].sort((a, b) => b.firstOffset - a.firstOffset)
  }

  /** Reads a batch of data; answers whether it was aborted. */
  batch(bytes: Uint8Array, at: number): boolean {
    this.#reach(lastOffset(bytes, at))
    if (!isTransactional(bytes, at)) return false
    const id = producerId(bytes, at)
    const abort = this.#aborts.get(id)
    if (!abort) {
      this.#committed.add(id)
      return false
    }
    abort.seen = true
    return true
  }

  /** Reads a control batch; answers whether nothing is left of the transaction that it ends. `records` is overwritten. */
  controlBatch(bytes: Uint8Array, at: number, records: RecordIndex): boolean {
    this.#reach(lastOffset(bytes, at))
    // One that was emptied before ends nothing any more.
    const type: ControlType | 'none' =
      indexRecords(bytes, at, records) === BatchCheck.ok && records.count > 0 ? controlType(records) : 'none'
    const id = producerId(bytes, at)
    switch (type) {
      case 'none':
        return true
      case 'abort': {
        const abort = this.#aborts.get(id)
        this.#aborts.delete(id)
        if (!abort?.seen) return true
        this.index?.append(abort.range)
        return false
      }
      case 'commit':
        return !this.#committed.delete(id)
      case 'other':
        return false
    }
  }

  #reach(offset: number): void {
    const waiting = this.#waiting
    while (waiting.length > 0 && (waiting[waiting.length - 1] as AbortedRange).firstOffset <= offset) {
      const range = waiting.pop() as AbortedRange
      if (!this.#aborts.has(range.producerId)) this.#aborts.set(range.producerId, { range, seen: false })
    }
  }
}
