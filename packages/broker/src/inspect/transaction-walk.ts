import { isControl, isTransactional, producerId } from '@millrace/kafka'
import { readEndTxnMarker } from '../log/end-txn-marker.ts'
import type { TransactionIndexCheck } from './index-checks.ts'

/** Follows the transactions of a log over its batches, to compare what the `.txnindex` files say. */
export class TransactionWalk {
  /** Offset of the last marker of each producer. */
  readonly #markers = new Map<number, number>()
  /** Where the open transaction of a producer begins, as far as its batches are still there. */
  readonly #open = new Map<number, number>()
  readonly #logStart: number
  readonly #cleanedTo: number

  /** Below `cleanedTo` batches may have been taken out. */
  constructor(logStart: number, cleanedTo: number) {
    this.#logStart = logStart
    this.#cleanedTo = cleanedTo
  }

  batch(bytes: Uint8Array, at: number, offset: number, index: TransactionIndexCheck): void {
    const id = producerId(bytes, at)
    if (!isControl(bytes, at)) {
      if (isTransactional(bytes, at) && !this.#open.has(id)) this.#open.set(id, offset)
      index.other(offset)
      return
    }
    const marker = readEndTxnMarker(bytes, at)
    if (!marker) {
      index.other(offset)
      return
    }
    const first = this.#open.get(id)
    this.#open.delete(id)
    const before = this.#markers.get(id)
    this.#markers.set(id, offset)
    if (marker.commit) {
      index.other(offset)
      return
    }
    // What began before the log does, or has lost batches to compaction, is known in part only.
    const isKnown = first !== undefined && this.#cleanedTo <= first && (before !== undefined || this.#logStart === 0)
    index.marker(offset, id, {
      earliest: isKnown ? first : (before ?? -1) + 1,
      latest: first ?? offset - 1,
      lastStableOffset: isKnown ? this.#firstOpen(offset + 1) : undefined,
      isNeeded: first !== undefined,
    })
  }

  #firstOpen(otherwise: number): number | undefined {
    let first = Number.POSITIVE_INFINITY
    for (const offset of this.#open.values()) first = Math.min(first, offset)
    if (first === Number.POSITIVE_INFINITY) return this.#logStart === 0 && this.#cleanedTo === 0 ? otherwise : undefined
    return this.#logStart === 0 && this.#cleanedTo === 0 ? first : undefined
  }
}
