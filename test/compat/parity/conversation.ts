import { fileURLToPath } from 'node:url'
import {
  type Api,
  ApiVersions,
  attributes,
  baseOffset,
  baseSequence,
  batchSize,
  CreateTopics,
  FindCoordinator,
  InitProducerId,
  isControl,
  iterateRecords,
  JoinGroup,
  type JoinGroupRequestInput,
  lastOffset,
  ListOffsets,
  maxTimestamp,
  Metadata,
  partitionLeaderEpoch,
  producerEpoch,
  type RequestInputOf,
  type ResponseOf,
} from '@millrace/kafka'
import { bytesToString, utf8, uuidToString } from '@millrace/std'
import { RawClient } from '../../../packages/broker/test/support/raw-client.ts'

/** Requests that are asked of both brokers in the same order; what they answer must be the same. */
export interface Sequence {
  readonly name: string
  run(talk: Conversation): Promise<void>
}

/** What Apache Kafka answered, one answer a line. */
export const recordedFile = fileURLToPath(new URL('recorded.jsonl', import.meta.url))

/** With these our broker is as the Kafka that it is compared with. */
export const brokerConfig = {
  'group.initial.rebalance.delay.ms': 0,
  'group.min.session.timeout.ms': 100,
  'group.consumer.assignment.interval.ms': 0,
}

/** All answers of one broker to a sequence. */
export async function converse(sequence: Sequence, port: number, run: string): Promise<readonly Answer[]> {
  const talk = new Conversation(port, run)
  try {
    await sequence.run(talk)
    return talk.answers
  } finally {
    talk.close()
  }
}

export interface Answer {
  readonly label: string
  answer: unknown
}

/** Sentences for people, or what a broker has of its own. */
const ignored = new Set([
  'errorMessage',
  'batchIndexErrorMessage',
  'throttleTimeMs',
  'clusterId',
  'host',
  'port',
  'clientHost',
  'recordErrors',
  // Kafka gives the time of the first attempt for a repeated batch, although its records have times of their own.
  'logAppendTimeMs',
  // The time at which the broker was asked.
  'transactionStartTimeMs',
  'lastTimestamp',
])
/** How long an answer may take before it counts as none. */
const patienceMs = 30_000
const memberFields = new Set(['memberId', 'leader'])

/**
 * One broker's side of a sequence: asks, and keeps each answer with its label. What a broker chooses itself (member ids,
 * topic ids, producer ids) is replaced by a name that says when it was first seen.
 */
export class Conversation {
  readonly answers: Answer[] = []
  readonly #port: number
  readonly #clients = new Map<string, RawClient>()
  readonly #names = new Map<string, string>()
  readonly #run: string

  /** `run` makes names of topics and groups that no earlier run has used; three characters, as names have lengths on the wire. */
  constructor(port: number, run: string) {
    this.#port = port
    this.#run = run
  }

  /** The name of a topic or group of this run. */
  name(stem: string): string {
    return `${stem}-${this.#run}`
  }

  async client(name = 'first'): Promise<RawClient> {
    let client = this.#clients.get(name)
    if (!client) {
      client = await RawClient.connect({ port: this.#port })
      client.clientId = 'parity'
      this.#clients.set(name, client)
    }
    return client
  }

  close(): void {
    for (const client of this.#clients.values()) client.close()
  }

  /** Keeps a value under a label. */
  note(label: string, value: unknown): void {
    this.answers.push({ label, answer: this.#normalise(value, '') })
  }

  /**
   * Asks and keeps the answer, or `closed` when the broker ended the connection. The place among the answers is that of
   * the question, so a question may be left waiting while others are asked from another client.
   */
  async ask<A extends Api>(
    label: string,
    api: A,
    version: number,
    body: RequestInputOf<A>,
    from = 'first',
  ): Promise<ResponseOf<A>> {
    const kept: Answer = { label: `${label} (${api.name} v${version})`, answer: 'no answer' }
    this.answers.push(kept)
    const client = await this.client(from)
    try {
      const response = await withPatience(client.call(api, version, body))
      if (!response) {
        client.close()
        this.#clients.delete(from)
        return undefined as never
      }
      kept.answer = this.#normalise(response, '')
      return response
    } catch (cause) {
      if ((cause as Error).message !== 'the connection was closed') throw cause
      kept.answer = 'closed'
      this.#clients.delete(from)
      return undefined as never
    }
  }

  /** Sends a request that has no answer, and keeps whether the broker goes on with the connection. */
  async post<A extends Api>(label: string, api: A, version: number, body: RequestInputOf<A>): Promise<void> {
    const client = await RawClient.connect({ port: this.#port })
    client.post(api, version, body)
    const goesOn = await client.call(ApiVersions, 0, {}).then(
      () => true,
      () => false,
    )
    this.note(`${label} (${api.name} v${version})`, goesOn ? 'goes on' : 'closed')
    client.close()
  }

  /** Asks without keeping the answer. */
  async tell<A extends Api>(api: A, version: number, body: RequestInputOf<A>, from = 'first'): Promise<ResponseOf<A>> {
    return (await this.client(from)).call(api, version, body)
  }

  /** Asks again and again until the answer is as wanted, and keeps none of them. */
  async until<A extends Api>(
    api: A,
    version: number,
    body: RequestInputOf<A>,
    wanted: (response: ResponseOf<A>) => boolean,
    from = 'first',
  ): Promise<ResponseOf<A>> {
    for (let i = 0; i < 500; i++) {
      const response = await this.tell(api, version, body, from)
      if (wanted(response)) return response
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new Error(`${api.name} was never answered as wanted`)
  }

  /** A topic of this run, once all of its partitions can be used. */
  async createTopic(
    stem: string,
    options: { partitions?: number; configs?: Record<string, string> } = {},
  ): Promise<{ name: string; topicId: Uint8Array }> {
    const { partitions = 1, configs = {} } = options
    const name = this.name(stem)
    const created = await this.tell(CreateTopics, 7, {
      topics: [
        {
          name,
          numPartitions: partitions,
          replicationFactor: 1,
          assignments: [],
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        },
      ],
      timeoutMs: 10_000,
    })
    const problem = created.topics[0]
    if (problem?.errorCode) throw new Error(`${name} was not created: ${problem.errorMessage}`)
    await this.until(Metadata, 12, { topics: [{ name }] }, ({ topics }) => {
      const [topic] = topics
      return topic?.errorCode === 0 && topic.partitions.every(({ leaderId }) => leaderId >= 0)
    })
    const indexes = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1 }))
    await this.until(ListOffsets, 7, { replicaId: -1, topics: [{ name, partitions: indexes }] }, ({ topics }) => {
      return topics[0]?.partitions.every(({ errorCode }) => errorCode === 0) === true
    })
    return { name, topicId: problem?.topicId as Uint8Array }
  }

  /** The name of a group of this run, once its coordinator answers. */
  async group(stem: string): Promise<string> {
    const groupId = this.name(stem)
    await this.until(FindCoordinator, 4, { coordinatorKeys: [groupId] }, (response) => {
      return response.coordinators[0]?.errorCode === 0
    })
    await this.until(JoinGroup, 5, joinRequest(groupId, { memberId: 'nobody' }), ({ errorCode }) => errorCode === 25)
    return groupId
  }

  /** An idempotent producer's id, once the broker gives some out. */
  async producerId(): Promise<number> {
    const request = { transactionalId: null, transactionTimeoutMs: 0 }
    return (await this.until(InitProducerId, 5, request, ({ errorCode }) => errorCode === 0)).producerId
  }

  #normalise(value: unknown, field: string): unknown {
    if (value instanceof Uint8Array) {
      if (field === 'topicId')
        return value.some((byte) => byte !== 0) ? this.#nameFor(uuidToString(value), 'topic id') : 'no topic id'
      return field === 'records' ? describeBatches(value) : bytesToString(value).replaceAll(`-${this.#run}`, '-run')
    }
    if (Array.isArray(value)) return value.map((each) => this.#normalise(each, field)).sort(byText)
    if (typeof value === 'object' && value !== null) {
      const kept = Object.entries(value).filter(([name]) => !ignored.has(name) && !saysNothing(name, value))
      return Object.fromEntries(kept.map(([name, each]) => [name, this.#normalise(each, name)]))
    }
    if (memberFields.has(field) && typeof value === 'string' && value.length > 22) return this.#nameFor(value, 'member')
    if (field === 'producerId' && typeof value === 'number' && value >= 0) return this.#nameFor(`${value}`, 'producer')
    return typeof value === 'string' ? value.replaceAll(`-${this.#run}`, '-run') : value
  }

  #nameFor(own: string, kind: string): string {
    let name = this.#names.get(own)
    if (name === undefined) {
      name = `${kind} ${[...this.#names.values()].filter((each) => each.startsWith(kind)).length + 1}`
      this.#names.set(own, name)
    }
    return name
  }
}

/** Where a log starts means nothing beside an error. */
function saysNothing(name: string, answer: object): boolean {
  return name === 'logStartOffset' && 'baseOffset' in answer && answer.baseOffset === -1
}

/** Batches without what differs by right: the producer id, and the checksum that covers it. */
function describeBatches(bytes: Uint8Array): object[] {
  const batches: object[] = []
  for (let at = 0; at < bytes.byteLength; at += batchSize(bytes, at)) {
    batches.push({
      baseOffset: baseOffset(bytes, at),
      leaderEpoch: partitionLeaderEpoch(bytes, at),
      attributes: attributes(bytes, at),
      // A marker has the time of the broker.
      maxTimestamp: isControl(bytes, at) ? 'now' : maxTimestamp(bytes, at),
      producerEpoch: producerEpoch(bytes, at),
      baseSequence: baseSequence(bytes, at),
      lastOffset: lastOffset(bytes, at),
      values: [...iterateRecords(bytes.subarray(at, at + batchSize(bytes, at)))].map(({ value }) =>
        bytesToString(value as Uint8Array),
      ),
    })
  }
  return batches
}

function withPatience<T>(answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), patienceMs)
  })
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}

/** No list in the protocol's answers has an order that clients may count on. */
function byText(a: unknown, b: unknown): number {
  const [first, second] = [JSON.stringify(a) ?? '', JSON.stringify(b) ?? '']
  return first < second ? -1 : first > second ? 1 : 0
}

export function joinRequest(groupId: string, options: Partial<JoinGroupRequestInput> = {}): JoinGroupRequestInput {
  return {
    groupId,
    sessionTimeoutMs: 20_000,
    rebalanceTimeoutMs: 20_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: utf8('meta') }],
    ...options,
  }
}
