import type { Broker, BrokerNode } from '@millrace/broker'
import {
  type CommittedOffset,
  KafkaAdmin,
  type KafkaAdminOptions,
  KafkaConsumer,
  type KafkaConsumerOptions,
  KafkaProducer,
  type KafkaProducerOptions,
  type NewTopic,
  type ProducerRecord,
  type RecordMetadata,
} from '@millrace/kafka'
import { hostSystem, MillraceError, sleep } from '@millrace/std'
import { type Fault, Faults, type Injection } from './faults.ts'
import { type EmbeddedKafkaOptions, startTestBroker } from './start-broker.ts'
import { clientClock, defaultWaitMs } from './test-time.ts'
import {
  type FormOf,
  type ReadOptions,
  type RecordForm,
  type TestRecord,
  TopicReader,
  type WaitOptions,
} from './topic-reader.ts'

export interface GroupWaitOptions {
  /** How many members it is to have. Default 1. */
  readonly members?: number
  /** Default 4,000. */
  readonly timeoutMs?: number
}

/** A record to produce: its value, or more than that. */
export type TestMessage = string | Uint8Array | null | Omit<ProducerRecord, 'topic'>

interface Client {
  close(options: { timeoutMs: number }): Promise<void>
}

/** The client of the kit's own helpers: no fault hits it. */
const helperClientId = 'embedded-kafka'
const groupPauseMs = 10
/** How long a client may take to say goodbye, and without any broker in reach. */
const closeMs = 2_000
const closeUnreachableMs = 200

const consumerDefaults = { autoOffsetReset: 'earliest', closeTimeoutMs: closeUnreachableMs } as const

/** A Kafka for tests, in this process and in memory, for any client. Made by {@link embeddedKafka}. */
export class EmbeddedKafka implements AsyncDisposable {
  readonly #options: EmbeddedKafkaOptions
  readonly #faults: Faults
  readonly #clients = new Set<Client>()
  #broker: Broker
  #isClosed = false
  #helpers: { admin: KafkaAdmin; producer: KafkaProducer } | undefined

  private constructor(options: EmbeddedKafkaOptions, faults: Faults, broker: Broker) {
    this.#options = options
    this.#faults = faults
    this.#broker = broker
  }

  /** As {@link embeddedKafka}. */
  static async start(options: EmbeddedKafkaOptions): Promise<EmbeddedKafka> {
    const faults = new Faults(helperClientId)
    const kafka = new EmbeddedKafka(options, faults, await startTestBroker(options, faults, 0))
    await kafka.#createFirstTopics()
    return kafka
  }

  /** `host:port`, of several brokers with commas: for `bootstrap.servers` of any client. The same until the end, also after {@link reset}. */
  get bootstrapServers(): string {
    return this.#broker.bootstrapServers
  }

  /** The brokers. `brokers[i]` has the node id i. */
  get brokers(): readonly BrokerNode[] {
    return this.#broker.nodes
  }

  /** The broker that leads a partition. Undefined: none does, or there is no such partition. */
  leaderOf(topic: string, partition = 0): BrokerNode | undefined {
    return this.#nodeOf(this.#broker.leaderOf(topic, partition))
  }

  /** The broker that coordinates a group. Undefined before the first group. */
  coordinatorOf(groupId: string): BrokerNode | undefined {
    return this.#nodeOf(this.#broker.coordinatorOf('group', groupId))
  }

  /** The broker that coordinates a transactional id. Undefined before the first one. */
  transactionCoordinatorOf(transactionalId: string): BrokerNode | undefined {
    return this.#nodeOf(this.#broker.coordinatorOf('transaction', transactionalId))
  }

  /**
   * Makes another broker lead a partition, in the next leader epoch, with nothing else happening.
   *
   * @throws MillraceError TESTING_CANNOT_LEAD
   */
  moveLeader(topic: string, partition: number, to: BrokerNode): void {
    if (this.#broker.moveLeader(topic, partition, to.nodeId)) return
    throw new MillraceError('TESTING_CANNOT_LEAD', {
      message: `Broker ${to.nodeId} cannot lead ${topic}-${partition}.`,
      fix: 'Name a partition that there is, and a broker that runs and has a replica of it.',
    })
  }

  /** Creates a topic. With one that is there nothing changes. */
  async createTopic(topic: string, options: Omit<NewTopic, 'topic'> = {}): Promise<void> {
    await this.createTopics([{ topic, ...options }])
  }

  /** Creates topics, as far as they are not there: `['plain', { topic: 'orders', partitions: 3 }]`. */
  async createTopics(topics: readonly (string | NewTopic)[]): Promise<void> {
    const { admin } = this.#helper()
    const there = new Set((await admin.listTopics()).map(({ topic }) => topic))
    const wanted = topics.map((topic) => (typeof topic === 'string' ? { topic } : topic))
    const missing = wanted.filter(({ topic }) => !there.has(topic))
    if (missing.length > 0) await admin.createTopics(missing)
  }

  /**
   * Writes records to a topic, in order. Resolves when they are there.
   *
   * @example
   * await kafka.produce('orders', ['one', { key: 'k', value: 'two', partition: 1 }])
   */
  async produce(topic: string, messages: TestMessage | readonly TestMessage[]): Promise<RecordMetadata[]> {
    const { producer } = this.#helper()
    const all = Array.isArray(messages) ? (messages as readonly TestMessage[]) : [messages as TestMessage]
    return Promise.all(all.map((message) => producer.send({ topic, ...asRecord(message) })))
  }

  /**
   * All records of a topic as of now, by partition and offset. None of a topic that is not there: it may yet appear.
   *
   * @example
   * expect((await kafka.records('orders')).map(({ value }) => value)).toEqual(['one', 'two'])
   * @throws MillraceError TESTING_NOT_JSON
   */
  async records<F extends RecordForm = 'text'>(
    topic: string,
    options: ReadOptions<F> = {},
  ): Promise<TestRecord<FormOf<F>>[]> {
    const topics = await this.#helper().admin.listTopics({ includeInternal: true })
    if (!topics.some((each) => each.topic === topic)) return []
    await using reader = this.#reader(topic, options)
    return await reader.all()
  }

  /**
   * The records of a topic, once there are `wanted` of them, or once `wanted` says of them that they will do. The topic
   * may appear in the meantime.
   *
   * @example
   * const [order] = await kafka.waitFor('orders', 1, { as: 'json' })
   * await kafka.waitFor('orders', (records) => records.some(({ key }) => key === 'last'))
   * @throws MillraceError TESTING_WAITED_IN_VAIN, TESTING_NOT_JSON
   */
  async waitFor<F extends RecordForm = 'text'>(
    topic: string,
    wanted: number | ((records: TestRecord<FormOf<F>>[]) => boolean),
    options: WaitOptions<F> = {},
  ): Promise<TestRecord<FormOf<F>>[]> {
    const { timeoutMs = defaultWaitMs } = options
    const isEnough = typeof wanted === 'number' ? (some: readonly unknown[]) => some.length >= wanted : wanted
    const ending = new AbortController()
    const timer = hostSystem.timers.schedule(timeoutMs, () => ending.abort())
    try {
      await using reader = this.#reader(topic, options)
      if (await reader.until(isEnough, ending.signal)) return reader.records
      throw inVain(topic, reader.records, timeoutMs)
    } finally {
      hostSystem.timers.cancel(timer)
    }
  }

  /** What a group has committed, by topic and partition. */
  async committedOffsets(groupId: string): Promise<CommittedOffset[]> {
    const offsets = await this.#helper().admin.fetchOffsets(groupId)
    return offsets.toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
  }

  /**
   * Resolves when a group has so many members and all of them know what is theirs: from then on they see what is produced.
   *
   * @throws MillraceError TESTING_WAITED_IN_VAIN
   */
  async waitForGroup(
    groupId: string,
    { members = 1, timeoutMs = defaultWaitMs }: GroupWaitOptions = {},
  ): Promise<void> {
    const { admin } = this.#helper()
    const { clock, timers } = hostSystem
    for (const deadline = clock.monotonic() + timeoutMs; ; await sleep(timers, groupPauseMs)) {
      const [group] = await admin.describeConsumerGroups([groupId])
      if (group?.state === 'Stable' && group.members.length === members) return
      if (clock.monotonic() < deadline) continue
      throw new MillraceError('TESTING_WAITED_IN_VAIN', {
        message: `Group ${groupId} was not stable with ${members} members within ${timeoutMs} ms: it is ${group?.state ?? 'unknown'}, with ${group?.members.length ?? 0}.`,
        fix: 'See whether the code under test has subscribed, or give a longer timeoutMs.',
      })
    }
  }

  /**
   * Puts a fault in the way of clients, until it is removed or has hit `times` requests.
   *
   * @example
   * kafka.inject({ api: 'Produce', error: 'NOT_LEADER_OR_FOLLOWER', times: 2 })
   * using slow = kafka.inject({ api: 'Fetch', latencyMs: 200, topic: 'orders' })
   * @throws MillraceError TESTING_FAULT_INVALID
   */
  inject(fault: Fault): Injection {
    return this.#faults.inject(fault)
  }

  /** Removes all faults. */
  clearFaults(): void {
    this.#faults.clear()
  }

  /** An admin client of this Kafka; closed with it. */
  admin(options: Omit<KafkaAdminOptions, 'bootstrapServers'> = {}): KafkaAdmin {
    return this.#track(new KafkaAdmin({ ...this.#clientOptions(), ...options }))
  }

  /** A producer of this Kafka; closed with it. */
  producer(options: Omit<KafkaProducerOptions, 'bootstrapServers'> = {}): KafkaProducer {
    return this.#track(new KafkaProducer({ ...this.#clientOptions(), closeTimeoutMs: closeUnreachableMs, ...options }))
  }

  /** A consumer of this Kafka, which reads from the beginning where its group has committed nothing; closed with it. */
  consumer(options: Omit<KafkaConsumerOptions, 'bootstrapServers'> = {}): KafkaConsumer {
    return this.#track(new KafkaConsumer({ ...this.#clientOptions(), ...consumerDefaults, ...options }))
  }

  /**
   * Begins anew: topics, groups, transactions and faults are gone, connections are cut, `topics` of the options are there
   * again. The address stays, so that clients may live on from test to test.
   */
  async reset(): Promise<void> {
    this.#checkOpen()
    const ports = this.brokers.map(({ port }) => port)
    this.#faults.clear()
    await this.#closeClients()
    await this.#broker.close()
    this.#broker = await startTestBroker(this.#options, this.#faults, ports)
    await this.#createFirstTopics()
  }

  /** Closes the clients that were made here, then the broker. Nothing is left that keeps the process alive. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#faults.clear()
    await this.#closeClients()
    await this.#broker.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #nodeOf(nodeId: number): BrokerNode | undefined {
    return this.brokers.find((broker) => broker.nodeId === nodeId)
  }

  async #createFirstTopics(): Promise<void> {
    const { topics = [] } = this.#options
    if (topics.length > 0) await this.createTopics(topics)
  }

  #helper() {
    this.#helpers ??= {
      admin: this.admin({ clientId: helperClientId }),
      producer: this.producer({ clientId: helperClientId, lingerMs: 0 }),
    }
    return this.#helpers
  }

  #reader<F extends RecordForm>(topic: string, options: ReadOptions<F>): TopicReader<F> {
    const { as = 'text' as F, isolationLevel = 'read_committed' } = options
    const client = { ...this.#clientOptions(), clientId: helperClientId, allowAutoCreateTopics: false }
    return new TopicReader(new KafkaConsumer({ ...client, isolationLevel }), topic, as)
  }

  #checkOpen(): void {
    if (!this.#isClosed) return
    throw new MillraceError('TESTING_CLOSED', {
      message: 'This Kafka is closed.',
      fix: 'Use it before close() or the end of its block, or start another with embeddedKafka().',
    })
  }

  #clientOptions() {
    this.#checkOpen()
    const { clock } = this.#options
    const { bootstrapServers } = this
    return clock ? { bootstrapServers, system: { ...hostSystem, clock: clientClock(clock) } } : { bootstrapServers }
  }

  #track<C extends Client>(client: C): C {
    this.#clients.add(client)
    return client
  }

  async #closeClients(): Promise<void> {
    const clients = [...this.#clients]
    this.#clients.clear()
    this.#helpers = undefined
    // One that cannot take its leave any more is not missed.
    await Promise.allSettled(clients.map((client) => client.close({ timeoutMs: closeMs })))
  }
}

/**
 * Starts a Kafka for tests: in this process, in memory, on a free port, ready in a few milliseconds. It goes with
 * vitest, jest, node:test and any other runner, and with any client.
 *
 * @throws MillraceError BROKER_CONFIG_UNKNOWN, BROKER_CONFIG_INVALID, TESTING_OPTION_INVALID
 * @example
 * await using kafka = await embeddedKafka({ topics: ['orders'] })
 * await placeOrder({ brokers: [kafka.bootstrapServers] })
 * const [order] = await kafka.waitFor('orders', 1, { as: 'json' })
 */
export function embeddedKafka(options: EmbeddedKafkaOptions = {}): Promise<EmbeddedKafka> {
  return EmbeddedKafka.start(options)
}

function asRecord(message: TestMessage): Omit<ProducerRecord, 'topic'> {
  return typeof message === 'string' || message === null || message instanceof Uint8Array ? { value: message } : message
}

function inVain(topic: string, records: readonly TestRecord<unknown>[], timeoutMs: number): MillraceError {
  const last = records.slice(-3).map(({ value }) => String(value).slice(0, 80))
  return new MillraceError('TESTING_WAITED_IN_VAIN', {
    message: `What was waited for did not come to ${topic} within ${timeoutMs} ms. There are ${records.length} records${last.length > 0 ? `, the last ones: ${last.join(' | ')}` : ''}.`,
    fix: 'See whether the code under test has sent them, or give a longer timeoutMs.',
  })
}
