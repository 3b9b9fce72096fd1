import {
  AddOffsetsToTxn,
  AddPartitionsToTxn,
  CreateTopics,
  DescribeTransactions,
  EndTxn,
  ErrorCode,
  errorByCode,
  Fetch,
  InitProducerId,
  isControl,
  batchSize,
  iterateRecords,
  OffsetFetch,
  producerId as producerIdOf,
  Produce,
  RecordBatchBuilder,
  TxnOffsetCommit,
  baseOffset,
} from '@millrace/kafka'
import { bytesToString, utf8 } from '@millrace/std'
import type { Broker } from '../../src/index.ts'
import { RawClient } from '../support/raw-client.ts'

/** What is over in a moment: the markers of the transaction before are on their way. */
const passing: ReadonlySet<string> = new Set(['CONCURRENT_TRANSACTIONS', 'NOT_ENOUGH_REPLICAS'])

/** A producer with a transactional id, request by request, in transactions v2 or as older clients do it. */
export class TransactionalClient {
  readonly raw: RawClient
  readonly #version: 0 | 2
  transactionalId = ''
  /** How often a request is tried again. */
  patience = 1_000
  producerId = -1
  epoch = -1
  /** By topic and partition. */
  readonly sequences = new Map<string, number>()
  /** What was added to the transaction (v1). */
  readonly #added = new Set<string>()

  static async connect(broker: Pick<Broker, 'port'>, options: { version: 0 | 2 }): Promise<TransactionalClient> {
    return new TransactionalClient(await RawClient.connect(broker), options.version)
  }

  private constructor(raw: RawClient, version: 0 | 2) {
    this.raw = raw
    this.#version = version
  }

  async createTopic(name: string, numPartitions = 1): Promise<void> {
    await this.raw.call(CreateTopics, 7, {
      topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }],
    })
  }

  /** Asks until no transaction is in the way. */
  async init(transactionalId: string, timeoutMs = 60_000): Promise<string> {
    this.transactionalId = transactionalId
    return this.#again(() => this.initOnce(timeoutMs))
  }

  async initOnce(timeoutMs = 60_000, expected = { producerId: -1, producerEpoch: -1 }): Promise<string> {
    const { transactionalId } = this
    const answer = await this.raw.call(InitProducerId, this.#version === 2 ? 5 : 4, {
      transactionalId,
      transactionTimeoutMs: timeoutMs,
      ...expected,
    })
    if (answer.errorCode === ErrorCode.NONE) this.#become(answer.producerId, answer.producerEpoch)
    return nameOf(answer.errorCode)
  }

  /** Sends a record of the transaction, tried again while the one before it is being ended. Answers the error. */
  async send(topic: string, partition: number, value: string): Promise<string> {
    return this.#again(() => this.sendOnce(topic, partition, value))
  }

  async sendOnce(topic: string, partition: number, value: string): Promise<string> {
    const place = `${topic}-${partition}`
    if (this.#version === 0 && !this.#added.has(place)) {
      const error = await this.add(topic, partition)
      if (error !== 'NONE') return error
      this.#added.add(place)
    }
    const sequence = this.sequences.get(place) ?? 0
    const error = await this.write(topic, partition, this.batch(value, sequence))
    if (error === 'NONE') this.sequences.set(place, sequence + 1)
    return error
  }

  async add(topic: string, partition: number): Promise<string> {
    const { resultsByTopicV3AndBelow } = await this.raw.call(AddPartitionsToTxn, 3, {
      v3AndBelowTransactionalId: this.transactionalId,
      v3AndBelowProducerId: this.producerId,
      v3AndBelowProducerEpoch: this.epoch,
      v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
    })
    return nameOf(resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode ?? -1)
  }

  batch(value: string, baseSequence: number): Uint8Array {
    const builder = new RecordBatchBuilder()
    builder.append(utf8('k'), utf8(value), Date.now())
    const identity = { producerId: this.producerId, producerEpoch: this.epoch, baseSequence, transactional: true }
    return Uint8Array.from(builder.finish(identity))
  }

  async write(topic: string, partition: number, records: Uint8Array): Promise<string> {
    const { responses } = await this.raw.call(Produce, this.#version === 2 ? 12 : 9, {
      acks: -1,
      timeoutMs: 10_000,
      transactionalId: this.transactionalId,
      topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
    })
    return nameOf(responses[0]?.partitionResponses[0]?.errorCode ?? -1)
  }

  async commitOffset(group: string, topic: string, partition: number, offset: number): Promise<string> {
    const producer = {
      transactionalId: this.transactionalId,
      producerId: this.producerId,
      producerEpoch: this.epoch,
      groupId: group,
    }
    if (this.#version === 0) {
      const added = await this.raw.call(AddOffsetsToTxn, 3, producer)
      if (added.errorCode !== ErrorCode.NONE) return nameOf(added.errorCode)
    }
    const { topics } = await this.raw.call(TxnOffsetCommit, this.#version === 2 ? 5 : 3, {
      ...producer,
      topics: [
        { name: topic, partitions: [{ partitionIndex: partition, committedOffset: offset, committedMetadata: '' }] },
      ],
    })
    return nameOf(topics[0]?.partitions[0]?.errorCode ?? -1)
  }

  /** Answers the error; with v2 the producer takes over the identity of the next transaction. */
  async end(committed: boolean): Promise<string> {
    return this.#again(() => this.endOnce(committed))
  }

  async endOnce(committed: boolean): Promise<string> {
    const { transactionalId, producerId, epoch: producerEpoch } = this
    const answer = await this.raw.call(EndTxn, this.#version === 2 ? 5 : 3, {
      transactionalId,
      producerId,
      producerEpoch,
      committed,
    })
    if (answer.errorCode === ErrorCode.NONE) {
      this.#added.clear()
      if (this.#version === 2) this.#become(answer.producerId, answer.producerEpoch)
    }
    return nameOf(answer.errorCode)
  }

  /** The values that a consumer gets to see. */
  async read(
    topic: string,
    partition: number,
    isolation: 'read_committed' | 'read_uncommitted' = 'read_committed',
  ): Promise<string[]> {
    const { responses } = await this.raw.call(Fetch, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      isolationLevel: isolation === 'read_committed' ? 1 : 0,
      topics: [{ topic, partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: 10_000_000 }] }],
      forgottenTopicsData: [],
    })
    const answer = responses[0]?.partitions[0]
    const values: string[] = []
    const records = answer?.records
    if (!records) return values
    const aborted = [...(answer.abortedTransactions ?? [])].sort((a, b) => a.firstOffset - b.firstOffset)
    const open = new Set<number>()
    for (let at = 0; at < records.byteLength; at += batchSize(records, at)) {
      const id = producerIdOf(records, at)
      while (aborted[0] && aborted[0].firstOffset <= baseOffset(records, at)) {
        open.add((aborted.shift() as { producerId: number }).producerId)
      }
      if (isControl(records, at)) open.delete(id)
      else if (!open.has(id)) {
        for (const { value } of iterateRecords(records.subarray(at, at + batchSize(records, at)))) {
          values.push(bytesToString(value as Uint8Array))
        }
      }
    }
    return values
  }

  /** The committed offset, or the error. */
  async offsetOf(group: string, topic: string, partition: number, requireStable = false): Promise<number | string> {
    const { groups } = await this.raw.call(OffsetFetch, 8, {
      groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes: [partition] }] }],
      requireStable,
    })
    const answer = groups[0]?.topics[0]?.partitions[0]
    if (groups[0]?.errorCode) return nameOf(groups[0].errorCode)
    return answer?.errorCode ? nameOf(answer.errorCode) : (answer?.committedOffset ?? -1)
  }

  /** The state of a transactional id, as administrators see it. */
  async stateOf(transactionalId: string): Promise<string | undefined> {
    const { transactionStates } = await this.raw.call(DescribeTransactions, 0, { transactionalIds: [transactionalId] })
    return transactionStates[0]?.transactionState
  }

  /** Goes on as another, which stored its identity. */
  resume({ transactionalId, producerId, epoch }: TransactionalClient): void {
    this.transactionalId = transactionalId
    this.producerId = producerId
    this.epoch = epoch
  }

  async until(isSo: () => Promise<boolean>): Promise<void> {
    while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  close(): void {
    this.raw.close()
  }

  async #again(ask: () => Promise<string>): Promise<string> {
    for (let i = 0; ; i++) {
      const error = await ask()
      if (!passing.has(error) || i === this.patience) return error
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  #become(producerId: number, epoch: number): void {
    if (producerId === this.producerId && epoch === this.epoch) return
    this.producerId = producerId
    this.epoch = epoch
    this.sequences.clear()
    this.#added.clear()
  }
}

function nameOf(errorCode: number): string {
  return errorCode === ErrorCode.NONE ? 'NONE' : errorByCode(errorCode).name
}
