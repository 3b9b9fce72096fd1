import { MillraceError } from '@millrace/std'
import { Accumulator, recordBytes } from './accumulator.ts'
import { BlockedSends, hasPartition, type Send } from './blocked-sends.ts'
import { Cluster } from '../cluster/cluster.ts'
import type { ColumnRun } from './column-runs.ts'
import { ClientClosedError } from '../cluster/errors.ts'
import type { TopicMetadata } from '../cluster/metadata.ts'
import type { CommittedOffset, ConsumerGroupMetadata } from '../group/group-coordinator.ts'
import type { PartitionQueue } from './partition-queue.ts'
import { IdempotentNumbering, plainNumbering } from './numbering.ts'
import { PartitionChoice } from './partition-choice.ts'
import type { ProducerBatch } from './producer-batch.ts'
import { type KafkaProducerOptions, type ResolvedProducerOptions, resolveProducerOptions } from './producer-options.ts'
import {
  type ColumnBatch,
  ColumnSend,
  ColumnWaiter,
  type ProducedRange,
  type ProducerRecord,
  type RecordMetadata,
  RecordSend,
} from './producer-record.ts'
import { Sender } from './sender.ts'
import { checkPrepared, type PreparedTransaction } from '../transactions/prepared-transaction.ts'
import { ResumedTransaction } from '../transactions/resumed-transaction.ts'
import { notTransactional } from '../transactions/transaction-errors.ts'
import { TransactionManager } from '../transactions/transaction-manager.ts'
import type { TransactionCallOptions } from '../transactions/transaction-requests.ts'

export interface TransactionOptions {
  /** `maxBlockMs` without it. */
  timeoutMs?: number
  signal?: AbortSignal
}

/**
 * Writes records to topics, in batches per partition.
 *
 * @example
 * await using producer = new KafkaProducer({ bootstrapServers: 'localhost:9092' })
 * const { partition, offset } = await producer.send({ topic: 'lines', key: 'a', value: 'hello' })
 */
export class KafkaProducer {
  readonly #options: ResolvedProducerOptions
  readonly #cluster: Cluster
  readonly #accumulator: Accumulator
  readonly #sender: Sender
  readonly #choice: PartitionChoice
  readonly #transactions: TransactionManager | undefined
  readonly #blocked: BlockedSends
  #closing = false

  /** @throws {MillraceError} KAFKA_UNKNOWN_OPTION, KAFKA_INVALID_OPTION */
  constructor(options: KafkaProducerOptions) {
    const resolved = resolveProducerOptions(options)
    const { system, batchSize, bufferMemory, compressionType: compression, compressionLevel, partitioner } = resolved
    this.#options = resolved
    this.#cluster = new Cluster(resolved, { allowAutoTopicCreation: true })
    this.#blocked = new BlockedSends({
      cluster: this.#cluster,
      maxBlockMs: resolved.maxBlockMs,
      append: (send, metadata) => this.#append(send, metadata),
      hurry: () => this.#sender.hurry(),
      relax: () => this.#sender.relax(),
    })
    this.#accumulator = new Accumulator({ system, batchSize, bufferMemory, compression, compressionLevel })
    const { random } = system
    this.#choice = new PartitionChoice({ accumulator: this.#accumulator, random, batchSize, partitioner })
    this.#transactions = this.#makeTransactions()
    this.#sender = new Sender({
      ...resolved,
      cluster: this.#cluster,
      numbering: this.#transactions ?? this.#makeNumbering(),
      onFinished: (batch) => {
        this.#accumulator.release(batch)
        this.#blocked.memoryFreed()
      },
      split: (batch) => this.#accumulator.split(batch),
    })
    this.#cluster.onMetadata = () => this.#sender.wake()
  }

  /**
   * Adds a record and resolves when it is written. Records of one partition are written in the order of the calls; there
   * is no need to wait for one before the next. A record of a transaction that cannot be written, or not even be added,
   * leaves nothing but to abort it.
   *
   * @throws {ProduceError} when it was not written; says whether a retry makes sense
   * @throws {MillraceError} KAFKA_RECORD_TOO_LARGE, KAFKA_UNKNOWN_PARTITION, KAFKA_INVALID_TIMESTAMP, KAFKA_TIMEOUT (no
   *   metadata or memory in `maxBlockMs`)
   */
  send(record: ProducerRecord): Promise<RecordMetadata> {
    return this.#promise((resolve, reject) => {
      const timestamp = record.timestamp ?? this.#options.system.clock.now()
      if (!(Number.isSafeInteger(timestamp) && timestamp >= 0)) throw invalidTimestamp(record.topic, timestamp)
      this.#add(new RecordSend(record, timestamp, resolve, reject))
    })
  }

  /**
   * Adds many records given as columns, with no object for any of them, and resolves when all are written. The columns
   * must not change until then. When it rejects, some of the records may have been written.
   *
   * @throws the same as {@link send}
   * @example
   * await producer.sendBatch({ topic, partition: 0, values: { data, offsets }, timestamps })
   */
  sendBatch(batch: ColumnBatch): Promise<ProducedRange[]> {
    if (batch.timestamps.length === 0) return Promise.resolve([])
    return this.#promise((resolve, reject) => {
      this.#add(new ColumnSend(batch, resolve, reject))
    })
  }

  /**
   * Gets the producer's id, fences older producers with the same transactional id, and ends what they left open. Once,
   * before the first transaction; to be repeated when it timed out.
   *
   * @throws {TransactionError} fatal: not allowed, or the transaction timeout is above the broker's maximum
   * @throws {ClientTimeoutError}
   */
  async initTransactions(options: TransactionOptions = {}): Promise<void> {
    this.#checkOpen()
    await this.#transactional('initTransactions()').initialize(this.#callOptions(options))
  }

  /**
   * What is sent from here on becomes visible to `read_committed` consumers together, when it is committed.
   *
   * @throws {TransactionError} KAFKA_TRANSACTION_STATE
   * @example
   * await producer.initTransactions()
   * producer.beginTransaction()
   * producer.send({ topic: 'out', value: 'a' }) // need not be waited for: the commit tells
   * await producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata())
   * await producer.commitTransaction()
   */
  beginTransaction(): void {
    this.#checkOpen()
    this.#transactional('beginTransaction()').begin()
  }

  /**
   * Commits offsets of a group with the transaction: reading, processing and writing become one step.
   *
   * @throws {TransactionError} `abortable` when the member lost its partitions or may not commit
   */
  async sendOffsetsToTransaction(
    offsets: readonly CommittedOffset[],
    group: ConsumerGroupMetadata,
    options: TransactionOptions = {},
  ): Promise<void> {
    const transactions = this.#transactional('sendOffsetsToTransaction()')
    await transactions.sendOffsets(offsets, group, this.#callOptions(options))
  }

  /**
   * The first phase of a commit in two: writes everything and closes the transaction to records, so that only the decision
   * is left. It can be made by this producer, or by any process with {@link KafkaProducer.resumeTransaction}, until
   * `transactionTimeoutMs` is over. `close()` leaves a prepared transaction as it is.
   *
   * @returns undefined when the transaction holds nothing: it is over then
   * @throws {TransactionError} `abortable` when something could not be written
   */
  async prepareTransaction(options: TransactionOptions = {}): Promise<PreparedTransaction | undefined> {
    return this.#transactional('prepareTransaction()').prepare(this.#callOptions(options))
  }

  /**
   * Writes everything and commits. May be called again after a timeout.
   *
   * @throws {TransactionError} `abortable` when something could not be written; `fatal` when this producer is fenced
   * @throws {ClientTimeoutError} the outcome is open: call it again
   */
  async commitTransaction(options: TransactionOptions = {}): Promise<void> {
    await this.#transactional('commitTransaction()').commit(this.#callOptions(options))
  }

  /** Aborts: consumers with `read_committed` never see its records. Sends under way reject. May be called again after a timeout. */
  async abortTransaction(options: TransactionOptions = {}): Promise<void> {
    await this.#transactional('abortTransaction()').abort(this.#callOptions(options))
  }

  /**
   * The second phase of a commit in two, on a connection of its own: ends a transaction that was prepared, also by a
   * process that is gone. Repeating it does no harm.
   *
   * @example
   * await using transaction = KafkaProducer.resumeTransaction({ bootstrapServers }, JSON.parse(stored))
   * await transaction.commit()
   */
  static resumeTransaction(options: KafkaProducerOptions, prepared: PreparedTransaction): ResumedTransaction {
    return new ResumedTransaction(resolveProducerOptions(options), checkPrepared(prepared))
  }

  /** How many partitions a topic has; creates it where the broker allows that. */
  async partitionsFor(topic: string): Promise<TopicMetadata> {
    this.#checkOpen()
    return this.#cluster.topic(topic, { timeoutMs: this.#options.maxBlockMs })
  }

  /** Sends all that was added, without lingering, and resolves when each record is written or given up. */
  async flush(): Promise<void> {
    this.#sender.hurry()
    try {
      await this.#blocked.settled()
      await Promise.all(this.#sender.unfinished().map((batch) => batch.finished()))
    } finally {
      this.#sender.relax()
    }
  }

  /**
   * Flushes, aborts a transaction that is neither committed nor prepared, and disconnects. What is not written after
   * `timeoutMs` fails; so does what waits for a cluster that cannot be reached for `closeTimeoutMs`.
   */
  async close({ timeoutMs = Number.POSITIVE_INFINITY }: { timeoutMs?: number } = {}): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    await this.#cluster.whileReachable(this.#end(), { timeoutMs, unreachableMs: this.#options.closeTimeoutMs })
    this.#blocked.failAll(new ClientClosedError('producer'))
    this.#sender.close()
    this.#cluster.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** In a transaction nobody has to look at each send: the commit tells, too. */
  #promise<T>(start: (resolve: (value: T) => void, reject: (error: Error) => void) => void): Promise<T> {
    const promise = new Promise<T>(start)
    const transactions = this.#transactions
    if (transactions) promise.catch((error: Error) => transactions.sendFailed(error))
    return promise
  }

  async #end(): Promise<void> {
    if (this.#transactions) await this.#transactions.finish(this.#callOptions({}))
    else await this.flush()
  }

  #add(send: Send): void {
    this.#checkOpen()
    this.#transactions?.checkOpen()
    const { topic } = send
    if (!this.#blocked.has(topic)) {
      const metadata = this.#cluster.metadata.topics.get(topic)
      if (metadata && hasPartition(metadata, send) && this.#append(send, metadata)) return
    }
    this.#blocked.add(send)
  }

  /** False: there is no memory at present. */
  #append(send: Send, metadata: TopicMetadata): boolean {
    return send instanceof RecordSend ? this.#appendRecord(send, metadata) : this.#appendColumns(send, metadata)
  }

  #appendRecord(send: RecordSend, metadata: TopicMetadata): boolean {
    const { topic, key, value, headers } = send
    const bytes = recordBytes(key, value, headers)
    this.#checkSize(topic, bytes)
    if (!this.#accumulator.hasRoom(bytes)) return false
    const partition = send.partition ?? this.#choice.forRecord(metadata, key, value, bytes)
    const queue = this.#accumulator.queue(topic, partition)
    const { batch, firstDelta } = this.#accumulator.append(queue, key, value, send.timestamp, headers)
    send.appended(partition, firstDelta)
    batch.addWaiter(send)
    this.#appended(queue, batch, firstDelta === 0)
    return true
  }

  #appendColumns(send: ColumnSend, metadata: TopicMetadata): boolean {
    send.runs ??= this.#choice.forColumns(send.batch, metadata)
    for (let run = send.runs[0]; run; run = send.runs[0]) {
      if (!this.#appendRun(send, run)) return false
      send.runs.shift()
    }
    return true
  }

  #appendRun(send: ColumnSend, run: ColumnRun): boolean {
    const { topic, values, keys, timestamps, headers } = send.batch
    const queue = this.#accumulator.queue(topic, run.partition)
    const columns = { values, keys, timestamps, headers, rows: run.rows }
    while (run.next < run.end) {
      if (!this.#accumulator.hasRoom(this.#options.batchSize)) return false
      const { batch, firstDelta, end } = this.#accumulator.appendColumns(queue, columns, run.next, run.end)
      batch.addWaiter(new ColumnWaiter(send, run.partition, firstDelta, end - run.next))
      run.next = end
      this.#appended(queue, batch, firstDelta === 0)
    }
    return true
  }

  #appended(queue: PartitionQueue, batch: ProducerBatch, isFirst: boolean): void {
    this.#sender.activate(queue)
    if (queue.waiting.length > 1 || batch.builder.sizeInBytes >= this.#options.batchSize) this.#sender.wake()
    else if (isFirst) this.#sender.wakeAfterLinger()
  }

  #makeNumbering() {
    if (!this.#options.idempotent) return plainNumbering
    return new IdempotentNumbering({
      cluster: this.#cluster,
      timeoutMs: this.#options.deliveryTimeoutMs,
      wake: () => this.#sender.wake(),
      giveUp: (error) => this.#sender.giveUp(error),
    })
  }

  #makeTransactions(): TransactionManager | undefined {
    const { transactionalId, transactionTimeoutMs, deliveryTimeoutMs } = this.#options
    if (transactionalId === undefined) return undefined
    return new TransactionManager({
      cluster: this.#cluster,
      transactionalId,
      transactionTimeoutMs,
      requestTimeMs: deliveryTimeoutMs,
      writer: {
        flush: () => this.flush(),
        wake: () => this.#sender.wake(),
        giveUp: (error) => {
          this.#blocked.failAll(error)
          this.#sender.giveUp(error)
        },
      },
    })
  }

  #transactional(call: string): TransactionManager {
    if (this.#transactions) return this.#transactions
    throw notTransactional(call)
  }

  #callOptions({ timeoutMs = this.#options.maxBlockMs, signal }: TransactionOptions): TransactionCallOptions {
    return { timeoutMs, signal }
  }

  #checkSize(topic: string, bytes: number): void {
    const limit = Math.min(this.#options.maxRequestSize, this.#options.bufferMemory)
    if (bytes <= limit) return
    throw new MillraceError('KAFKA_RECORD_TOO_LARGE', {
      message: `A record for ${topic} takes ${bytes} bytes; maxRequestSize and bufferMemory allow ${limit}.`,
      fix: 'Raise maxRequestSize (and max.message.bytes of the topic), or send less in one record.',
    })
  }

  #checkOpen(): void {
    if (this.#closing) throw new ClientClosedError('producer')
  }
}

/** A batch has no place for a fraction, and what is no number would become some other time without a word. */
function invalidTimestamp(topic: string, timestamp: number): MillraceError {
  return new MillraceError('KAFKA_INVALID_TIMESTAMP', {
    message: `A record for ${topic} has the timestamp ${timestamp}.`,
    fix: 'Give whole milliseconds since 1970, such as Date.now() or date.getTime() of a valid date.',
  })
}
