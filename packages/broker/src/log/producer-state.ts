import {
  ErrorCode,
  baseSequence,
  lastOffset,
  lastOffsetDelta,
  lastSequence,
  NO_PRODUCER_EPOCH,
  NO_SEQUENCE,
  producerEpoch,
  producerId,
} from '@millrace/kafka'

/** A producer may have this many batches in flight, so that many must be recognised when they are sent again. */
const keptBatches = 5

const fields = 4
const firstSequenceAt = 0
const lastSequenceAt = 1
const firstOffsetAt = 2
const lastOffsetAt = 3

/** What the log remembers of one idempotent producer: its epoch and its last batches, the newest at `newest`. */
export class ProducerEntry {
  readonly producerId: number
  epoch: number
  coordinatorEpoch = -1
  /** Wall clock of the broker when it last appended, in milliseconds: record times may be years old. */
  lastAppended: number
  count = 0
  newest = -1
  readonly #batches = new Float64Array(keptBatches * fields)

  constructor(producerId: number, epoch: number, lastAppended: number) {
    this.producerId = producerId
    this.epoch = epoch
    this.lastAppended = lastAppended
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

  /** A new epoch starts without batches. */
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
    copy.count = this.count
    copy.newest = this.newest
    copy.#batches.set(this.#batches)
    return copy
  }
}

/**
 * The idempotent producers of a partition (KIP-98, Kafka's `ProducerStateManager` without transactions).
 *
 * {@link check} changes nothing; {@link update} is called for a batch that is in the log. Between {@link begin} and
 * {@link commit} the updates of a group of batches can be taken back by {@link rollback}.
 */
export class ProducerState {
  readonly #producers = new Map<number, ProducerEntry>()
  /** Entries as they were before the group, undefined for those that did not exist. */
  #journal: Map<number, ProducerEntry | undefined> | undefined
  /** First offset of the batch that the last {@link check} recognised, or -1. */
  duplicateOffset = -1

  get size(): number {
    return this.#producers.size
  }

  entries(): Iterable<ProducerEntry> {
    return this.#producers.values()
  }

  entry(id: number): ProducerEntry | undefined {
    return this.#producers.get(id)
  }

  /** Puts an entry in place, as read from a snapshot. */
  restore(entry: ProducerEntry): void {
    this.#producers.set(entry.producerId, entry)
  }

  clear(): void {
    this.#producers.clear()
  }

  /**
   * Judges the sequence of the batch at `at`, which has a producer id. `none` with {@link duplicateOffset} not -1: it
   * is in the log already and must not be appended again.
   */
  check(bytes: Uint8Array, at: number): number {
    this.duplicateOffset = -1
    const entry = this.#producers.get(producerId(bytes, at))
    // Nothing known (any more, or yet): any sequence is accepted, as the state may have gone with old segments.
    if (!entry || entry.epoch === NO_PRODUCER_EPOCH) return ErrorCode.NONE
    const epoch = producerEpoch(bytes, at)
    if (epoch < entry.epoch) return ErrorCode.INVALID_PRODUCER_EPOCH
    const first = baseSequence(bytes, at)
    if (epoch > entry.epoch) return first === 0 ? ErrorCode.NONE : ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    this.duplicateOffset = entry.offsetOf(first, lastSequence(bytes, at))
    if (this.duplicateOffset >= 0) return ErrorCode.NONE
    // After 2^31 - 1 comes 0; after "none" (-1) as well.
    const expected = (entry.lastSequence + 1) & 0x7fff_ffff
    return first === expected ? ErrorCode.NONE : ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
  }

  /** Why {@link check} refuses the batch at `at`, a sentence. */
  describe(bytes: Uint8Array, at: number): string {
    const entry = this.#producers.get(producerId(bytes, at))
    return (
      `Producer ${producerId(bytes, at)} sent epoch ${producerEpoch(bytes, at)} and sequence ${baseSequence(bytes, at)}; ` +
      `the log has epoch ${entry?.epoch} and sequence ${entry?.lastSequence} as its last.`
    )
  }

  /** Takes note of the batch at `at`, whose base offset is in place. `now`: the broker's clock, milliseconds. */
  update(bytes: Uint8Array, at: number, now: number): void {
    const id = producerId(bytes, at)
    let entry = this.#producers.get(id)
    if (this.#journal && !this.#journal.has(id)) this.#journal.set(id, entry?.copy())
    const epoch = producerEpoch(bytes, at)
    if (!entry) {
      entry = new ProducerEntry(id, epoch, now)
      this.#producers.set(id, entry)
    } else if (epoch !== entry.epoch) {
      entry.restart(epoch)
    }
    entry.lastAppended = now
    const last = lastOffset(bytes, at)
    entry.add(baseSequence(bytes, at), lastSequence(bytes, at), last - lastOffsetDelta(bytes, at), last)
  }

  begin(): void {
    this.#journal = new Map()
  }

  commit(): void {
    this.#journal = undefined
  }

  rollback(): void {
    if (!this.#journal) return
    for (const [id, entry] of this.#journal) {
      if (entry) this.#producers.set(id, entry)
      else this.#producers.delete(id)
    }
    this.#journal = undefined
  }

  /** Forgets producers that appended nothing since `before` (milliseconds since the epoch). */
  expire(before: number): void {
    for (const entry of this.#producers.values()) {
      if (entry.lastAppended < before) this.#producers.delete(entry.producerId)
    }
  }
}
