import {
  BatchCheck,
  baseOffset as startOf,
  baseSequence,
  batchSize,
  lastOffsetDelta,
  lastOffset,
  partitionLeaderEpoch,
  patchBaseOffset,
  patchLeaderEpoch,
  producerEpoch,
  producerId,
  recordCount,
  validateBatch,
} from '../../../src/records/index.ts'
import { ErrorCode } from '../../../src/errors/index.ts'

interface ProducerState {
  epoch: number
  nextSequence: number
  /** The latest batches: a repeat of one of them is answered with its offset. */
  recent: { sequence: number; baseOffset: number }[]
}

/** One partition of a fake broker: batches in memory, with the sequence checks of a real one. */
export class FakeLog {
  readonly batches: Uint8Array[] = []
  endOffset = 0
  startOffset = 0
  leader = 0
  leaderEpoch = 0
  readonly #producers = new Map<number, ProducerState>()

  append(records: Uint8Array): { errorCode: number; baseOffset: number } {
    const refuse = (errorCode: number) => ({ errorCode, baseOffset: -1 })
    if (validateBatch(records, 0, records.byteLength) !== BatchCheck.ok) return refuse(ErrorCode.CORRUPT_MESSAGE)
    if (batchSize(records, 0) !== records.byteLength) return refuse(ErrorCode.INVALID_RECORD)
    const id = producerId(records, 0)
    const sequence = baseSequence(records, 0)
    if (id >= 0) {
      const epoch = producerEpoch(records, 0)
      const known = this.#producers.get(id)
      if (known && epoch < known.epoch) return refuse(ErrorCode.INVALID_PRODUCER_EPOCH)
      const isNewEpoch = !known || epoch > known.epoch
      const state = isNewEpoch ? { epoch, nextSequence: 0, recent: [] } : known
      const repeat = state.recent.find((batch) => batch.sequence === sequence)
      if (repeat) return { errorCode: ErrorCode.NONE, baseOffset: repeat.baseOffset }
      if (sequence !== state.nextSequence) return refuse(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
      state.nextSequence = sequence + recordCount(records, 0)
      state.recent = [...state.recent.slice(-4), { sequence, baseOffset: this.endOffset }]
      this.#producers.set(id, state)
    }
    return { errorCode: ErrorCode.NONE, baseOffset: this.appendUnchecked(records) }
  }

  /** Returns the base offset. */
  appendUnchecked(records: Uint8Array): number {
    const stored = Uint8Array.from(records)
    const baseOffset = this.endOffset
    patchBaseOffset(stored, 0, baseOffset)
    patchLeaderEpoch(stored, 0, this.leaderEpoch)
    this.endOffset += lastOffsetDelta(stored, 0) + 1
    this.batches.push(stored)
    return baseOffset
  }

  /** A new leader that lacks what comes from `offset` on, which must be where a batch begins. */
  lose(offset: number): void {
    while (this.endOffset > offset) {
      const last = this.batches.pop() as Uint8Array
      this.endOffset -= lastOffsetDelta(last, 0) + 1
    }
    this.leaderEpoch++
  }

  /** Where the last epoch ends that is not above this one. */
  endOfEpoch(epoch: number): { leaderEpoch: number; endOffset: number } {
    const later = this.batches.find((batch) => partitionLeaderEpoch(batch, 0) > epoch)
    const within = this.batches.filter((batch) => partitionLeaderEpoch(batch, 0) <= epoch)
    const leaderEpoch = within.length > 0 ? partitionLeaderEpoch(within.at(-1) as Uint8Array, 0) : -1
    return { leaderEpoch, endOffset: later ? startOf(later, 0) : this.endOffset }
  }

  /** What the broker knows of producers is gone, as after a restart from a damaged snapshot. */
  forgetProducers(): void {
    this.#producers.clear()
  }

  /** Whole batches from the one that holds `offset` on, at least one. */
  read(offset: number, maxBytes: number): Uint8Array {
    const wanted = this.batches.filter((batch) => lastOffset(batch, 0) >= offset)
    let size = 0
    const taken = wanted.filter((batch, i) => {
      size += batch.byteLength
      return i === 0 || size <= maxBytes
    })
    return Buffer.concat(taken)
  }
}
