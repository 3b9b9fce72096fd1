import { NO_SEQUENCE } from '@millrace/kafka'

/** A producer may have this many batches in flight, so that many must be recognised when they are sent again. */
export const keptBatches = 5

const fields = 4
const firstSequenceAt = 0
const lastSequenceAt = 1
const firstOffsetAt = 2
const lastOffsetAt = 3

/** What the log remembers of one producer: its epoch, its open transaction and its last batches, the newest at `newest`. */
export class ProducerEntry {
  readonly producerId: number
  epoch: number
  /** Of the coordinator whose marker was the last one, -1 before there is one. */
  coordinatorEpoch = -1
  /** Wall clock of the broker when it last appended, in milliseconds: record times may be years old. */
  lastAppended: number
  /** Latest timestamp of its last batch, or its marker's. */
  lastTimestamp: number
  /** Where its open transaction begins, -1 when none is open. */
  currentTxnFirstOffset = -1
  count = 0
  newest = -1
  readonly #batches = new Float64Array(keptBatches * fields)

  constructor(producerId: number, epoch: number, lastAppended: number) {
    this.producerId = producerId
    this.epoch = epoch
    this.lastAppended = lastAppended
    this.lastTimestamp = lastAppended
  }

  get lastSequence(): number {
    return this.count === 0 ? NO_SEQUENCE : (this.#batches[this.newest * fields + lastSequenceAt] as number)
  }

  get lastOffset(): number {
    return this.count === 0 ? -1 : (this.#batches[this.newest * fields + lastOffsetAt] as number)
  }

  get firstOffset(): number {
    return this.count === 0 ? -1 : (this.#batches[this.newest * fields + firstOffsetAt] as number)
  }

  add(firstSequence: number, lastSequence: number, firstOffset: number, lastOffset: number): void {
    this.newest = (this.newest + 1) % keptBatches
    if (this.count < keptBatches) this.count++
    const at = this.newest * fields
    this.#batches[at + firstSequenceAt] = firstSequence
    this.#batches[at + lastSequenceAt] = lastSequence
    this.#batches[at + firstOffsetAt] = firstOffset
    this.#batches[at + lastOffsetAt] = lastOffset
  }

  /** A new epoch starts without batches. An open transaction stays open: only a marker ends it. */
  restart(epoch: number): void {
    this.epoch = epoch
    this.count = 0
    this.newest = -1
  }

  /** First offset of the batch with these sequence numbers, or -1 when it is not among the last ones. */
  offsetOf(firstSequence: number, lastSequence: number): number {
    for (let i = 0; i < this.count; i++) {
      const at = ((this.newest - i + keptBatches) % keptBatches) * fields
      if (
        this.#batches[at + firstSequenceAt] === firstSequence &&
        this.#batches[at + lastSequenceAt] === lastSequence
      ) {
        return this.#batches[at + firstOffsetAt] as number
      }
    }
    return -1
  }

  copy(): ProducerEntry {
    const copy = new ProducerEntry(this.producerId, this.epoch, this.lastAppended)
    copy.coordinatorEpoch = this.coordinatorEpoch
    copy.lastTimestamp = this.lastTimestamp
    copy.currentTxnFirstOffset = this.currentTxnFirstOffset
    copy.count = this.count
    copy.newest = this.newest
    copy.#batches.set(this.#batches)
    return copy
  }
}
