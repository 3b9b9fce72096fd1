import {
  crc32c,
  DeleteRecords,
  Fetch,
  type FetchRequestInput,
  InitProducerId,
  ListOffsets,
  OffsetForLeaderEpoch,
  Produce,
  RecordBatchBuilder,
  writeInt32,
} from '@millrace/kafka'
import { utf8 } from '@millrace/std'
import type { Conversation, Sequence } from './conversation.ts'

const time = 1_700_000_000_000
const attributesAt = 21

interface BatchInput {
  values?: readonly string[]
  key?: string | null
  timestamps?: readonly number[]
  producer?: { producerId: number; producerEpoch: number; baseSequence: number }
  control?: boolean
  transactional?: boolean
}

function batch({ values = ['a'], key = 'k', timestamps = [], producer, ...flags }: BatchInput = {}): Uint8Array {
  const builder = new RecordBatchBuilder()
  for (const [i, value] of values.entries()) {
    builder.append(key === null ? null : utf8(key), utf8(value), timestamps[i] ?? time)
  }
  return Uint8Array.from(builder.finish({ ...producer, ...flags }))
}

/** A sound batch with other bytes at a position; its checksum is right, unless `keepChecksum`. */
function patched(
  bytes: Uint8Array,
  change: (bytes: Uint8Array) => void,
  options: { keepChecksum?: boolean } = {},
): Uint8Array {
  change(bytes)
  if (!options.keepChecksum) writeInt32(bytes, 17, crc32c(bytes, attributesAt, bytes.byteLength))
  return bytes
}

function produce(
  talk: Conversation,
  label: string,
  topic: string,
  records: Uint8Array,
  options: { acks?: number; index?: number; version?: number } = {},
) {
  const { acks = -1, index = 0, version = 12 } = options
  return talk.ask(label, Produce, version, {
    acks,
    timeoutMs: 10_000,
    topicData: [{ name: topic, partitionData: [{ index, records }] }],
  })
}

interface FetchInput extends Partial<FetchRequestInput> {
  partition?: number
  offset?: number
  currentLeaderEpoch?: number
  lastFetchedEpoch?: number
}

function fetch(talk: Conversation, label: string, topic: string, input: FetchInput = {}, version = 12) {
  const { partition = 0, offset = 0, currentLeaderEpoch = -1, lastFetchedEpoch = -1, ...options } = input
  return talk.ask(label, Fetch, version, {
    maxWaitMs: 0,
    minBytes: 1,
    topics: [
      {
        topic,
        partitions: [
          { partition, fetchOffset: offset, currentLeaderEpoch, lastFetchedEpoch, partitionMaxBytes: 1_048_576 },
        ],
      },
    ],
    forgottenTopicsData: [],
    ...options,
  })
}

/** What may be said about records, right and wrong. */
export const recordSequences: Sequence[] = [
  {
    name: 'Produce: batches',
    async run(talk) {
      const { name } = await talk.createTopic('produced', {
        configs: { 'max.message.bytes': '2000', 'segment.bytes': '1048576' },
      })
      const two = Buffer.concat([batch(), batch()])
      await produce(talk, 'sound', name, batch({ values: ['a', 'b'] }))
      await produce(talk, 'sound, acks 1', name, batch(), { acks: 1 })
      await produce(talk, 'acks 2', name, batch(), { acks: 2 })
      await produce(talk, 'empty', name, new Uint8Array(0))
      await produce(talk, 'two batches', name, two)
      await produce(talk, 'too large', name, batch({ values: ['x'.repeat(3_000)] }))
      await produce(talk, 'larger than a segment', name, batch({ values: ['x'.repeat(1_100_000)] }))
      await produce(
        talk,
        'wrong checksum',
        name,
        patched(batch(), (bytes) => writeInt32(bytes, 17, 1), { keepChecksum: true }),
      )
      await produce(talk, 'cut short', name, batch({ values: ['abcdef'] }).subarray(0, 70))
      await produce(talk, 'cut within the header', name, batch().subarray(0, 30))
      await produce(talk, 'cut within the prefix', name, batch().subarray(0, 5))
      await produce(
        talk,
        'batch length 0',
        name,
        patched(batch(), (bytes) => writeInt32(bytes, 8, 0), { keepChecksum: true }),
      )
      await produce(
        talk,
        'negative batch length',
        name,
        patched(batch(), (bytes) => writeInt32(bytes, 8, -1), { keepChecksum: true }),
      )
      await produce(
        talk,
        'too many announced',
        name,
        patched(batch(), (bytes) => writeInt32(bytes, 57, 5)),
      )
      await produce(
        talk,
        'negative count',
        name,
        patched(batch(), (bytes) => writeInt32(bytes, 57, -1)),
      )
      await produce(
        talk,
        'count 0',
        name,
        patched(batch(), (bytes) => writeInt32(bytes, 57, 0)),
      )
      await produce(
        talk,
        'fewer announced',
        name,
        patched(batch({ values: ['a', 'b'] }), (bytes) => writeInt32(bytes, 57, 1)),
      )
      await produce(
        talk,
        'other last offset',
        name,
        patched(batch({ values: ['a', 'b'] }), (bytes) => writeInt32(bytes, 23, 5)),
      )
      await produce(talk, 'control records', name, batch({ control: true }))
      await produce(talk, 'an hour and more ahead', name, batch({ timestamps: [Date.now() + 7_200_000] }))
      await produce(talk, 'no timestamp', name, batch({ timestamps: [-1] }))
      await produce(talk, 'unknown partition', name, batch(), { index: 1 })
      await produce(talk, 'negative partition', name, batch(), { index: -1 })
      await produce(talk, 'unknown topic', talk.name('unknown'), batch())
      await produce(talk, 'invalid topic', 'in valid', batch())
      await produce(talk, 'internal topic', '__consumer_offsets', batch())
      await talk.ask('unknown id', Produce, 13, {
        acks: -1,
        timeoutMs: 1_000,
        topicData: [{ topicId: new Uint8Array(16).fill(7), partitionData: [{ index: 0, records: batch() }] }],
      })
      await talk.ask('several topics and partitions', Produce, 9, {
        acks: -1,
        timeoutMs: 1_000,
        topicData: [
          {
            name,
            partitionData: [
              { index: 0, records: batch() },
              { index: 5, records: batch() },
            ],
          },
          { name: talk.name('unknown'), partitionData: [{ index: 0, records: batch() }] },
        ],
      })
      await produce(talk, 'nothing wrong was kept', name, batch())
      await talk.ask('nothing at all', Produce, 9, { acks: -1, timeoutMs: 1_000, topicData: [] })
    },
  },
  {
    name: 'Produce: topics that compact or set the time',
    async run(talk) {
      const compacted = await talk.createTopic('compacted', { configs: { 'cleanup.policy': 'compact' } })
      await produce(talk, 'with keys', compacted.name, batch())
      await produce(talk, 'without a key', compacted.name, batch({ key: null }))
      const strict = await talk.createTopic('strict', {
        configs: { 'message.timestamp.before.max.ms': '1000', 'message.timestamp.after.max.ms': '1000' },
      })
      await produce(talk, 'too old', strict.name, batch())
      await produce(talk, 'too new', strict.name, batch({ timestamps: [Date.now() + 60_000] }))
      await produce(talk, 'now', strict.name, batch({ timestamps: [Date.now()] }))
      await produce(talk, 'no timestamp', strict.name, batch({ timestamps: [-1] }))
    },
  },
  {
    name: 'Produce: idempotent producers',
    async run(talk) {
      const { name } = await talk.createTopic('idempotent')
      const { producerId } = await talk.tell(InitProducerId, 5, { transactionalId: null, transactionTimeoutMs: 0 })
      const send = (label: string, baseSequence: number, producerEpoch = 0, values = ['a', 'b'], id = producerId) =>
        produce(talk, label, name, batch({ values, producer: { producerId: id, producerEpoch, baseSequence } }))
      await send('first', 0)
      await send('second', 2)
      await send('first again', 0)
      await send('second again', 2)
      await send('a gap', 6)
      await send('an overlap', 3)
      await send('a part of the second', 2, 0, ['a'])
      for (const sequence of [4, 6, 8, 10, 12]) await send(`${sequence}`, sequence)
      await send('too long ago', 0)
      await send('the oldest that is known', 4)
      await send('a newer epoch that does not begin at 0', 14, 1)
      await send('a newer epoch', 0, 1)
      await send('an older epoch', 14, 0)
      await send('an older epoch, a repetition', 12, 0)
      await send('an unknown producer in the middle', 5, 0, ['a'], producerId + 1_000)
      await send('its next', 6, 0, ['a'], producerId + 1_000)
      await send('no sequence', -1, 1)
      await send('a negative epoch', 2, -1)
      await produce(
        talk,
        'transactional',
        name,
        batch({ transactional: true, producer: { producerId, producerEpoch: 1, baseSequence: 2 } }),
      )
      await fetch(talk, 'what is there', name)
    },
  },
  {
    name: 'Fetch',
    async run(talk) {
      const { name, topicId } = await talk.createTopic('fetched', { partitions: 2 })
      for (const values of [['a', 'b'], ['c'], ['d', 'e']])
        await talk.tell(Produce, 9, {
          acks: -1,
          timeoutMs: 10_000,
          topicData: [{ name, partitionData: [{ index: 0, records: batch({ values }) }] }],
        })
      for (const version of [4, 7, 11, 12]) await fetch(talk, 'all', name, {}, version)
      await fetch(talk, 'within a batch', name, { offset: 1 })
      await fetch(talk, 'at the end', name, { offset: 5 })
      await fetch(talk, 'beyond the end', name, { offset: 6 })
      await fetch(talk, 'a negative offset', name, { offset: -1 })
      await fetch(talk, 'an empty partition', name, { partition: 1 })
      await fetch(talk, 'an unknown partition', name, { partition: 2 })
      await fetch(talk, 'an unknown topic', talk.name('unknown'))
      await fetch(talk, 'an old epoch', name, { currentLeaderEpoch: -2 })
      await fetch(talk, 'a future epoch', name, { currentLeaderEpoch: 9 })
      await fetch(talk, 'the present epoch', name, { currentLeaderEpoch: 0 })
      await fetch(talk, 'the right last epoch', name, { offset: 2, lastFetchedEpoch: 0 })
      await fetch(talk, 'read committed', name, { isolationLevel: 1 })
      await fetch(talk, 'one byte', name, { maxBytes: 1 })
      await fetch(talk, 'an unknown session', name, { sessionId: 7, sessionEpoch: 3 })
      await fetch(talk, 'a session from its middle', name, { sessionId: 0, sessionEpoch: 3 })
      await fetch(talk, 'a closed session', name, { sessionId: 7, sessionEpoch: -1 })
      const byId = (label: string, id: Uint8Array, partition = 0) =>
        talk.ask(label, Fetch, 16, {
          maxWaitMs: 0,
          minBytes: 1,
          topics: [{ topicId: id, partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: 1_000 }] }],
          forgottenTopicsData: [],
        })
      await byId('by id', topicId)
      await byId('by id, unknown partition', topicId, 9)
      await byId('unknown id', new Uint8Array(16).fill(7))
      await byId('no id', new Uint8Array(16))
      await talk.ask('nothing', Fetch, 12, { maxWaitMs: 0, minBytes: 1, topics: [], forgottenTopicsData: [] })
      await talk.tell(DeleteRecords, 2, {
        topics: [{ name, partitions: [{ partitionIndex: 0, offset: 3 }] }],
        timeoutMs: 10_000,
      })
      await fetch(talk, 'before the start', name, { offset: 1 })
      await fetch(talk, 'from the start', name, { offset: 3 })
    },
  },
  {
    name: 'ListOffsets',
    async run(talk) {
      const { name } = await talk.createTopic('listed', { partitions: 2 })
      const at = (
        label: string,
        timestamp: number,
        options: { partition?: number; epoch?: number; version?: number; topic?: string; isolationLevel?: number } = {},
      ) => {
        const { partition = 0, epoch = -1, version = 7, topic = name, isolationLevel = 0 } = options
        return talk.ask(label, ListOffsets, version, {
          replicaId: -1,
          isolationLevel,
          topics: [{ name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch: epoch, timestamp }] }],
        })
      }
      const send = (values: string[], timestamps: number[]) =>
        talk.tell(Produce, 9, {
          acks: -1,
          timeoutMs: 10_000,
          topicData: [{ name, partitionData: [{ index: 0, records: batch({ values, timestamps }) }] }],
        })
      await send(['a', 'b', 'c'], [1_000, 3_000, 2_000])
      await send(['d', 'e'], [9_000, 9_000])
      await send(['f', 'g'], [4_000, 5_000])
      for (const version of [1, 4, 11]) {
        await at('latest', -1, { version })
        await at('earliest', -2, { version })
      }
      await at('latest, committed', -1, { isolationLevel: 1 })
      await at('largest timestamp', -3)
      await at('largest timestamp in an old version', -3, { version: 6 })
      await at('earliest local', -4, { version: 8 })
      await at('earliest local in an old version', -4)
      await at('latest tiered', -5, { version: 9 })
      await at('-6', -6, { version: 11 })
      await at('-7', -7, { version: 11 })
      for (const timestamp of [0, 1_000, 1_001, 2_500, 3_001, 4_500, 9_000, 9_001]) {
        await talk.ask(`at ${timestamp}`, ListOffsets, 7, {
          replicaId: -1,
          topics: [{ name, partitions: [{ partitionIndex: 0, timestamp }] }],
        })
      }
      for (const timestamp of [-1, -2, -3, 0]) await at(`${timestamp}, empty`, timestamp, { partition: 1 })
      await at('unknown partition', -1, { partition: 9 })
      await at('negative partition', -1, { partition: -1 })
      await at('unknown topic', -1, { topic: talk.name('unknown') })
      await at('the present epoch', -1, { epoch: 0 })
      await at('a future epoch', -1, { epoch: 9 })
      await talk.ask('one partition twice', ListOffsets, 7, {
        replicaId: -1,
        topics: [
          {
            name,
            partitions: [
              { partitionIndex: 0, timestamp: -1 },
              { partitionIndex: 0, timestamp: -2 },
            ],
          },
        ],
      })
    },
  },
  {
    name: 'DeleteRecords and OffsetForLeaderEpoch',
    async run(talk) {
      const { name } = await talk.createTopic('deleted')
      const compacted = await talk.createTopic('not-deleted', { configs: { 'cleanup.policy': 'compact' } })
      for (const topic of [name, compacted.name]) {
        await talk.tell(Produce, 9, {
          acks: -1,
          timeoutMs: 10_000,
          topicData: [{ name: topic, partitionData: [{ index: 0, records: batch({ values: ['a', 'b', 'c', 'd'] }) }] }],
        })
      }
      const remove = (label: string, offset: number, topic = name, partitionIndex = 0) =>
        talk.ask(label, DeleteRecords, 2, {
          topics: [{ name: topic, partitions: [{ partitionIndex, offset }] }],
          timeoutMs: 10_000,
        })
      const epoch = (label: string, leaderEpoch: number, currentLeaderEpoch = -1, topic = name, partition = 0) =>
        talk.ask(label, OffsetForLeaderEpoch, 4, {
          topics: [{ topic, partitions: [{ partition, currentLeaderEpoch, leaderEpoch }] }],
        })
      await epoch('epoch 0', 0)
      await epoch('a future epoch', 5)
      await epoch('no epoch', -1)
      await epoch('the present epoch known', 0, 0)
      await epoch('a future epoch known', 0, 9)
      await epoch('unknown topic', 0, -1, talk.name('unknown'))
      await epoch('unknown partition', 0, -1, name, 9)
      await remove('beyond the end', 5)
      await remove('-2', -2)
      await remove('one', 1)
      await remove('one again', 1)
      await remove('before the start', 0)
      await remove('to the end', -1)
      await remove('unknown topic', 1, talk.name('unknown'))
      await remove('unknown partition', 1, name, 9)
      await remove('internal topic', 0, '__consumer_offsets')
      await remove('compacted topic', 1, compacted.name)
      await epoch('epoch 0 of an empty log', 0)
      await produce(talk, 'the next offset', name, batch())
    },
  },
]
