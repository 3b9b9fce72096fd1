import type { ProducerAnswer } from '../../src/transactions/transaction-coordinator.ts'
import { timeoutMs, topic, type TransactionWorld } from './transaction-world.ts'

let nextTag = 0

/** What a producer was told of a transaction. */
export interface Outcome {
  readonly tag: number
  /** Partitions with records that were acknowledged. */
  readonly acked: number[]
  /** What the broker has said; undefined when nobody can know. */
  commit: boolean | undefined
}

/** One run of a program with a transactional id; there may be others with the same, and older ones. */
export class WorldProducer {
  readonly #world: TransactionWorld
  readonly transactionalId: string
  readonly version: 0 | 2
  readonly outcomes: Outcome[] = []
  #identity: { producerId: number; producerEpoch: number } | undefined
  #current: Outcome | undefined
  /** Answers that are awaited. */
  #busy = 0
  #mustAbort = false
  /** An end that was asked for, until it is answered. */
  #ending: { commit: boolean } | undefined
  /** The last end that was answered: it may be on the wire for a second time. */
  #lastEnd: { producerId: number; producerEpoch: number; commit: boolean } | undefined

  constructor(world: TransactionWorld, transactionalId: string, version: 0 | 2) {
    this.#world = world
    this.transactionalId = transactionalId
    this.version = version
  }

  /** Has an identity, and asks for nothing now. */
  get isReady(): boolean {
    return this.#identity !== undefined && this.#busy === 0
  }

  init(): void {
    if (this.#busy > 0) return
    this.#identity = undefined
    this.#ending = undefined
    this.#current = undefined
    this.#mustAbort = false
    const { transactionalId } = this
    this.#ask(
      this.#world.coordinator.initProducer({ transactionalId, timeoutMs, expected: undefined }),
      ({ error, producerId, producerEpoch }) => {
        if (error === 'NONE') this.#identity = { producerId, producerEpoch }
      },
    )
  }

  send(partition: number): void {
    const identity = this.#identity
    if (!identity || this.#ending || this.#mustAbort) return
    const current = (this.#current ??= this.#begin())
    const { coordinator } = this.#world
    const { transactionalId, version } = this
    const target = { topic, partition }
    const request = { transactionalId, ...identity, partitions: [target], clientVersion: version }
    this.#ask(coordinator.addPartitions(request), (error) => {
      const isOpen = () => this.#world.coordinator.isOpen(transactionalId, identity, target)
      const log = this.#world.partitions[partition]
      const isAppended =
        error === 'NONE' &&
        isOpen() &&
        log?.append(identity.producerId, identity.producerEpoch, current.tag, () => current.acked.push(partition))
      if (!isAppended) this.#mustAbort = true
    })
  }

  /** A client ends its transaction when all of its records are acknowledged, or aborts. */
  end(wanted: boolean): void {
    const identity = this.#identity
    if (!identity || this.#busy > 0) return
    if (!this.#current && this.version === 0) return
    this.#ending ??= { commit: wanted && !this.#mustAbort && this.#current !== undefined }
    const { commit } = this.#ending
    const { transactionalId, version } = this
    const request = { transactionalId, ...identity, commit, clientVersion: version }
    this.#ask(this.#world.coordinator.endTransaction(request), (answer) => this.#ended(answer, { ...identity, commit }))
  }

  /** The last end arrives once more, however late, or the other way round from a client that is mistaken. */
  endAgain(opposite: boolean): void {
    if (!this.#lastEnd || this.version !== 2) return
    const { producerId, producerEpoch, commit } = this.#lastEnd
    const { transactionalId } = this
    this.#world.coordinator
      .endTransaction({
        transactionalId,
        producerId,
        producerEpoch,
        commit: opposite ? !commit : commit,
        clientVersion: 2,
      })
      .catch(() => {})
  }

  /** The broker has stopped: nothing that was asked is answered. */
  disconnected(): void {
    if (this.#busy > 0 && !this.#ending) this.#mustAbort = true
    this.#busy = 0
  }

  #begin(): Outcome {
    const outcome: Outcome = { tag: nextTag++, acked: [], commit: undefined }
    this.outcomes.push(outcome)
    return outcome
  }

  #ended(
    { error, ...next }: ProducerAnswer,
    asked: { producerId: number; producerEpoch: number; commit: boolean },
  ): void {
    if (error === 'CONCURRENT_TRANSACTIONS') return
    this.#ending = undefined
    this.#mustAbort = false
    if (error !== 'NONE') {
      // Fenced, or the transaction is gone: this program ends.
      this.#identity = undefined
      this.#current = undefined
      return
    }
    this.#lastEnd = asked
    if (this.#current) this.#current.commit = asked.commit
    this.#current = undefined
    if (this.version === 2) this.#identity = next
  }

  #ask<T>(answer: Promise<T>, then: (answer: T) => void): void {
    const { generation } = this.#world
    this.#busy++
    const answered = () => {
      if (generation !== this.#world.generation) return false
      this.#busy--
      return true
    }
    answer.then(
      (value) => {
        if (answered()) then(value)
      },
      () => {
        if (answered()) this.#mustAbort = true
      },
    )
  }
}
