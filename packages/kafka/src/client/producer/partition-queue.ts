import { assert } from '@millrace/std'
import type { ProducerBatch, ProducerIdentity } from './producer-batch.ts'

/**
 * A broker recognizes the latest five batches of a producer when they come again. While one is undecided, no more than
 * that may follow it, or its repeat could be written twice: it can happen when the leader moves and the answer of the old
 * one is lost.
 */
const REMEMBERED_BATCHES = 5

/**
 * The batches of one partition in the order in which they must be written, and the sequence numbers of an idempotent
 * producer: each batch is numbered once when it first leaves and keeps its number over retries.
 */
export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  /** Not sent, or to be sent again; the last one may still be open. */
  readonly waiting: ProducerBatch[] = []
  /** Sent and not answered. */
  readonly onWire = new Set<ProducerBatch>()
  /** Numbered and neither completed nor failed, by sequence. */
  readonly unacknowledged: ProducerBatch[] = []
  identity: ProducerIdentity | undefined
  /**
   * A batch was given up, or the broker lost what it knew: the next numbers would leave a gap. As soon as nothing is on
   * the wire, and nothing is left of which nobody knows whether it was written, numbering starts anew under a higher epoch
   * (KIP-360).
   */
  needsNewEpoch = false
  #nextSequence = 0
  /** How many batches have left: gives each its place. */
  #closed = 0

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0 && this.onWire.size === 0
  }

  /** The batch that takes more records, if there is one. */
  get open(): ProducerBatch | undefined {
    const last = this.waiting[this.waiting.length - 1]
    return last && !last.isClosed ? last : undefined
  }

  /**
   * Whether the first batch may leave as far as order is concerned: one that is sent again waits for its turn, so that
   * it cannot arrive before another that failed with it.
   */
  get mayLeave(): boolean {
    const head = this.waiting[0]
    if (!head) return false
    if (this.needsNewEpoch) return false
    const [oldest] = this.unacknowledged
    if (head.hasSequence) return head === oldest
    return oldest === undefined || this.#closed - oldest.ordinal < REMEMBERED_BATCHES
  }

  /** Ends a batch that is about to leave for the first time; with numbers, if the producer is idempotent. */
  close(batch: ProducerBatch): void {
    batch.ordinal = this.#closed++
    if (!this.identity) {
      batch.close()
      return
    }
    const baseSequence = this.#nextSequence
    this.#nextSequence = advance(baseSequence, batch.builder.recordCount)
    this.unacknowledged.push(batch)
    batch.close({ ...this.identity, baseSequence })
  }

  /** Whether a batch may have been written without an answer: under other numbers it could be written twice. */
  get hasUndecided(): boolean {
    return this.unacknowledged.some(({ isUndecided }) => isUndecided)
  }

  /** Whether the first batch may leave, under its number, only so that what may have been written is decided. */
  get mayDecide(): boolean {
    const [head] = this.waiting
    return head !== undefined && head === this.unacknowledged[0] && this.hasUndecided
  }

  /** The broker misses an earlier number, or knows none: nothing that is unacknowledged was written under its own. */
  decideUnwritten(): void {
    for (const batch of this.unacknowledged) batch.isUndecided = false
    this.needsNewEpoch = true
  }

  /** True when nothing numbered lies before the batch: an out-of-order answer then means that the broker lost records. */
  isNextExpected(batch: ProducerBatch): boolean {
    return this.unacknowledged[0] === batch
  }

  /** Starts numbering at 0 under `identity`, and renumbers what was numbered before and is to be sent again. */
  startEpoch(identity: ProducerIdentity): void {
    assert(this.onWire.size === 0 && !this.hasUndecided, 'numbers do not change under a request')
    this.needsNewEpoch = false
    this.identity = identity
    this.#nextSequence = 0
    for (const batch of this.unacknowledged) {
      batch.ordinal = this.#closed++
      batch.renumber({ ...identity, baseSequence: this.#nextSequence })
      this.#nextSequence = advance(this.#nextSequence, batch.recordCount)
    }
  }

  /** Back into the queue, before what comes after it. */
  requeue(batch: ProducerBatch): void {
    this.onWire.delete(batch)
    const next = this.waiting.findIndex(({ ordinal }) => ordinal < 0 || ordinal >= batch.ordinal)
    this.waiting.splice(next < 0 ? this.waiting.length : next, 0, batch)
  }

  /** Replaces a batch on the wire by its parts, which take over its sequence numbers. */
  replace(batch: ProducerBatch, parts: readonly ProducerBatch[]): void {
    const at = this.unacknowledged.indexOf(batch)
    let sequence = batch.baseSequence
    for (const part of parts) {
      const { producerId, producerEpoch, isTransactional: transactional } = batch
      if (at < 0) part.close()
      else part.close({ producerId, producerEpoch, transactional, baseSequence: sequence })
      part.ordinal = batch.ordinal
      sequence = advance(sequence, part.recordCount)
    }
    if (at >= 0) this.unacknowledged.splice(at, 1, ...parts)
    this.#closed += parts.length - 1
    this.onWire.delete(batch)
    // Equal ordinals: each goes before the one that was put back last.
    for (const part of [...parts].reverse()) this.requeue(part)
  }

  /** The batch is completed or failed. */
  remove(batch: ProducerBatch): void {
    this.onWire.delete(batch)
    const queued = this.waiting.indexOf(batch)
    if (queued >= 0) this.waiting.splice(queued, 1)
    const numbered = this.unacknowledged.indexOf(batch)
    if (numbered >= 0) this.unacknowledged.splice(numbered, 1)
  }
}

/** Sequence numbers run from 0 to 2^31 - 1 and then start again. */
function advance(sequence: number, count: number): number {
  return (sequence + count) & 0x7fff_ffff
}
