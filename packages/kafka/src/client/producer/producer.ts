import { MillraceError } from '@millrace/std'
import { Accumulator, recordBytes } from './accumulator.ts'
import { Cluster } from '../cluster/cluster.ts'
import { type ColumnRun, runsByKey, wholeRun } from './column-runs.ts'
import { ClientClosedError } from '../cluster/errors.ts'
import type { TopicMetadata } from '../cluster/metadata.ts'
import type { PartitionQueue } from './partition-queue.ts'
import { partitionForKey, StickyPartitioner } from './partitioner.ts'
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
import { Pulse, timedOut } from '../cluster/waiting.ts'

/** What a topic needs beside its queues. */
interface TopicState {
  metadata: TopicMetadata
  /** Partitions that have a leader; all of them when none has. */
  candidates: readonly number[]
  readonly sticky: StickyPartitioner
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
  readonly #topics = new Map<string, TopicState>()
  /** Records that wait for metadata or memory, in the order of their sends. */
  readonly #blocked = new Map<string, Send[]>()
  readonly #pumps = new Set<Promise<void>>()
  readonly #memoryFreed: Pulse
  #closing = false

  /** @throws {MillraceError} KAFKA_UNKNOWN_OPTION, KAFKA_INVALID_OPTION */
  constructor(options: KafkaProducerOptions) {
    const resolved = resolveProducerOptions(options)
    const { system, batchSize, bufferMemory, compressionType: compression, compressionLevel } = resolved
    this.#options = resolved
    this.#cluster = new Cluster(resolved, { allowAutoTopicCreation: true })
    this.#memoryFreed = new Pulse(system.timers)
    this.#accumulator = new Accumulator({ system, batchSize, bufferMemory, compression, compressionLevel })
    this.#sender = new Sender({
      ...resolved,
      cluster: this.#cluster,
      onFinished: (batch) => {
        this.#accumulator.release(batch)
        this.#memoryFreed.notify()
      },
      split: (batch) => this.#accumulator.split(batch),
    })
    this.#cluster.onMetadata = () => this.#sender.wake()
  }

  /**
   * Adds a record and resolves when it is written. Records of one partition are written in the order of the calls; there
   * is no need to wait for one before the next.
   *
   * @throws {ProduceError} when it was not written; says whether a retry makes sense
   * @throws {MillraceError} KAFKA_RECORD_TOO_LARGE, KAFKA_UNKNOWN_PARTITION, KAFKA_INVALID_TIMESTAMP, KAFKA_TIMEOUT (no
   *   metadata or memory in `maxBlockMs`)
   */
  send(record: ProducerRecord): Promise<RecordMetadata> {
    return new Promise((resolve, reject) => {
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
    return new Promise((resolve, reject) => {
      this.#add(new ColumnSend(batch, resolve, reject))
    })
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
      while (this.#pumps.size > 0) await Promise.all(this.#pumps)
      await Promise.all(this.#sender.unfinished().map((batch) => batch.finished()))
    } finally {
      this.#sender.relax()
    }
  }

  /** Flushes and disconnects. What is not written after `timeoutMs` fails. */
  async close({ timeoutMs = Number.POSITIVE_INFINITY }: { timeoutMs?: number } = {}): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    const { timers } = this.#options.system
    const flushed = this.flush()
    if (Number.isFinite(timeoutMs)) {
      const late = new Pulse(timers)
      void flushed.finally(() => late.notify())
      await late.wait(timeoutMs)
    } else await flushed
    for (const waiting of this.#blocked.values())
      for (const send of waiting) send.fail(new ClientClosedError('producer'))
    this.#blocked.clear()
    this.#sender.close()
    this.#cluster.close()
    this.#memoryFreed.notify()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #add(send: Send): void {
    this.#checkOpen()
    const { topic } = send
    const waiting = this.#blocked.get(topic)
    if (!waiting) {
      const metadata = this.#cluster.metadata.topics.get(topic)
      if (metadata && hasPartition(metadata, send) && this.#append(send, metadata)) return
    }
    send.deadline = this.#options.system.clock.monotonic() + this.#options.maxBlockMs
    if (waiting) {
      waiting.push(send)
      return
    }
    this.#blocked.set(topic, [send])
    const pump = this.#pump(topic).finally(() => this.#pumps.delete(pump))
    this.#pumps.add(pump)
  }

  /** Adds what had to wait, in order, as metadata and memory allow. */
  async #pump(topic: string): Promise<void> {
    const waiting = this.#blocked.get(topic) as Send[]
    const { clock } = this.#options.system
    for (let head = waiting[0]; head && !this.#cluster.isClosed; head = waiting[0]) {
      const remaining = head.deadline - clock.monotonic()
      try {
        const metadata = await this.#cluster.topic(topic, { timeoutMs: Math.max(1, remaining) })
        if (!hasPartition(metadata, head)) await this.#findPartition(topic, head.partition as number)
        const current = this.#cluster.metadata.topics.get(topic) ?? metadata
        while (!this.#cluster.isClosed && !this.#append(head, current)) {
          const left = head.deadline - clock.monotonic()
          if (left <= 0)
            throw timedOut(`Waiting for memory to send to ${topic} (bufferMemory)`, this.#options.maxBlockMs)
          this.#sender.hurry()
          await this.#memoryFreed.wait(left)
          this.#sender.relax()
        }
      } catch (error) {
        head.fail(error as Error)
      }
      waiting.shift()
    }
    this.#blocked.delete(topic)
  }

  /** Partitions may have been added since the metadata came. */
  async #findPartition(topic: string, partition: number): Promise<void> {
    await this.#cluster.refresh()
    const partitions = this.#cluster.metadata.topics.get(topic)?.partitions ?? []
    if (partitions[partition]) return
    throw new MillraceError('KAFKA_UNKNOWN_PARTITION', {
      message: `Topic ${topic} has no partition ${partition}: it has ${partitions.length}.`,
      fix: 'Leave the partition out, or add partitions to the topic.',
    })
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
    const partition = send.partition ?? this.#choosePartition(metadata, key, value, bytes)
    const queue = this.#accumulator.queue(topic, partition)
    const { batch, firstDelta } = this.#accumulator.append(queue, key, value, send.timestamp, headers)
    send.appended(partition, firstDelta)
    batch.addWaiter(send)
    this.#appended(queue, batch, firstDelta === 0)
    return true
  }

  #appendColumns(send: ColumnSend, metadata: TopicMetadata): boolean {
    send.runs ??= this.#splitByPartition(send.batch, metadata)
    for (let run = send.runs[0]; run; run = send.runs[0]) {
      if (!this.#appendRun(send, run)) return false
      send.runs.shift()
    }
    return true
  }

  #appendRun(send: ColumnSend, run: ColumnRun): boolean {
    const { topic, values, keys, timestamps } = send.batch
    const queue = this.#accumulator.queue(topic, run.partition)
    const columns = { values, keys, timestamps, rows: run.rows }
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

  #splitByPartition(batch: ColumnBatch, metadata: TopicMetadata): ColumnRun[] {
    if (batch.partition !== undefined) return [wholeRun(batch, batch.partition)]
    if (batch.keys) return runsByKey(batch, batch.keys, metadata.partitions.length)
    const bytes = batch.values.offsets[batch.timestamps.length] as number
    return [wholeRun(batch, this.#stickyPartition(metadata, bytes))]
  }

  #choosePartition(metadata: TopicMetadata, key: Uint8Array | null, value: Uint8Array | null, bytes: number): number {
    const { name: topic, partitions } = metadata
    const partitionCount = partitions.length
    if (this.#options.partitioner) {
      const partition = this.#options.partitioner({ topic, key, value, partitionCount })
      if (Number.isInteger(partition) && partition >= 0 && partition < partitionCount) return partition
      throw new MillraceError('KAFKA_UNKNOWN_PARTITION', {
        message: `The partitioner chose partition ${partition} of ${topic}, which has ${partitionCount}.`,
        fix: `Return a whole number from 0 to ${partitionCount - 1}.`,
      })
    }
    if (key !== null) return partitionForKey(key, partitionCount)
    return this.#stickyPartition(metadata, bytes)
  }

  #stickyPartition(metadata: TopicMetadata, bytes: number): number {
    const { sticky, candidates } = this.#topicState(metadata)
    const topic = metadata.name
    const partition = sticky.next(
      candidates,
      (p) => this.#accumulator.waitingBatches(topic, p),
      (p) => this.#accumulator.fitsOpenBatch(topic, p, bytes),
    )
    sticky.produced(bytes)
    return partition
  }

  #topicState(metadata: TopicMetadata): TopicState {
    const known = this.#topics.get(metadata.name)
    if (known?.metadata === metadata) return known
    const led = metadata.partitions.filter((p) => p.leader >= 0)
    const candidates = (led.length > 0 ? led : metadata.partitions).map((p) => p.partition)
    const sticky = known?.sticky ?? new StickyPartitioner(this.#options.system.random, this.#options.batchSize)
    const state = { metadata, candidates, sticky }
    this.#topics.set(metadata.name, state)
    return state
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

type Send = RecordSend | ColumnSend

/** A batch has no place for a fraction, and what is no number would become some other time without a word. */
function invalidTimestamp(topic: string, timestamp: number): MillraceError {
  return new MillraceError('KAFKA_INVALID_TIMESTAMP', {
    message: `A record for ${topic} has the timestamp ${timestamp}.`,
    fix: 'Give whole milliseconds since 1970, such as Date.now() or date.getTime() of a valid date.',
  })
}

function hasPartition(metadata: TopicMetadata, { partition }: Send): boolean {
  return partition === undefined || metadata.partitions[partition] !== undefined
}
