import type { TimerHandle, Timers } from '@millrace/std'
import type { TransactionMarker } from '../journal/journal.ts'
import type { Logger } from '../logger.ts'
import { eachPartition, type TopicPartition } from './topic-partitions.ts'
import { maxEpoch, type TransactionValue } from './transaction-record.ts'

/**
 * What became of a marker. `ended`: it is durable, or the partition has no use for it: its topic is deleted, or its
 * transaction has been ended by a newer marker. `unavailable`: it is to be tried again.
 */
export type MarkerOutcome = 'ended' | 'unavailable'

/** Writes markers to partitions. */
export interface MarkerWriter {
  /** Calls back once, when it is known what became of the marker. */
  write(target: TopicPartition, marker: TransactionMarker, done: (outcome: MarkerOutcome) => void): void
}

const firstRetryMs = 20
const lastRetryMs = 10_000
/** The only coordinator there has ever been is this broker. */
const coordinatorEpoch = 0

/** Brings decided transactions to their end: a marker in every partition, however late it can take one. */
export class MarkerSender {
  readonly #writer: MarkerWriter
  readonly #timers: Timers
  readonly #logger: Logger
  readonly #retries = new Set<TimerHandle>()
  /** Partitions of decided transactions that have no marker yet. */
  readonly #missing = new Map<TransactionValue, Set<TopicPartition>>()
  #closed = false

  constructor(options: { writer: MarkerWriter; timers: Timers; logger: Logger }) {
    this.#writer = options.writer
    this.#timers = options.timers
    this.#logger = options.logger
  }

  /** `value` is decided and durable. Calls back when every partition has its marker. */
  send(transactionalId: string, value: TransactionValue, ended: () => void): void {
    const missing = new Set(eachPartition(value.partitions))
    this.#missing.set(value, missing)
    this.#attempt(transactionalId, value, missing, firstRetryMs, () => {
      this.#missing.delete(value)
      ended()
    })
  }

  /** The partitions of a decided transaction that have no marker yet. */
  missingOf(value: TransactionValue): readonly TopicPartition[] {
    return [...(this.#missing.get(value) ?? [])]
  }

  /** Runs `attempt` after a while, and longer ones with every further `tries`. */
  retryLater(tries: number, attempt: () => void): void {
    this.#after(Math.min(firstRetryMs * 2 ** tries, lastRetryMs), attempt)
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#closed = true
    for (const handle of this.#retries) this.#timers.cancel(handle)
    this.#retries.clear()
  }

  #attempt(
    transactionalId: string,
    value: TransactionValue,
    missing: Set<TopicPartition>,
    retryMs: number,
    ended: () => void,
  ): void {
    const marker = markerOf(value)
    // One more than the partitions that have not answered, until all were asked.
    let open = 1
    const answered = () => {
      open--
      if (open > 0 || this.#closed) return
      if (missing.size === 0) return ended()
      if (retryMs === lastRetryMs) this.#complain(transactionalId, missing)
      const next = Math.min(2 * retryMs, lastRetryMs)
      this.#after(retryMs, () => this.#attempt(transactionalId, value, missing, next, ended))
    }
    for (const target of [...missing]) {
      open++
      this.#writer.write(target, marker, (outcome) => {
        if (outcome === 'ended') missing.delete(target)
        answered()
      })
    }
    answered()
  }

  /** Consumers of committed records wait in these partitions. */
  #complain(transactionalId: string, missing: ReadonlySet<TopicPartition>): void {
    const partitions = [...missing].map(({ topic, partition }) => `${topic}-${partition}`)
    const message = `The transaction of '${transactionalId}' is decided, but cannot be ended in ${partitions.join(', ')}`
    this.#logger.warn(message, { transactionalId, partitions })
  }

  #after(delayMs: number, attempt: () => void): void {
    if (this.#closed) return
    const handle = this.#timers.scheduleBackground(delayMs, () => {
      this.#retries.delete(handle)
      attempt()
    })
    this.#retries.add(handle)
  }
}

function markerOf({ producerId, producerEpoch, state, clientVersion }: TransactionValue): TransactionMarker {
  return {
    producerId,
    producerEpoch,
    coordinatorEpoch,
    commit: state === 'PrepareCommit',
    // The largest epoch may stand for itself: there is none above it to tell transactions apart by.
    transactionVersion: clientVersion === 2 && producerEpoch < maxEpoch ? 2 : 0,
  }
}
