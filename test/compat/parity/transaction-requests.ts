import {
  AddOffsetsToTxn,
  AddPartitionsToTxn,
  batchSize,
  DescribeProducers,
  DescribeTransactions,
  EndTxn,
  Fetch,
  FindCoordinator,
  InitProducerId,
  lastOffset,
  ListOffsets,
  ListTransactions,
  OffsetFetch,
  Produce,
  TxnOffsetCommit,
  WriteTxnMarkers,
} from '@millrace/kafka'
import type { Conversation } from './conversation.ts'
import { batch } from './record-requests.ts'

/** A producer's identity as the broker gave it last. */
export interface Producer {
  readonly transactionalId: string
  producerId: number
  producerEpoch: number
  /** Of the next batch, by topic and partition. */
  readonly sequences: Map<string, number>
}

/** Version of EndTxn, Produce and so on that a producer of transactions v1 or v2 speaks. */
export const speaks = {
  v1: { init: 4, end: 4, produce: 11, offsets: 4 },
  v2: { init: 5, end: 5, produce: 12, offsets: 5 },
} as const
export type Protocol = keyof typeof speaks

const nobody = { producerId: -1, producerEpoch: -1 }

/** The transactional id of this run, once its coordinator answers. */
export async function newProducer(talk: Conversation, stem: string): Promise<Producer> {
  const transactionalId = talk.name(stem)
  await talk.until(FindCoordinator, 4, { keyType: 1, coordinatorKeys: [transactionalId] }, ({ coordinators }) => {
    return coordinators[0]?.errorCode === 0
  })
  // The ids 0 and 1 would be taken for what an error answer has in place of one.
  for (let i = 0; i < 2; i++) await talk.producerId()
  await talk.until(
    DescribeTransactions,
    0,
    { transactionalIds: [transactionalId] },
    ({ transactionStates }) => transactionStates[0]?.errorCode === 105,
  )
  return { transactionalId, ...nobody, sequences: new Map() }
}

/** Asks for an id until no transaction is in the way; keeps the answer. */
export async function init(
  talk: Conversation,
  label: string,
  producer: Producer,
  options: { protocol?: Protocol; expected?: typeof nobody; timeoutMs?: number } = {},
): Promise<void> {
  const { protocol = 'v2', expected = nobody, timeoutMs = 60_000 } = options
  const { transactionalId } = producer
  await settled(talk, transactionalId)
  const answer = await talk.ask(label, InitProducerId, speaks[protocol].init, {
    transactionalId,
    transactionTimeoutMs: timeoutMs,
    ...expected,
  })
  if (answer.errorCode === 0) become(producer, answer)
}

export function become(producer: Producer, identity: { producerId: number; producerEpoch: number }): void {
  if (identity.producerId !== producer.producerId || identity.producerEpoch !== producer.producerEpoch) {
    producer.sequences.clear()
  }
  producer.producerId = identity.producerId
  producer.producerEpoch = identity.producerEpoch
}

/** Waits until no markers of the transactional id are on their way. */
export async function settled(talk: Conversation, transactionalId: string): Promise<void> {
  await talk.until(DescribeTransactions, 0, { transactionalIds: [transactionalId] }, ({ transactionStates }) => {
    return transactionStates[0]?.transactionState.startsWith('Prepare') === false
  })
}

interface SendOptions {
  readonly protocol?: Protocol
  readonly partition?: number
  readonly version?: number
  readonly baseSequence?: number
  readonly transactional?: boolean
  readonly transactionalId?: string | null
  readonly producerId?: number
  readonly producerEpoch?: number
}

/** Writes a record of the transaction; keeps the answer. */
export async function send(
  talk: Conversation,
  label: string,
  producer: Producer,
  topic: string,
  options: SendOptions = {},
): Promise<void> {
  const { protocol = 'v2', partition = 0, transactional = true } = options
  const place = `${topic} ${partition}`
  const baseSequence = options.baseSequence ?? producer.sequences.get(place) ?? 0
  const identity = {
    producerId: options.producerId ?? producer.producerId,
    producerEpoch: options.producerEpoch ?? producer.producerEpoch,
    baseSequence,
  }
  const records = batch({ values: [label], transactional, producer: identity })
  const answer = await talk.ask(label, Produce, options.version ?? speaks[protocol].produce, {
    acks: -1,
    timeoutMs: 10_000,
    transactionalId: options.transactionalId === undefined ? producer.transactionalId : options.transactionalId,
    topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
  })
  if (answer.responses[0]?.partitionResponses[0]?.errorCode === 0) producer.sequences.set(place, baseSequence + 1)
}

export async function add(
  talk: Conversation,
  label: string,
  producer: Producer,
  topics: readonly { name: string; partitions: readonly number[] }[],
  options: { version?: number; producerId?: number; producerEpoch?: number } = {},
): Promise<void> {
  await talk.ask(label, AddPartitionsToTxn, options.version ?? 3, {
    v3AndBelowTransactionalId: producer.transactionalId,
    v3AndBelowProducerId: options.producerId ?? producer.producerId,
    v3AndBelowProducerEpoch: options.producerEpoch ?? producer.producerEpoch,
    v3AndBelowTopics: topics.map(({ name, partitions }) => ({ name, partitions: [...partitions] })),
  })
}

/** Ends the transaction, waits for its markers, and keeps the answer. */
export async function end(
  talk: Conversation,
  label: string,
  producer: Producer,
  committed: boolean,
  options: { protocol?: Protocol; version?: number; producerId?: number; producerEpoch?: number } = {},
): Promise<void> {
  const { protocol = 'v2' } = options
  const answer = await talk.ask(label, EndTxn, options.version ?? speaks[protocol].end, {
    transactionalId: producer.transactionalId,
    producerId: options.producerId ?? producer.producerId,
    producerEpoch: options.producerEpoch ?? producer.producerEpoch,
    committed,
  })
  if (answer.errorCode === 0 && answer.producerEpoch >= 0) become(producer, answer)
  await settled(talk, producer.transactionalId)
}

export async function addOffsets(talk: Conversation, label: string, producer: Producer, groupId: string) {
  const { transactionalId, producerId, producerEpoch } = producer
  await talk.ask(label, AddOffsetsToTxn, 4, { transactionalId, producerId, producerEpoch, groupId })
}

export async function commitOffset(
  talk: Conversation,
  label: string,
  producer: Producer,
  options: {
    groupId: string
    topic: string
    offset: number
    partition?: number
    protocol?: Protocol
    version?: number
    generationId?: number
    memberId?: string
    producerEpoch?: number
  },
): Promise<void> {
  const { groupId, topic, offset, partition = 0, protocol = 'v2', generationId = -1, memberId = '' } = options
  await talk.ask(label, TxnOffsetCommit, options.version ?? speaks[protocol].offsets, {
    transactionalId: producer.transactionalId,
    groupId,
    producerId: producer.producerId,
    producerEpoch: options.producerEpoch ?? producer.producerEpoch,
    generationId,
    memberId,
    topics: [
      {
        name: topic,
        partitions: [{ partitionIndex: partition, committedOffset: offset, committedMetadata: 'of a transaction' }],
      },
    ],
  })
}

export async function offsets(
  talk: Conversation,
  label: string,
  groupId: string,
  options: { requireStable?: boolean; topic?: string } = {},
): Promise<void> {
  const { requireStable = false, topic } = options
  await talk.ask(label, OffsetFetch, 8, {
    groups: [{ groupId, topics: topic === undefined ? null : [{ name: topic, partitionIndexes: [0, 1] }] }],
    requireStable,
  })
}

/** What consumers of both isolation levels get to see: a broker may give it in pieces of its choice. */
export async function look(talk: Conversation, label: string, topic: string, partition = 0): Promise<void> {
  for (const [name, isolationLevel] of [
    ['uncommitted', 0],
    ['committed', 1],
  ] as const) {
    const pieces: Uint8Array[] = []
    const aborted = new Set<string>()
    for (let fetchOffset = 0; ; ) {
      const { responses } = await talk.tell(Fetch, 12, {
        maxWaitMs: 0,
        minBytes: 1,
        isolationLevel,
        topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: 1_048_576 }] }],
        forgottenTopicsData: [],
      })
      const [fetched] = responses[0]?.partitions ?? []
      if (!fetched) throw new Error(`${topic}-${partition} was not answered for`)
      const { abortedTransactions, records, ...answer } = fetched
      for (const { firstOffset } of abortedTransactions ?? []) aborted.add(`${firstOffset}`)
      if (!records || records.byteLength === 0) {
        talk.note(`${label}, ${name}`, { ...answer, aborted: [...aborted], records: Buffer.concat(pieces) })
        break
      }
      pieces.push(records)
      let last = 0
      for (let at = 0; at < records.byteLength; at += batchSize(records, at)) last = lastOffset(records, at)
      fetchOffset = last + 1
    }
    await talk.ask(`${label}, latest ${name}`, ListOffsets, 7, {
      replicaId: -1,
      isolationLevel,
      topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: -1 }] }],
    })
  }
}

/** What administrators are told. */
export async function describe(talk: Conversation, label: string, producer: Producer, topic: string): Promise<void> {
  await talk.ask(label, DescribeTransactions, 0, { transactionalIds: [producer.transactionalId] })
  await talk.ask(label, DescribeProducers, 0, { topics: [{ name: topic, partitionIndexes: [0, 1, 9] }] })
}

export async function list(
  talk: Conversation,
  label: string,
  filters: {
    stateFilters?: string[]
    producerIdFilters?: number[]
    durationFilter?: number
    transactionalIdPattern?: string
  },
  version = 2,
): Promise<void> {
  const { stateFilters = [], producerIdFilters = [], ...more } = filters
  await talk.ask(label, ListTransactions, version, { stateFilters, producerIdFilters, ...more })
}

export async function mark(
  talk: Conversation,
  label: string,
  topic: string,
  marker: { producerId: number; producerEpoch: number; commit?: boolean; coordinatorEpoch?: number; version?: number },
  partitionIndexes = [0],
): Promise<void> {
  const { producerId, producerEpoch, commit = false, coordinatorEpoch = 0, version } = marker
  await talk.ask(label, WriteTxnMarkers, version === undefined ? 1 : 2, {
    markers: [
      {
        producerId,
        producerEpoch,
        transactionResult: commit,
        coordinatorEpoch,
        topics: [{ name: topic, partitionIndexes }],
        ...(version === undefined ? {} : { transactionVersion: version }),
      },
    ],
  })
}
