import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { ClientClosedError, ClientTimeoutError } from '../cluster/errors.ts'
import type { CommittedOffset, ConsumerGroupMetadata } from '../group/group-coordinator.ts'
import type { Numbering } from '../producer/numbering.ts'
import type { PartitionQueue } from '../producer/partition-queue.ts'
import type { ProducerBatch, ProducerIdentity } from '../producer/producer-batch.ts'
import { EndingCalls, within } from './ending-calls.ts'
import { PartitionAnnouncer } from './partition-announcer.ts'
import type { PreparedTransaction } from './prepared-transaction.ts'
import { abortableError, fatalError, judge, outOfTurn, TransactionError } from './transaction-errors.ts'
import { type TransactionCallOptions, TransactionRequests, type TransactionVersion } from './transaction-requests.ts'
import { nextState, type TransactionState } from './transaction-state.ts'

/** What the manager asks of the producer that it belongs to. */
export interface TransactionalWriter {
  /** Resolves when everything that was added is written or given up. */
  flush(): Promise<void>
  /** Fails what has not left yet; what is on its way is not sent again. */
  giveUp(error: Error): void
  /** Batches may leave now. */
  wake(): void
}

/** The last version of Produce that means transactions v1: from 12 on a broker adds partitions by itself (KIP-890). */
const LAST_V1_PRODUCE = 11

/**
 * The transactions of one producer: its state, the partitions that are in the transaction, and under which id and epoch
 * batches leave.
 */
export class TransactionManager implements Numbering {
  readonly transactionalId: string
  readonly #requests: TransactionRequests
  readonly #cluster: Cluster
  readonly #transactionTimeoutMs: number
  readonly #requestTimeMs: number
  readonly #writer: TransactionalWriter
  #state: TransactionState = 'uninitialized'
  #identity: ProducerIdentity | undefined
  /** What made the state `failed` or `fatal`. */
  #error: Error | undefined
  #version: TransactionVersion = 1
  /** Written to in this transaction. */
  readonly #partitions = new Set<PartitionQueue>()
  readonly #announcer: PartitionAnnouncer
  #hasOffsets = false
  readonly #offsetCommits = new Set<Promise<void>>()
  /** The coordinator is known to have something in this transaction. */
  #isBegun = false
  /** The numbers that follow would leave a gap. */
  #needsNewEpoch = false
  readonly #calls = new EndingCalls()

  constructor(options: {
    cluster: Cluster
    transactionalId: string
    transactionTimeoutMs: number
    /** For requests that nobody waits for. */
    requestTimeMs: number
    writer: TransactionalWriter
  }) {
    this.transactionalId = options.transactionalId
    this.#cluster = options.cluster
    this.#transactionTimeoutMs = options.transactionTimeoutMs
    this.#requestTimeMs = options.requestTimeMs
    this.#writer = options.writer
    this.#requests = new TransactionRequests(options.cluster, options.transactionalId)
    this.#announcer = new PartitionAnnouncer({
      announce: (queues) =>
        this.#requests.addPartitions(this.#currentIdentity(), queues, { timeoutMs: this.#requestTimeMs }),
      isWanted: () => this.mayRetry,
      announced: (queues, error) => this.#announced(queues, error),
    })
  }

  get state(): TransactionState {
    return this.#state
  }

  get maxProduceVersion(): number | undefined {
    return this.#version === 1 ? LAST_V1_PRODUCE : undefined
  }

  async initialize(options: TransactionCallOptions): Promise<void> {
    this.#require('initTransactions()', 'uninitialized')
    this.#to('initializing')
    try {
      const identity = await this.#requests.initialize(this.#transactionTimeoutMs, undefined, options)
      this.#setIdentity(identity)
      this.#version = this.#requests.version
      this.#to('ready')
    } catch (error) {
      if (error instanceof ClientTimeoutError || options.signal?.aborted) {
        this.#to('uninitialized')
        throw error
      }
      throw this.#failFatally(error)
    }
  }

  begin(): void {
    this.#require('beginTransaction()', 'ready')
    this.#to('open')
  }

  /** To be called for each record before it is added. @throws {TransactionError} */
  checkOpen(): void {
    if (this.#state !== 'open') this.#refuse('send()')
  }

  /** A record that was to be part of the transaction is not: it did not even get into a batch, perhaps. */
  sendFailed(error: Error): void {
    const isMisuse = error instanceof TransactionError || error instanceof ClientClosedError
    if (!isMisuse && this.mayRetry) this.#fail(error, 'leader')
  }

  async sendOffsets(
    offsets: readonly CommittedOffset[],
    group: ConsumerGroupMetadata,
    options: TransactionCallOptions,
  ): Promise<void> {
    this.#require('sendOffsetsToTransaction()', 'open')
    if (offsets.length === 0) return
    this.#hasOffsets = true
    const committing = this.#requests
      .commitOffsets(this.#currentIdentity(), offsets, group, this.#version, options)
      .then(
        () => {
          this.#isBegun = true
        },
        (error) => {
          throw this.#fail(error, 'coordinator')
        },
      )
    this.#offsetCommits.add(committing)
    await committing.finally(() => this.#offsetCommits.delete(committing))
  }

  /** Undefined when the transaction holds nothing: then it is over. */
  async prepare(options: TransactionCallOptions): Promise<PreparedTransaction | undefined> {
    this.#require('prepareTransaction()', 'open', 'preparing')
    return this.#calls.run('prepare', () => this.#prepare(options))
  }

  async commit(options: TransactionCallOptions): Promise<void> {
    this.#require('commitTransaction()', 'open', 'prepared', 'committing')
    return this.#calls.run('commit', () => this.#commit(options))
  }

  async abort(options: TransactionCallOptions): Promise<void> {
    this.#require('abortTransaction()', 'open', 'preparing', 'prepared', 'failed', 'aborting')
    return this.#calls.run('abort', () => this.#abort(options))
  }

  /** Lets a commit that runs come to its end, and aborts what is neither committed nor prepared. Does not throw. */
  async finish(options: TransactionCallOptions): Promise<void> {
    await this.#calls.settled('commit')
    switch (this.#state) {
      case 'open':
      case 'failed':
      case 'preparing':
      case 'aborting':
        return this.abort(options).catch(() => {})
      default:
        return this.#writer.flush()
    }
  }

  async #prepare(options: TransactionCallOptions): Promise<PreparedTransaction | undefined> {
    if (this.#state !== 'preparing') this.#to('preparing')
    await this.#flushed('Preparing a transaction', options)
    if (this.#state !== 'preparing') throw this.#error ?? this.#aborted()
    if (this.#isEmpty) {
      this.#finish()
      return undefined
    }
    this.#to('prepared')
    const { producerId, producerEpoch } = this.#currentIdentity()
    return { transactionalId: this.transactionalId, producerId, producerEpoch, transactionVersion: this.#version }
  }

  async #commit(options: TransactionCallOptions): Promise<void> {
    if (this.#state !== 'committing') this.#to('committing')
    await this.#flushed('Committing a transaction', options)
    // What is written last may be what fails.
    if (this.#state !== 'committing') throw this.#error
    await this.#end('commit', options)
  }

  async #abort(options: TransactionCallOptions): Promise<void> {
    if (this.#state !== 'aborting') this.#to('aborting')
    this.#writer.giveUp(this.#aborted())
    // What is on its way must be decided first: a marker that overtakes it would leave it for the next transaction.
    await this.#flushed('Aborting a transaction', options)
    await this.#end('abort', options)
  }

  prepareToSend(queue: PartitionQueue): boolean {
    if (!this.mayRetry) return false
    if (!this.#partitions.has(queue)) {
      if (this.#version === 1) {
        this.#announcer.add(queue)
        return false
      }
      this.#partitions.add(queue)
    }
    if (queue.identity !== this.#identity) queue.startEpoch(this.#currentIdentity())
    return queue.mayLeave
  }

  get mayRetry(): boolean {
    return this.#state === 'open' || this.#state === 'preparing' || this.#state === 'committing'
  }

  refused(queue: PartitionQueue, batch: ProducerBatch, error: Error): boolean {
    const verdict = judge(error, 'leader')
    // Not the first one that is missing: an earlier batch failed and will be sent again, then this one fits.
    if (verdict === 'abortableWithNewEpoch') return batch.hasSequence && !queue.isNextExpected(batch)
    return verdict === 'retry'
  }

  failed(batch: ProducerBatch, cause: Error): void {
    if (batch.hasSequence) this.#needsNewEpoch = true
    if (this.mayRetry) this.#fail(cause, 'leader')
  }

  get failureVerdict(): 'abortable' | 'final' {
    return this.#state === 'fatal' ? 'final' : 'abortable'
  }

  get #isEmpty(): boolean {
    return this.#partitions.size === 0 && !this.#hasOffsets
  }

  async #end(decision: 'commit' | 'abort', options: TransactionCallOptions): Promise<void> {
    let isEnded = this.#isEmpty
    try {
      if (!isEnded) {
        const next = await this.#requests.end(this.#currentIdentity(), decision, this.#version, options)
        // What follows may have to be repeated; this is over.
        isEnded = true
        this.#hasOffsets = false
        this.#partitions.clear()
        if (this.#version === 2) this.#setIdentity(next)
      }
      await this.#raiseEpochIfNeeded(options)
    } catch (error) {
      if (leavesOpen(error) || options.signal?.aborted) throw error
      if (decision === 'commit') {
        if (!isEnded) throw this.#fail(error, 'coordinator')
        // It is committed: that nothing can follow, the next call tells.
        this.#failFatally(error)
        return
      }
      if (judge(error, 'coordinator') === 'fatal' && !this.#neverBegan(error)) throw this.#failFatally(error)
      // The coordinator knows nothing that could be aborted: the new epoch is all that is needed.
      this.#needsNewEpoch = true
      this.#version = 1
      this.#hasOffsets = false
      this.#partitions.clear()
      await this.#raiseEpochIfNeeded(options).catch((failure) => {
        throw leavesOpen(failure) ? failure : this.#failFatally(failure)
      })
    }
    this.#finish()
  }

  /** With v2 the coordinator has done it. Also needed by whoever changes from v1 to v2. */
  async #raiseEpochIfNeeded(options: TransactionCallOptions): Promise<void> {
    const isRaised = this.#version === 2
    const isUpgrade = this.#version === 1 && this.#requests.version === 2
    if (isRaised || !(this.#needsNewEpoch || isUpgrade)) return
    this.#setIdentity(await this.#requests.initialize(this.#transactionTimeoutMs, this.#currentIdentity(), options))
    this.#version = this.#requests.version
  }

  /** With v1 there is nothing to abort when all that was to be added was refused. */
  #neverBegan(error: unknown): boolean {
    return !this.#isBegun && error instanceof KafkaError && error.kafkaCode === ErrorCode.INVALID_TXN_STATE
  }

  #finish(): void {
    this.#partitions.clear()
    this.#announcer.clear()
    this.#hasOffsets = false
    this.#isBegun = false
    this.#needsNewEpoch = false
    this.#error = undefined
    this.#to('ready')
  }

  /** `error`: some of them may have been added. */
  #announced(queues: readonly PartitionQueue[], error: unknown): void {
    for (const queue of queues) this.#partitions.add(queue)
    if (error === undefined) this.#isBegun = true
    else if (this.mayRetry) this.#fail(error, 'coordinator')
    this.#writer.wake()
  }

  /** Waits until nothing is on its way. */
  #flushed(what: string, options: TransactionCallOptions): Promise<void> {
    return within(this.#cluster.options.system.timers, what, options, async () => {
      await this.#writer.flush()
      await this.#announcer.settled()
      await Promise.allSettled(this.#offsetCommits)
    })
  }

  /** The transaction or the producer is done for; returns what to throw. */
  #fail(cause: unknown, source: 'leader' | 'coordinator'): Error {
    const verdict = judge(cause, source)
    if (verdict === 'fatal') return this.#failFatally(cause)
    if (verdict === 'abortableWithNewEpoch') this.#needsNewEpoch = true
    if (this.#state === 'failed' || this.#state === 'aborting') return this.#error ?? (cause as Error)
    this.#error = abortableError(this.transactionalId, cause)
    this.#to('failed')
    this.#writer.giveUp(this.#error)
    return this.#error
  }

  #failFatally(cause: unknown): Error {
    if (this.#state === 'fatal') return this.#error as Error
    this.#error = fatalError(this.transactionalId, cause)
    this.#to('fatal')
    this.#writer.giveUp(this.#error)
    return this.#error
  }

  #aborted(): Error {
    return abortableError(this.transactionalId, new Error('it is being aborted'))
  }

  #setIdentity({ producerId, producerEpoch }: ProducerIdentity): void {
    this.#identity = { producerId, producerEpoch, transactional: true }
  }

  #currentIdentity(): ProducerIdentity {
    return this.#identity as ProducerIdentity
  }

  #require(call: string, ...states: TransactionState[]): void {
    if (!states.includes(this.#state)) this.#refuse(call)
  }

  #refuse(call: string): never {
    if (this.#state === 'fatal' || this.#state === 'failed') throw this.#error
    throw outOfTurn(call, this.#state)
  }

  #to(state: TransactionState): void {
    this.#state = nextState(this.#state, state)
  }
}

/** Nobody knows whether the coordinator has done it: it has to be asked again. */
function leavesOpen(error: unknown): boolean {
  return error instanceof ClientTimeoutError || error instanceof ClientClosedError
}
