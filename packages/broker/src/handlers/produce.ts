/**
 * Produce (0): appends record batches, one per partition.
 *
 * Batches stay bytes: they are checked, their offsets patched in place, and written. All requests that one read from a
 * socket brought are appended together, one write per partition, and share an fsync with all others that wait. The answer
 * comes when the records are durable (acks 1 and -1 are the same on one node); acks=0 has no answer, but a failure closes
 * the connection.
 *
 * The first records of a transaction in a partition wait for the coordinator: from version 12 on it makes the partition part
 * of the transaction, before it confirms that it is (KIP-890).
 *
 * Versions 0 to 2 are advertised and refused (KAFKA-18659). Version 13 uses topic ids.
 */
import {
  BATCH_HEADER_BYTES,
  ErrorCode,
  errorByCode,
  isTransactional,
  Produce,
  producerEpoch,
  producerId,
  type ProduceRequest,
  type ProduceResponseInput,
} from '@millrace/kafka'
import type { ServerConfig } from '../config/server-config.ts'
import type { BatchRun } from '../log/batch-run.ts'
import type { Brokers } from '../metadata/brokers.ts'
import type { Partition } from '../metadata/partition.ts'
import type { Topic, TopicCatalog } from '../metadata/topic-catalog.ts'
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts'
import { endpointsOf, leaderOf } from './new-leader.ts'
import { ProduceBatcher } from './produce-batcher.ts'
import { RepeatedProduces, recordErrorsOf, toldStartOffset } from './produce-run.ts'
import { type Client, type Exchange, type HandlerRegistry, RequestError } from './registry.ts'
import { addsPartitionsFrom, type GatedTarget, TransactionGate, transactionVersionOf } from './transaction-gate.ts'

/** From this version on answers name the new leader. */
const newLeaderFrom = 10

type TopicData = ProduceRequest['topicData'][number]
type PartitionAnswer = ProduceResponseInput['responses'][number]['partitionResponses'][number]

export interface ProduceServices {
  readonly topics: TopicCatalog
  readonly transactions: TransactionCoordinator
  readonly server: ServerConfig
  readonly brokers: Brokers
}

/** What the produce requests of one connection share. */
interface Connection {
  readonly batcher: ProduceBatcher
  readonly gate: TransactionGate
}

export function registerProduce(registry: HandlerRegistry, services: ProduceServices): void {
  const connections = new WeakMap<Client, Connection>()

  registry.register({
    api: Produce,
    versions: [3, 13],
    batches: true,
    notes: 'Versions 0 to 2 are advertised for old librdkafka and refused.',
    serve(request, exchange) {
      const { acks } = request
      if (acks !== 0 && acks !== 1 && acks !== -1) {
        throw new RequestError(ErrorCode.INVALID_REQUIRED_ACKS, `acks must be -1, 0 or 1, not ${acks}`)
      }
      checkTransactional(request)
      let connection = connections.get(exchange.client)
      if (!connection) {
        connection = {
          batcher: new ProduceBatcher(exchange.client),
          gate: new TransactionGate(services.transactions),
        }
        connections.set(exchange.client, connection)
      }
      new PendingProduce(request, exchange, services, connection).begin()
    },
    errorResponse: ({ topicData }, errorCode) => ({
      responses: topicData.map(({ name, topicId, partitionData }) => ({
        name,
        topicId,
        partitionResponses: partitionData.map(({ index }) => ({ index, errorCode, baseOffset: -1 })),
      })),
    }),
  })
}

/** Records of a transaction come with its transactional id, and from one producer in one epoch. */
function checkTransactional({ topicData, transactionalId }: ProduceRequest): void {
  let first: Uint8Array | undefined
  for (const { partitionData } of topicData) {
    for (const { records } of partitionData) {
      if (!isOfTransaction(records)) continue
      if (transactionalId === null) {
        throw new RequestError(
          ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
          'records of a transaction come with the transactional id',
        )
      }
      first ??= records
      if (producerId(records, 0) !== producerId(first, 0) || producerEpoch(records, 0) !== producerEpoch(first, 0)) {
        throw new RequestError(ErrorCode.INVALID_PRODUCER_ID_MAPPING, 'a transaction has one producer id and epoch')
      }
    }
  }
}

function isOfTransaction(records: Uint8Array | null): records is Uint8Array {
  return records !== null && records.byteLength >= BATCH_HEADER_BYTES && isTransactional(records, 0)
}

/** A batch that has to wait for the coordinator. */
interface Held {
  readonly partition: Partition
  readonly records: Uint8Array
  readonly target: GatedTarget
}

/** One request: its answers, and how many of them are still to come. */
class PendingProduce {
  readonly #request: ProduceRequest
  readonly #exchange: Exchange<typeof Produce>
  readonly #services: ProduceServices
  readonly #connection: Connection
  readonly #responses: ProduceResponseInput['responses'][number][] = []
  readonly #held: Held[] = []
  /** Brokers that the answer names as leaders. */
  #newLeaders: Set<number> | undefined
  /** One more than the partitions that wait, until all were begun. */
  #open = 1

  constructor(
    request: ProduceRequest,
    exchange: Exchange<typeof Produce>,
    services: ProduceServices,
    connection: Connection,
  ) {
    this.#request = request
    this.#exchange = exchange
    this.#services = services
    this.#connection = connection
  }

  get acknowledges(): boolean {
    return this.#request.acks !== 0
  }

  begin(): void {
    const { topics } = this.#services
    const byId = this.#exchange.version >= 13
    for (const data of this.#request.topicData) {
      const topic = byId ? topics.getById(data.topicId) : topics.get(data.name)
      const partitionResponses = this.#beginTopic(data, topic, byId)
      this.#responses.push({ name: data.name, topicId: data.topicId, partitionResponses })
    }
    if (this.#held.length > 0) this.#holdBack()
    else this.#expectRepeats()
    this.done()
  }

  /** The next requests are probably for the same partition. */
  #expectRepeats(): void {
    const [first] = this.#responses
    const [answer] = first?.partitionResponses ?? []
    if (this.#open !== 2 || !this.acknowledges || this.#responses.length !== 1) return
    if (first?.partitionResponses.length !== 1 || !(answer instanceof PartitionAppend)) return
    const { client, frame, version } = this.#exchange
    const source = { frame, version, nodeId: client.nodeId, partition: answer.partition, ...this.#connection }
    client.expectRepeats(new RepeatedProduces(this.#request, source))
  }

  #holdBack(): void {
    const { transactionalId } = this.#request
    const [first] = this.#held
    if (!first || transactionalId === null) return
    const { records } = first
    this.#connection.gate.add(
      {
        transactionalId,
        producerId: producerId(records, 0),
        producerEpoch: producerEpoch(records, 0),
        version: this.#exchange.version,
      },
      this.#held,
    )
  }

  /** An answer is complete. */
  done(): void {
    this.#open--
    if (this.#open > 0) return
    if (this.acknowledges) this.#respond()
    else this.#endUnacknowledged()
  }

  failed(cause: unknown): void {
    this.#exchange.fail(cause)
  }

  #respond(): void {
    if (!this.#newLeaders) this.#exchange.respond({ responses: this.#responses })
    else {
      const nodeEndpoints = endpointsOf(this.#newLeaders, this.#services.brokers)
      this.#exchange.respond({ responses: this.#responses, nodeEndpoints })
    }
  }

  /** Who wants no answer learns of a failure by the end of its connection, and looks for new metadata (as in Kafka). */
  #endUnacknowledged(): void {
    for (const { name, partitionResponses } of this.#responses) {
      for (const { index, errorCode = ErrorCode.NONE } of partitionResponses) {
        if (errorCode === ErrorCode.NONE) continue
        const reason = `its produce with acks=0 to partition ${index} of ${name || 'a topic'} failed with ${errorByCode(errorCode).name}`
        this.#exchange.abort(reason)
        return
      }
    }
    this.#exchange.skip()
  }

  #beginTopic({ partitionData }: TopicData, topic: Topic | undefined, byId: boolean): PartitionAnswer[] {
    const answers: PartitionAnswer[] = []
    for (const { index, records } of partitionData) {
      const partition = topic?.partitions[index]
      const problem = partition ? this.#refusal(partition, records) : unknownTopic(byId && !topic)
      if (problem || !partition || !records) {
        const errorCode = problem ?? ErrorCode.NONE
        answers.push({ index, errorCode, baseOffset: -1, ...this.#newLeader(errorCode, partition) })
        continue
      }
      const append = new PartitionAppend(this, partition, index)
      answers.push(append)
      this.#open++
      if (this.#mustWait(partition, records)) this.#held.push({ partition, records, target: append })
      else this.#connection.batcher.add(partition, records, append, transactionVersionOf(this.#exchange.version))
    }
    return answers
  }

  #refusal(partition: Partition, records: Uint8Array | null): number | undefined {
    if (partition.isDeleted) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    if (partition.topic.isInternal) return ErrorCode.INVALID_TOPIC_EXCEPTION
    if (partition.leaderId !== this.#exchange.client.nodeId) return ErrorCode.NOT_LEADER_OR_FOLLOWER
    if (records === null || records.byteLength === 0) return ErrorCode.INVALID_RECORD
    return this.#request.acks === -1 && !partition.hasEnoughReplicas ? ErrorCode.NOT_ENOUGH_REPLICAS : undefined
  }

  /** Who has come to the wrong broker is told the right one (KIP-951). */
  #newLeader(errorCode: number, partition: Partition | undefined) {
    if (errorCode !== ErrorCode.NOT_LEADER_OR_FOLLOWER || !partition) return undefined
    if (this.#exchange.version < newLeaderFrom) return undefined
    this.#newLeaders ??= new Set()
    this.#newLeaders.add(partition.leaderId)
    return { currentLeader: leaderOf(partition) }
  }

  #mustWait(partition: Partition, records: Uint8Array): boolean {
    if (!isOfTransaction(records)) return false
    const isVerified = this.#services.server['transaction.partition.verification.enable']
    if (!isVerified && this.#exchange.version < addsPartitionsFrom) return false
    return !this.#connection.gate.isOpenFor(partition, producerId(records, 0), producerEpoch(records, 0))
  }
}

function unknownTopic(byId: boolean): number {
  return byId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
}

/** What becomes of one partition's batch; it is the answer at the same time. */
class PartitionAppend implements GatedTarget {
  readonly index: number
  errorCode: number = ErrorCode.NONE
  baseOffset = -1
  logAppendTimeMs = -1
  logStartOffset = -1
  errorMessage: string | null = null
  recordErrors: ReturnType<typeof recordErrorsOf> = []
  readonly #produce: PendingProduce
  readonly partition: Partition

  constructor(produce: PendingProduce, partition: Partition, index: number) {
    this.#produce = produce
    this.partition = partition
    this.index = index
  }

  appended(run: BatchRun, i: number): void {
    const { errorCode, baseOffset, lastOffset, logAppendTime, message, recordErrors } = run.result(i)
    const { log } = this.partition
    this.errorCode = errorCode
    this.baseOffset = baseOffset
    this.logAppendTimeMs = logAppendTime
    this.logStartOffset = toldStartOffset(errorCode, this.partition)
    this.errorMessage = message ?? null
    this.recordErrors = recordErrorsOf(recordErrors)
    if (errorCode === ErrorCode.NONE && this.#produce.acknowledges) log.whenFlushed(lastOffset + 1, this)
    else this.#produce.done()
  }

  refused(errorCode: number): void {
    this.errorCode = errorCode
    this.#produce.done()
  }

  failed(cause: unknown): void {
    this.#produce.failed(cause)
  }

  /** The records are durable, or may never be. */
  flushed(errorCode: number): void {
    if (errorCode !== ErrorCode.NONE) {
      this.errorCode = errorCode
      this.baseOffset = -1
    }
    this.#produce.done()
  }
}
