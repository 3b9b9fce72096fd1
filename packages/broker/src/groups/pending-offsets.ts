import type { ProducerIdentity } from '../journal/journal.ts'
import { isSameCommit, type OffsetKey, type OffsetValue } from './group-records.ts'

/** An offset that counts once the transaction of its producer is committed. */
export interface PendingOffset {
  readonly key: OffsetKey
  readonly value: OffsetValue
  readonly transaction: ProducerIdentity
  /** Larger than that of those that were written before it. */
  readonly order: number
  /** Another commit of the same offset has come since and counts already: this one is too late. */
  isOvertaken: boolean
}

/**
 * Offsets that open transactions have committed (KIP-98), by producer and by what they are for. They change only by
 * replay. Of two commits of an offset the one that was written later wins, whenever their transactions end.
 */
export class PendingOffsets {
  /** In the order in which they were written. */
  readonly #byProducer = new Map<number, Set<PendingOffset>>()
  /** By group, topic, partition, producer. */
  readonly #groups = new Map<string, Map<string, Map<number, Map<number, PendingOffset>>>>()
  /** All, in the order in which they were written. */
  readonly #all = new Set<PendingOffset>()
  #nextOrder = 0

  has({ group, topic, partition }: OffsetKey): boolean {
    return this.#groups.get(group)?.get(topic)?.has(partition) ?? false
  }

  hasGroup(group: string): boolean {
    return this.#groups.has(group)
  }

  /** What open transactions have committed for a group. */
  *keysOf(group: string): Generator<OffsetKey> {
    for (const [topic, partitions] of this.#groups.get(group) ?? []) {
      for (const partition of partitions.keys()) yield { group, topic, partition }
    }
  }

  /** What open transactions have committed in a topic. */
  *keysIn(topic: string): Generator<OffsetKey> {
    for (const [group, topics] of this.#groups) {
      for (const partition of topics.get(topic)?.keys() ?? []) yield { group, topic, partition }
    }
  }

  /**
   * What is pending already is no new commit: it is the beginning of a snapshot that a crash has cut short. It keeps its
   * place among the others.
   */
  add(key: OffsetKey, value: OffsetValue, transaction: ProducerIdentity): void {
    const { producerEpoch, producerId } = transaction
    const before = this.#of(key)?.get(producerId)
    if (before?.transaction.producerEpoch === producerEpoch && isSameCommit(before.value, value)) return
    if (before) this.#remove(before)
    const pending: PendingOffset = { key, value, transaction, order: this.#nextOrder++, isOvertaken: false }
    this.#all.add(pending)
    let ofProducer = this.#byProducer.get(producerId)
    if (!ofProducer) this.#byProducer.set(producerId, (ofProducer = new Set()))
    ofProducer.add(pending)
    let topics = this.#groups.get(key.group)
    if (!topics) this.#groups.set(key.group, (topics = new Map()))
    let partitions = topics.get(key.topic)
    if (!partitions) topics.set(key.topic, (partitions = new Map()))
    let producers = partitions.get(key.partition)
    if (!producers) partitions.set(key.partition, (producers = new Map()))
    producers.set(producerId, pending)
  }

  /** A commit of an offset counts: those that were written before it are too late. `before`: its order, if it was pending. */
  overtake(key: OffsetKey, before = Number.POSITIVE_INFINITY): void {
    for (const pending of this.#of(key)?.values() ?? []) if (pending.order < before) pending.isOvertaken = true
  }

  /** An offset was deleted, and what is pending for it. */
  forget(key: OffsetKey): void {
    for (const pending of [...(this.#of(key)?.values() ?? [])]) this.#remove(pending)
  }

  /** A transaction has ended. Answers its offsets that count if it was committed, in the order in which they were written. */
  end(producerId: number): readonly PendingOffset[] {
    const ended = [...(this.#byProducer.get(producerId) ?? [])]
    for (const pending of ended) this.#remove(pending)
    return ended.filter(({ isOvertaken }) => !isOvertaken)
  }

  entries(): IterableIterator<PendingOffset> {
    return this.#all.values()
  }

  #of({ group, topic, partition }: OffsetKey): Map<number, PendingOffset> | undefined {
    return this.#groups.get(group)?.get(topic)?.get(partition)
  }

  #remove(pending: PendingOffset): void {
    const { key, transaction } = pending
    this.#all.delete(pending)
    const ofProducer = this.#byProducer.get(transaction.producerId)
    ofProducer?.delete(pending)
    if (ofProducer?.size === 0) this.#byProducer.delete(transaction.producerId)
    const topics = this.#groups.get(key.group)
    const partitions = topics?.get(key.topic)
    const producers = partitions?.get(key.partition)
    producers?.delete(transaction.producerId)
    if (producers?.size === 0) partitions?.delete(key.partition)
    if (partitions?.size === 0) topics?.delete(key.topic)
    if (topics?.size === 0) this.#groups.delete(key.group)
  }
}
