import type { Clock } from '@millrace/std'
import type { Journal } from '../journal/journal.ts'
import { StateRunner } from '../journal/state-runner.ts'
import type { Logger } from '../logger.ts'
import type { DecisionContext } from './end-transaction.ts'
import type { MarkerSender } from './marker-sender.ts'
import type { Decision, TransactionError } from './transaction-decision.ts'
import type { TransactionRecord, TransactionValue } from './transaction-record.ts'
import { decodeTransactionRecord, encodeTransactionRecord } from './transaction-record-codec.ts'
import { TransactionShard } from './transaction-shard.ts'
import { isPrepared } from './transaction-state.ts'

/** What is written as one unit has to fit a segment. */
const expiredAtOnce = 1_000

export interface TransactionRunnerOptions {
  readonly journal: Journal
  readonly clock: Clock
  readonly logger: Logger
  readonly markers: MarkerSender
  /** A producer id that nobody has had. */
  readonly nextProducerId: () => Promise<number>
  /** A transaction has been completed: its transactional id is free for the next. */
  readonly completed: (transactionalId: string) => void
}

/** The answer to a decision, with what the transactional id is by then. */
export interface Decided {
  readonly error: TransactionError
  readonly value: TransactionValue | undefined
}

type Decide = (shard: TransactionShard, context: DecisionContext) => Decision

/** Runs decisions against one shard, makes them durable, and sees to it that what is decided is completed. */
export class TransactionRunner {
  readonly shard = new TransactionShard()
  readonly #options: TransactionRunnerOptions
  readonly #runner: StateRunner<TransactionRecord>

  constructor(options: TransactionRunnerOptions) {
    this.#options = options
    const { shard } = this
    this.#runner = new StateRunner({
      name: 'transaction coordinator',
      journal: options.journal,
      logger: options.logger,
      state: {
        encode: encodeTransactionRecord,
        decode: decodeTransactionRecord,
        replay: (record) => shard.replay(record),
        *snapshot() {
          for (const record of shard.snapshot()) yield encodeTransactionRecord(record)
        },
      },
    })
  }

  /** Brings the shard to what its log says. */
  load(): void {
    this.#runner.load()
  }

  /** Goes on with what was decided when the broker stopped. */
  resume(): void {
    for (const [transactionalId, value] of [...this.shard.prepared()]) this.#sendMarkers(transactionalId, value)
  }

  /**
   * Decides; calls back when the answer and all that it builds on are durable, at once where they are. `failed`: with
   * JournalError or CoordinatorUnavailableError when the log cannot be written.
   */
  decide(
    transactionalId: string,
    decide: Decide,
    answer: (decided: Decided) => void,
    failed: (cause: Error) => void,
  ): void {
    this.#decide(transactionalId, decide, undefined, answer, failed)
  }

  /** {@link decide} as a promise. */
  asked(transactionalId: string, decide: Decide): Promise<Decided> {
    return new Promise((resolve, reject) => {
      this.decide(transactionalId, decide, resolve, reject)
    })
  }

  /** What `read` makes of the shard, once all that it saw is durable. */
  read<T>(read: (shard: TransactionShard) => T, answer: (result: T) => void, failed: (cause: Error) => void): void {
    this.#runner.call<T>(
      (reply) => {
        reply(read(this.shard))
        return []
      },
      answer,
      failed,
    )
  }

  /** Forgets transactional ids that were not used since `before`. */
  expire(before: number): void {
    const expired = this.shard.expire(before)
    for (let i = 0; i < expired.length; i += expiredAtOnce) {
      this.#runner.run(() => expired.slice(i, i + expiredAtOnce))
    }
  }

  close(): void {
    this.#runner.close()
  }

  #decide(
    transactionalId: string,
    decide: Decide,
    producerId: number | undefined,
    answer: (decided: Decided) => void,
    failed: (cause: Error) => void,
  ): void {
    const { clock, nextProducerId } = this.#options
    let isPutOff = false
    let prepared: TransactionValue | undefined
    this.#runner.call<Decided>(
      (reply) => {
        const decision = decide(this.shard, { now: clock.now(), producerId })
        if ('needsProducerId' in decision) {
          isPutOff = true
          return []
        }
        const { error, next } = decision
        reply({ error, value: next ?? this.shard.get(transactionalId) })
        if (!next) return []
        if (isPrepared(next.state)) prepared = next
        return [{ transactionalId, value: next }]
      },
      (decided) => {
        if (prepared) this.#sendMarkers(transactionalId, prepared)
        answer(decided)
      },
      failed,
    )
    if (!isPutOff) return
    nextProducerId().then((fresh) => this.#decide(transactionalId, decide, fresh, answer, failed), failed)
  }

  #sendMarkers(transactionalId: string, decided: TransactionValue): void {
    this.#options.markers.send(transactionalId, decided, () => this.#complete(transactionalId, decided, 0))
  }

  #complete(transactionalId: string, decided: TransactionValue, tries: number): void {
    const { clock, completed, markers } = this.#options
    this.#runner.run(() => this.shard.complete(transactionalId, decided, clock.now()))
    const isWritten = this.shard.get(transactionalId) !== decided
    // For want of room, say, it may not be: it is tried again until it is.
    if (isWritten) completed(transactionalId)
    else markers.retryLater(tries, () => this.#complete(transactionalId, decided, tries + 1))
  }
}
