import {
  ErrorCode,
  baseSequence,
  isControl,
  isTransactional,
  lastOffset,
  lastOffsetDelta,
  lastSequence,
  maxTimestamp,
  NO_PRODUCER_EPOCH,
  producerEpoch,
  producerId,
} from '@millrace/kafka'
import type { AppendOrigin } from './append.ts'
import { readEndTxnMarker } from './end-txn-marker.ts'
import { type CompletedTransaction, OngoingTransactions } from './ongoing-transactions.ts'
import { ProducerEntry } from './producer-entry.ts'

/** From this transaction version on an epoch belongs to one transaction (KIP-890). */
const epochPerTransaction = 2
const none: readonly CompletedTransaction[] = []

/** What DescribeProducers tells of a producer. -1 stands for what there is not. */
export interface ProducerDescription {
  readonly producerId: number
  readonly producerEpoch: number
  readonly lastSequence: number
  /** Of its last record or marker, milliseconds. */
  readonly lastTimestamp: number
  readonly coordinatorEpoch: number
  /** Where its open transaction begins. */
  readonly currentTxnStartOffset: number
}

/**
 * The producers of a partition and their open transactions (KIP-98; Kafka's `ProducerStateManager`, `ProducerAppendInfo`).
 *
 * {@link check} changes nothing; {@link update} is called for a batch that is in the log. Between {@link begin} and
 * {@link commit} the updates of a group of batches can be taken back by {@link rollback}.
 */
export class ProducerState {
  readonly transactions = new OngoingTransactions()
  readonly #producers = new Map<number, ProducerEntry>()
  #isGroup = false
  /** For {@link rollback}: entries as they were before the group, undefined for those that did not exist. */
  #before: Map<number, ProducerEntry | undefined> | undefined
  /** First offsets of the transactions that the group began, and those that it ended. */
  readonly #started: number[] = []
  readonly #completed: CompletedTransaction[] = []
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
    if (entry.currentTxnFirstOffset >= 0) this.transactions.start(entry.currentTxnFirstOffset, entry.producerId)
  }

  clear(): void {
    this.#producers.clear()
    this.transactions.clear()
  }

  hasOngoingTransaction(id: number, epoch: number): boolean {
    const entry = this.#producers.get(id)
    return entry !== undefined && entry.epoch === epoch && entry.currentTxnFirstOffset >= 0
  }

  *describeAll(): Iterable<ProducerDescription> {
    for (const entry of this.#producers.values()) {
      yield {
        producerId: entry.producerId,
        producerEpoch: entry.epoch,
        lastSequence: entry.lastSequence,
        lastTimestamp: entry.lastTimestamp,
        coordinatorEpoch: entry.coordinatorEpoch,
        currentTxnStartOffset: entry.currentTxnFirstOffset,
      }
    }
  }

  /**
   * Judges the batch at `at`, which has a producer id. `none` with {@link duplicateOffset} not -1: it is in the log already
   * and must not be appended again. `transactionVersion`: what a marker, or the transaction of a client's batch, is under.
   */
  check(bytes: Uint8Array, at: number, origin: AppendOrigin = 'client', transactionVersion = 0): number {
    this.duplicateOffset = -1
    const entry = this.#producers.get(producerId(bytes, at))
    if (isControl(bytes, at)) return checkMarker(entry, bytes, at, transactionVersion)
    if (origin === 'client') {
      const errorCode = this.#checkSequence(entry, bytes, at, transactionVersion)
      if (errorCode !== ErrorCode.NONE || this.duplicateOffset >= 0) return errorCode
    } else if (entry && producerEpoch(bytes, at) < entry.epoch) {
      return ErrorCode.INVALID_PRODUCER_EPOCH
    }
    const isOutside = entry !== undefined && entry.currentTxnFirstOffset >= 0 && !isTransactional(bytes, at)
    return isOutside ? ErrorCode.INVALID_TXN_STATE : ErrorCode.NONE
  }

  #checkSequence(entry: ProducerEntry | undefined, bytes: Uint8Array, at: number, transactionVersion: number): number {
    const first = baseSequence(bytes, at)
    const isNew = !entry || entry.epoch === NO_PRODUCER_EPOCH
    if (transactionVersion >= epochPerTransaction && first !== 0 && isTransactional(bytes, at)) {
      // Its epoch began with this transaction, so there is nothing that could have gone with old segments.
      if (isNew || (entry.count === 0 && entry.currentTxnFirstOffset < 0)) return ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    }
    // Nothing known (any more, or yet): any sequence is accepted, as the state may have gone with old segments.
    if (isNew) return ErrorCode.NONE
    const epoch = producerEpoch(bytes, at)
    if (epoch < entry.epoch) return ErrorCode.INVALID_PRODUCER_EPOCH
    if (epoch > entry.epoch) return first === 0 ? ErrorCode.NONE : ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    this.duplicateOffset = entry.offsetOf(first, lastSequence(bytes, at))
    if (this.duplicateOffset >= 0) return ErrorCode.NONE
    // After 2^31 - 1 comes 0; after "none" (-1) as well.
    const expected = (entry.lastSequence + 1) & 0x7fff_ffff
    return first === expected ? ErrorCode.NONE : ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
  }

  /** Why {@link check} refuses the batch at `at`, a sentence. */
  describe(bytes: Uint8Array, at: number, errorCode: number): string {
    const id = producerId(bytes, at)
    const entry = this.#producers.get(id)
    if (errorCode === ErrorCode.INVALID_TXN_STATE) {
      return `Producer ${id} sent a batch outside of its transaction, which is open since offset ${entry?.currentTxnFirstOffset}.`
    }
    if (errorCode === ErrorCode.TRANSACTION_COORDINATOR_FENCED) {
      return `A marker of producer ${id} comes from a coordinator before epoch ${entry?.coordinatorEpoch}.`
    }
    const sent = isControl(bytes, at) ? 'a marker' : `sequence ${baseSequence(bytes, at)}`
    return (
      `Producer ${id} sent epoch ${producerEpoch(bytes, at)} and ${sent}; ` +
      `the log has epoch ${entry?.epoch ?? -1} and sequence ${entry?.lastSequence ?? -1} as its last.`
    )
  }

  /**
   * Takes note of the batch at `at`, whose base offset is in place and which is there as a whole if it is a control batch.
   * `now`: the broker's clock, milliseconds. Answers the transaction that it ends, if any.
   */
  update(bytes: Uint8Array, at: number, now: number): CompletedTransaction | undefined {
    if (isControl(bytes, at)) return this.#endTransaction(bytes, at, now)
    const entry = this.#entryFor(bytes, at, now)
    const last = lastOffset(bytes, at)
    const first = last - lastOffsetDelta(bytes, at)
    entry.lastTimestamp = maxTimestamp(bytes, at)
    entry.add(baseSequence(bytes, at), lastSequence(bytes, at), first, last)
    if (entry.currentTxnFirstOffset < 0 && isTransactional(bytes, at)) {
      entry.currentTxnFirstOffset = first
      this.transactions.start(first, entry.producerId)
      if (this.#isGroup) this.#started.push(first)
    }
    return undefined
  }

  #endTransaction(bytes: Uint8Array, at: number, now: number): CompletedTransaction | undefined {
    const marker = readEndTxnMarker(bytes, at)
    // Compaction has taken the marker out: then nothing of its transaction is left.
    if (!marker) return undefined
    const entry = this.#entryFor(bytes, at, now)
    entry.lastTimestamp = maxTimestamp(bytes, at)
    entry.coordinatorEpoch = marker.coordinatorEpoch
    const first = entry.currentTxnFirstOffset
    if (first < 0) return undefined
    entry.currentTxnFirstOffset = -1
    const completed = this.transactions.complete(first, lastOffset(bytes, at), { isAborted: !marker.commit })
    if (this.#isGroup) this.#completed.push(completed)
    return completed
  }

  /** The entry of the batch's producer, in the batch's epoch. */
  #entryFor(bytes: Uint8Array, at: number, now: number): ProducerEntry {
    const id = producerId(bytes, at)
    let entry = this.#producers.get(id)
    if (this.#isGroup) {
      this.#before ??= new Map()
      if (!this.#before.has(id)) this.#before.set(id, entry?.copy())
    }
    const epoch = producerEpoch(bytes, at)
    if (!entry) {
      entry = new ProducerEntry(id, epoch, now)
      this.#producers.set(id, entry)
    } else if (epoch !== entry.epoch) {
      entry.restart(epoch)
    }
    entry.lastAppended = now
    return entry
  }

  begin(): void {
    this.#isGroup = true
  }

  /** Answers the transactions that the group has ended. */
  commit(): readonly CompletedTransaction[] {
    const completed = this.#completed.length > 0 ? [...this.#completed] : none
    this.#endGroup()
    return completed
  }

  rollback(): void {
    if (!this.#isGroup) return
    for (const transaction of this.#completed.reverse()) this.transactions.reopen(transaction)
    for (const firstOffset of this.#started) this.transactions.cancel(firstOffset)
    for (const [id, entry] of this.#before ?? []) {
      if (entry) this.#producers.set(id, entry)
      else this.#producers.delete(id)
    }
    this.#endGroup()
  }

  #endGroup(): void {
    this.#isGroup = false
    if (this.#before && this.#before.size > 0) this.#before.clear()
    this.#started.length = 0
    this.#completed.length = 0
  }

  /**
   * Forgets producers that appended nothing, not even a marker (KAFKA-9144), since `before` (milliseconds since the
   * epoch) and have no open transaction.
   */
  expire(before: number): void {
    for (const entry of this.#producers.values()) {
      if (entry.lastAppended <= before && entry.currentTxnFirstOffset < 0) this.#producers.delete(entry.producerId)
    }
  }
}

/**
 * A marker must not be of an older epoch than its producer's last batch. With transaction version 2 it must be of a newer
 * one, or it is one that comes late and would end the next transaction (KAFKA-17754); but one that is sent again after its
 * transaction has ended does no harm (KAFKA-19999).
 */
function checkMarker(
  entry: ProducerEntry | undefined,
  bytes: Uint8Array,
  at: number,
  transactionVersion: number,
): number {
  if (!entry) return ErrorCode.NONE
  const epoch = producerEpoch(bytes, at)
  const isLate =
    transactionVersion >= epochPerTransaction && entry.currentTxnFirstOffset >= 0
      ? epoch <= entry.epoch
      : epoch < entry.epoch
  if (isLate) return ErrorCode.INVALID_PRODUCER_EPOCH
  const marker = readEndTxnMarker(bytes, at)
  const isFenced = marker !== undefined && marker.coordinatorEpoch < entry.coordinatorEpoch
  return isFenced ? ErrorCode.TRANSACTION_COORDINATOR_FENCED : ErrorCode.NONE
}
