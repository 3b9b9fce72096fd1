import type { Clock, TimerHandle, Timers } from '@millrace/std'
import type { Journal } from '../journal/journal.ts'
import { shardOf } from '../journal/shard-of.ts'
import { CoordinatorUnavailableError } from '../journal/state-runner.ts'
import type { Logger } from '../logger.ts'
import { type AddPartitionsRequest, type PartitionsRequest, verifyPartitions } from './add-partitions.ts'
import type { EndTransactionRequest } from './end-transaction.ts'
import type { InitProducerRequest } from './init-producer.ts'
import { MarkerSender, type MarkerWriter } from './marker-sender.ts'
import { hasPartition, noPartitions, type TopicPartition, withPartitions } from './topic-partitions.ts'
import type { TransactionError } from './transaction-decision.ts'
import {
  identityAfter,
  noProducerEpoch,
  noProducerId,
  type ProducerIdAndEpoch,
  type TransactionValue,
} from './transaction-record.ts'
import { type Decided, TransactionRunner } from './transaction-runner.ts'
import { isPrepared, type TransactionState } from './transaction-state.ts'

export interface TransactionSettings {
  /** `transaction.max.timeout.ms` */
  readonly maxTimeoutMs: number
  /** `transactional.id.expiration.ms` */
  readonly expirationMs: number
  /** `transaction.abort.timed.out.transaction.cleanup.interval.ms` */
  readonly abortIntervalMs: number
  /** `transaction.remove.expired.transaction.cleanup.interval.ms` */
  readonly expireIntervalMs: number
  /** `add.partitions.to.txn.retry.backoff.max.ms`: how long a new transaction waits for the end of the one before it. */
  readonly addWaitMs: number
}

export interface TransactionCoordinatorOptions {
  /** The logs of `__transaction_state`, one per partition. Makes the topic when it is missing. */
  readonly openJournals: () => Promise<readonly Journal[]>
  /** A producer id that nobody has had. */
  readonly nextProducerId: () => Promise<number>
  readonly markers: MarkerWriter
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: Logger
  readonly settings: TransactionSettings
}

/** An answer that names the producer; without one when there is an error. */
export interface ProducerAnswer extends ProducerIdAndEpoch {
  readonly error: TransactionError
}

/** Who asks to list transactional ids wants those that all of these let through. */
export interface TransactionFilter {
  /** Undefined: all. */
  readonly states: ReadonlySet<TransactionState> | undefined
  /** Empty: all. */
  readonly producerIds: ReadonlySet<number>
  /** Open for longer than this, milliseconds; negative: no matter how long. */
  readonly minDurationMs: number
  readonly matchesId: (transactionalId: string) => boolean
}

/**
 * The transactions of all producers (KIP-98, KIP-890): spreads transactional ids over the shards, one per partition of
 * `__transaction_state`, as Kafka does. Answers come when what they tell is durable.
 */
export class TransactionCoordinator {
  readonly #options: TransactionCoordinatorOptions
  readonly #markers: MarkerSender
  #runners: readonly TransactionRunner[] | undefined
  #loading: Promise<void> | undefined
  readonly #periodic = new Set<TimerHandle>()
  /** Who waits for a transactional id to be free. */
  readonly #waiting = new Map<string, Set<() => void>>()
  #closed = false

  constructor(options: TransactionCoordinatorOptions) {
    this.#options = options
    const { logger, markers: writer, timers } = options
    this.#markers = new MarkerSender({ writer, timers, logger })
  }

  /** Makes `__transaction_state` when it is missing and replays it. Undefined when that is done. */
  ready(): Promise<void> | undefined {
    if (this.#runners) return undefined
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  async initProducer(request: InitProducerRequest): Promise<ProducerAnswer> {
    const { timeoutMs, transactionalId } = request
    if (transactionalId === '') return nobody('INVALID_REQUEST')
    if (timeoutMs <= 0 || timeoutMs > this.#options.settings.maxTimeoutMs) return nobody('INVALID_TRANSACTION_TIMEOUT')
    const runner = await this.#runnerFor(transactionalId)
    const { error, value } = await runner.asked(transactionalId, (shard, context) =>
      shard.initProducer(request, context),
    )
    return error === 'NONE' && value ? { error, ...identityAfter(value) } : nobody(error)
  }

  async endTransaction(request: EndTransactionRequest): Promise<ProducerAnswer> {
    const { transactionalId } = request
    if (transactionalId === '') return nobody('INVALID_REQUEST')
    const runner = await this.#runnerFor(transactionalId)
    const { error, value } = await runner.asked(transactionalId, (shard, context) =>
      shard.endTransaction(request, context),
    )
    return error === 'NONE' && value ? { error, ...identityAfter(value) } : nobody(error)
  }

  /**
   * Adds partitions to a transaction. While the transaction before it is being completed it waits a little: producers that
   * write without asking (KIP-890) cannot know, and the others would come back after a pause.
   */
  async addPartitions(request: AddPartitionsRequest): Promise<TransactionError> {
    if (request.transactionalId === '') return 'INVALID_REQUEST'
    await this.ready()
    return new Promise((resolve, reject) => {
      const again = () => this.#addPartitions(request, resolve, reject)
      const answer = (error: TransactionError) => {
        if (error !== 'CONCURRENT_TRANSACTIONS') resolve(error)
        else this.#whenFree(request.transactionalId, again)
      }
      this.#addPartitions(request, answer, reject)
    })
  }

  /** Whether partitions are part of a producer's transaction: one error for each. */
  async verifyPartitions(request: PartitionsRequest): Promise<readonly TransactionError[]> {
    if (request.transactionalId === '') return request.partitions.map(() => 'INVALID_REQUEST')
    const runner = await this.#runnerFor(request.transactionalId)
    return new Promise((resolve, reject) => {
      runner.read((shard) => verifyPartitions(shard.get(request.transactionalId), request), resolve, reject)
    })
  }

  /**
   * Whether a partition is part of a producer's open transaction now. What was added or verified a moment ago may have been
   * ended since: whoever appends asks this in the same breath.
   */
  isOpen(transactionalId: string, producer: ProducerIdAndEpoch, target: TopicPartition): boolean {
    const runners = this.#runners
    const value = runners?.[shardOf(transactionalId, runners.length)]?.shard.get(transactionalId)
    return (
      value?.state === 'Ongoing' &&
      value.producerId === producer.producerId &&
      value.producerEpoch === producer.producerEpoch &&
      hasPartition(value.partitions, target)
    )
  }

  /** The state of a transactional id; of a decided transaction only the partitions that have no marker yet. */
  async describe(transactionalId: string): Promise<TransactionValue | undefined> {
    const runner = await this.#runnerFor(transactionalId)
    const value = runner.shard.get(transactionalId)
    if (!value || !isPrepared(value.state)) return value
    return { ...value, partitions: withPartitions(noPartitions, this.#markers.missingOf(value)) }
  }

  async list(filter: TransactionFilter): Promise<{ transactionalId: string; value: TransactionValue }[]> {
    await this.ready()
    const now = this.#options.clock.now()
    const found: { transactionalId: string; value: TransactionValue }[] = []
    for (const { shard } of this.#runners ?? []) {
      for (const [transactionalId, value] of shard.entries()) {
        if (isWanted(transactionalId, value, filter, now)) found.push({ transactionalId, value })
      }
    }
    return found
  }

  close(): void {
    this.#closed = true
    for (const handle of this.#periodic) this.#options.timers.cancel(handle)
    this.#markers.close()
    for (const runner of this.#runners ?? []) runner.close()
  }

  #addPartitions(
    request: AddPartitionsRequest,
    answer: (error: TransactionError) => void,
    failed: (cause: Error) => void,
  ): void {
    this.#runnerOf(request.transactionalId).decide(
      request.transactionalId,
      (shard, context) => shard.addPartitions(request, context),
      ({ error }: Decided) => answer(error),
      failed,
    )
  }

  /** Calls back when a transactional id is free for its next transaction, or when that takes too long. */
  #whenFree(transactionalId: string, free: () => void): void {
    const { settings, timers } = this.#options
    const value = this.#runnerOf(transactionalId).shard.get(transactionalId)
    // The refusal waited for the device; the markers may have been faster.
    if (!value || !isPrepared(value.state)) return free()
    let waiting = this.#waiting.get(transactionalId)
    if (!waiting) this.#waiting.set(transactionalId, (waiting = new Set()))
    const others = waiting
    const done = () => {
      timers.cancel(timer)
      others.delete(done)
      if (others.size === 0) this.#waiting.delete(transactionalId)
      free()
    }
    const timer = timers.scheduleBackground(settings.addWaitMs, done)
    others.add(done)
  }

  async #runnerFor(transactionalId: string): Promise<TransactionRunner> {
    await this.ready()
    return this.#runnerOf(transactionalId)
  }

  /** Once it is {@link ready}. */
  #runnerOf(transactionalId: string): TransactionRunner {
    const runners = this.#runners as readonly TransactionRunner[]
    return runners[shardOf(transactionalId, runners.length)] as TransactionRunner
  }

  async #load(): Promise<void> {
    const { clock, logger, nextProducerId, openJournals, settings } = this.#options
    const journals = await openJournals()
    if (this.#closed) throw new CoordinatorUnavailableError('The transaction coordinator is closed.')
    const completed = (transactionalId: string) => {
      for (const done of [...(this.#waiting.get(transactionalId) ?? [])]) done()
    }
    const runners = journals.map(
      (journal) => new TransactionRunner({ journal, clock, logger, markers: this.#markers, nextProducerId, completed }),
    )
    for (const runner of runners) runner.load()
    this.#runners = runners
    // Not before all of them are read: a broker that cannot start writes nothing.
    for (const runner of runners) runner.resume()
    this.#repeat(settings.abortIntervalMs, () => this.#abortTimedOut())
    this.#repeat(settings.expireIntervalMs, () => {
      for (const runner of runners) runner.expire(clock.now() - settings.expirationMs)
    })
  }

  #abortTimedOut(): void {
    const { clock, logger } = this.#options
    for (const runner of this.#runners ?? []) {
      for (const transactionalId of [...runner.shard.timedOut(clock.now())]) {
        logger.info(`The transaction of '${transactionalId}' took too long and is aborted`)
        runner.decide(
          transactionalId,
          (shard, context) => shard.abortTimedOut(transactionalId, context),
          () => {},
          // The log has said why it cannot be written; the next round tries again.
          () => {},
        )
      }
    }
  }

  #repeat(intervalMs: number, task: () => void): void {
    if (this.#closed) return
    const handle = this.#options.timers.scheduleBackground(intervalMs, () => {
      this.#periodic.delete(handle)
      task()
      this.#repeat(intervalMs, task)
    })
    this.#periodic.add(handle)
  }
}

function isWanted(transactionalId: string, value: TransactionValue, filter: TransactionFilter, now: number): boolean {
  const { states, producerIds, minDurationMs, matchesId } = filter
  if (producerIds.size > 0 && !producerIds.has(value.producerId)) return false
  if (states && !states.has(value.state)) return false
  if (minDurationMs >= 0 && now - value.startTimestamp <= minDurationMs) return false
  return matchesId(transactionalId)
}

function nobody(error: TransactionError): ProducerAnswer {
  return { error, producerId: noProducerId, producerEpoch: noProducerEpoch }
}
