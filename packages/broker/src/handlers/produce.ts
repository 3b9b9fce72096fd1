/**
 * Produce (0): appends record batches, one per partition.
 *
 * Batches stay bytes: they are checked, their offsets patched in place, and written. All requests that one read from a
 * socket brought are appended together, one write per partition, and share an fsync with all others that wait. The answer
 * comes when the records are durable (acks 1 and -1 are the same on one node); acks=0 has no answer, but a failure closes
 * the connection.
 *
 * Versions 0 to 2 are advertised and refused (KAFKA-18659). Version 13 uses topic ids. Transactions are not served.
 */
import { ErrorCode, errorByCode, Produce, type ProduceRequest, type ProduceResponseInput } from '@millrace/kafka'
import type { BatchRun } from '../log/batch-run.ts'
import type { Partition } from '../metadata/partition.ts'
import type { Topic, TopicCatalog } from '../metadata/topic-catalog.ts'
import { type AppendTarget, ProduceBatcher } from './produce-batcher.ts'
import { RepeatedProduces } from './produce-run.ts'
import { type Client, type Exchange, type HandlerRegistry, RequestError } from './registry.ts'

type TopicData = ProduceRequest['topicData'][number]
type PartitionAnswer = ProduceResponseInput['responses'][number]['partitionResponses'][number]

export function registerProduce(registry: HandlerRegistry, topics: TopicCatalog): void {
  const batchers = new WeakMap<Client, ProduceBatcher>()

  registry.register({
    api: Produce,
    versions: [3, 13],
    batches: true,
    notes: 'Versions 0 to 2 are advertised for old librdkafka and refused. No transactions.',
    serve(request, exchange) {
      const { acks, transactionalId } = request
      if (acks !== 0 && acks !== 1 && acks !== -1) {
        throw new RequestError(ErrorCode.INVALID_REQUIRED_ACKS, `acks must be -1, 0 or 1, not ${acks}`)
      }
      if (transactionalId !== null) {
        throw new RequestError(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 'transactions are not served')
      }
      let batcher = batchers.get(exchange.client)
      if (!batcher) {
        batcher = new ProduceBatcher(exchange.client)
        batchers.set(exchange.client, batcher)
      }
      new PendingProduce(request, exchange, topics, batcher).begin()
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

/** One request: its answers, and how many of them are still to come. */
class PendingProduce {
  readonly #request: ProduceRequest
  readonly #exchange: Exchange<typeof Produce>
  readonly #topics: TopicCatalog
  readonly #batcher: ProduceBatcher
  readonly #responses: ProduceResponseInput['responses'][number][] = []
  /** One more than the partitions that wait, until all were begun. */
  #open = 1

  constructor(
    request: ProduceRequest,
    exchange: Exchange<typeof Produce>,
    topics: TopicCatalog,
    batcher: ProduceBatcher,
  ) {
    this.#request = request
    this.#exchange = exchange
    this.#topics = topics
    this.#batcher = batcher
  }

  get acknowledges(): boolean {
    return this.#request.acks !== 0
  }

  begin(): void {
    const byId = this.#exchange.version >= 13
    for (const data of this.#request.topicData) {
      const topic = byId ? this.#topics.getById(data.topicId) : this.#topics.get(data.name)
      const partitionResponses = this.#beginTopic(data, topic, byId)
      this.#responses.push({ name: data.name, topicId: data.topicId, partitionResponses })
    }
    this.#expectRepeats()
    this.done()
  }

  /** The next requests are probably for the same partition. */
  #expectRepeats(): void {
    const [first] = this.#responses
    const [answer] = first?.partitionResponses ?? []
    if (this.#open !== 2 || !this.acknowledges || this.#responses.length !== 1) return
    if (first?.partitionResponses.length !== 1 || !(answer instanceof PartitionAppend)) return
    const { client, frame, version } = this.#exchange
    const source = { frame, version, partition: answer.partition, batcher: this.#batcher }
    client.expectRepeats(new RepeatedProduces(this.#request, source))
  }

  /** An answer is complete. */
  done(): void {
    this.#open--
    if (this.#open > 0) return
    if (this.acknowledges) this.#exchange.respond({ responses: this.#responses })
    else this.#endUnacknowledged()
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
      const problem = partition ? refusal(partition, records) : unknownTopic(byId && !topic)
      if (problem || !partition || !records) {
        answers.push({ index, errorCode: problem ?? ErrorCode.NONE, baseOffset: -1 })
        continue
      }
      const append = new PartitionAppend(this, partition, index)
      answers.push(append)
      this.#open++
      this.#batcher.add(partition, records, append)
    }
    return answers
  }
}

function refusal(partition: Partition, records: Uint8Array | null): number | undefined {
  if (partition.isDeleted) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  if (partition.topic.isInternal) return ErrorCode.INVALID_TOPIC_EXCEPTION
  return records === null || records.byteLength === 0 ? ErrorCode.INVALID_RECORD : undefined
}

function unknownTopic(byId: boolean): number {
  return byId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
}

/** What becomes of one partition's batch; it is the answer at the same time. */
class PartitionAppend implements AppendTarget {
  readonly index: number
  errorCode: number = ErrorCode.NONE
  baseOffset = -1
  logAppendTimeMs = -1
  logStartOffset = -1
  errorMessage: string | null = null
  readonly #produce: PendingProduce
  readonly partition: Partition

  constructor(produce: PendingProduce, partition: Partition, index: number) {
    this.#produce = produce
    this.partition = partition
    this.index = index
  }

  appended(run: BatchRun, i: number): void {
    const { errorCode, baseOffset, lastOffset, logAppendTime, message } = run.result(i)
    const { log } = this.partition
    this.errorCode = errorCode
    this.baseOffset = baseOffset
    this.logAppendTimeMs = logAppendTime
    this.logStartOffset = log.logStartOffset
    this.errorMessage = message ?? null
    if (errorCode === ErrorCode.NONE && this.#produce.acknowledges) log.whenFlushed(lastOffset + 1, this)
    else this.#produce.done()
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
