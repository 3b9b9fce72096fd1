import { DeleteRecords, Fetch, ListOffsets, OffsetForLeaderEpoch, Produce } from '@millrace/kafka'
import type { Sequence } from './conversation.ts'
import { batch, fetch, produce } from './record-requests.ts'

/** What may be asked of a log. */
export const logSequences: Sequence[] = [
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
    name: 'Fetch sessions',
    async run(talk) {
      const { name } = await talk.createTopic('session', { partitions: 3 })
      const put = (index: number, value: string) =>
        talk.tell(Produce, 9, {
          acks: -1,
          timeoutMs: 10_000,
          topicData: [{ name, partitionData: [{ index, records: batch({ values: [value] }) }] }],
        })
      const topics = (offsets: Record<number, number>) => [
        {
          topic: name,
          partitions: Object.entries(offsets).map(([partition, fetchOffset]) => ({
            partition: Number(partition),
            fetchOffset,
            partitionMaxBytes: 1_000,
          })),
        },
      ]
      let sessionId = 0
      const ask = async (
        label: string,
        sessionEpoch: number,
        offsets: Record<number, number>,
        forgotten: number[] = [],
      ) => {
        const response = await talk.tell(Fetch, 12, {
          maxWaitMs: 0,
          minBytes: 1,
          sessionId,
          sessionEpoch,
          topics: Object.keys(offsets).length > 0 ? topics(offsets) : [],
          forgottenTopicsData: forgotten.length > 0 ? [{ topic: name, partitions: forgotten }] : [],
        })
        talk.note(label, { ...response, sessionId: response.sessionId === 0 ? 'none' : 'one' })
        return response.sessionId
      }
      await put(0, 'a')
      sessionId = await ask('opened', 0, { 0: 0, 1: 0, 2: 0 })
      await ask('nothing is new', 1, { 0: 1 })
      await put(1, 'b')
      await ask('one has news', 2, {})
      await ask('an unknown partition is added', 3, { 1: 1, 9: 0 })
      await ask('it is still unknown', 4, {})
      await ask('it is forgotten', 5, {}, [9])
      await put(2, 'c')
      await ask('a forgotten one is not told', 6, {}, [2])
      await ask('it is back', 7, { 2: 0 })
      await ask('a wrong epoch', 3, {})
      await ask('out of range in a session', 8, { 0: 77 })
      await ask('again', 9, { 0: 1 })
      await ask('closed', -1, {})
      await ask('after the end', 10, {})
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
