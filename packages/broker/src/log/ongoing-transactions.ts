import { assert } from '@millrace/std'

/** A transaction that a marker ended. */
export interface CompletedTransaction {
  readonly producerId: number
  readonly firstOffset: number
  /** Offset of the marker. */
  readonly lastOffset: number
  readonly isAborted: boolean
  /** Where the first transaction begins that is open beside it, else the offset after the marker. */
  readonly lastStableOffset: number
}

/**
 * The transactions of a partition that consumers of `read_committed` must not see beyond: those that are open, and those
 * that are decided by a marker which consumers cannot see yet (Kafka's `unreplicatedTxns`).
 */
export class OngoingTransactions {
  /** Where the open ones begin, ascending, and whose they are. */
  readonly #firstOffsets: number[] = []
  readonly #producerIds: number[] = []
  /** First and last offsets of the decided ones, in the order of their markers. */
  readonly #decidedFirst: number[] = []
  readonly #decidedLast: number[] = []
  /** Smallest first offset of all, Infinity when there is none. */
  #first = Number.POSITIVE_INFINITY

  /** Open ones. */
  get size(): number {
    return this.#firstOffsets.length
  }

  /** Where the first open one begins; Infinity when none is open. */
  get firstUndecidedOffset(): number {
    return this.#firstOffsets[0] ?? Number.POSITIVE_INFINITY
  }

  /** Open ones, in the order in which they began. */
  *open(): Iterable<{ readonly producerId: number; readonly firstOffset: number }> {
    for (const [i, firstOffset] of this.#firstOffsets.entries()) {
      yield { producerId: this.#producerIds[i] as number, firstOffset }
    }
  }

  start(firstOffset: number, producerId: number): void {
    const at = this.#indexOf(firstOffset)
    this.#firstOffsets.splice(at, 0, firstOffset)
    this.#producerIds.splice(at, 0, producerId)
    this.#first = Math.min(this.#first, firstOffset)
  }

  /** It never began: its first batch was not written. */
  cancel(firstOffset: number): void {
    this.#remove(firstOffset)
    this.#findFirst()
  }

  /** The marker at `lastOffset` ends the transaction that began at `firstOffset`. */
  complete(firstOffset: number, lastOffset: number, { isAborted }: { isAborted: boolean }): CompletedTransaction {
    const producerId = this.#remove(firstOffset)
    // Until consumers can see the marker it stays undecided for them.
    this.#decidedFirst.push(firstOffset)
    this.#decidedLast.push(lastOffset)
    const lastStableOffset = this.#firstOffsets[0] ?? lastOffset + 1
    return { producerId, firstOffset, lastOffset, isAborted, lastStableOffset }
  }

  /** The marker of the last one that was completed was not written. */
  reopen({ firstOffset, producerId }: CompletedTransaction): void {
    this.#decidedFirst.pop()
    this.#decidedLast.pop()
    this.start(firstOffset, producerId)
  }

  /**
   * The first offset that is not stable while consumers see what lies before `highWatermark`; Infinity when there is none.
   * The high watermark must not go back from call to call.
   */
  firstUnstableOffset(highWatermark: number): number {
    const decided = this.#decidedLast
    if (decided.length > 0 && (decided[0] as number) < highWatermark) {
      let seen = 1
      while (seen < decided.length && (decided[seen] as number) < highWatermark) seen++
      decided.splice(0, seen)
      this.#decidedFirst.splice(0, seen)
      this.#findFirst()
    }
    return this.#first
  }

  clear(): void {
    this.#firstOffsets.length = 0
    this.#producerIds.length = 0
    this.#decidedFirst.length = 0
    this.#decidedLast.length = 0
    this.#first = Number.POSITIVE_INFINITY
  }

  /** Answers whose it was. */
  #remove(firstOffset: number): number {
    const at = this.#indexOf(firstOffset)
    assert(this.#firstOffsets[at] === firstOffset, 'a transaction that ends has begun')
    this.#firstOffsets.splice(at, 1)
    return this.#producerIds.splice(at, 1)[0] as number
  }

  #findFirst(): void {
    this.#first = this.#firstOffsets[0] ?? Number.POSITIVE_INFINITY
    for (const offset of this.#decidedFirst) this.#first = Math.min(this.#first, offset)
  }

  /** Where `firstOffset` is, or belongs. New ones come at the end. */
  #indexOf(firstOffset: number): number {
    const offsets = this.#firstOffsets
    let low = 0
    let high = offsets.length
    if (high > 0 && (offsets[high - 1] as number) < firstOffset) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((offsets[middle] as number) < firstOffset) low = middle + 1
      else high = middle
    }
    return low
  }
}
