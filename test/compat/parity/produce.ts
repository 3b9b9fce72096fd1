import { ListOffsets, Produce, writeInt32 } from '@millrace/kafka'
import type { Sequence } from './conversation.ts'
import { batch, fetch, patched, produce } from './record-requests.ts'

/** What may be said about records, right and wrong. */
export const produceSequences: Sequence[] = [
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
      const silently = (label: string, topic: string, records: Uint8Array) =>
        talk.post(label, Produce, 9, {
          acks: 0,
          timeoutMs: 1_000,
          topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
        })
      await silently('without acks', name, batch())
      await silently('without acks, unknown topic', talk.name('unknown'), batch())
      await silently('without acks, too large', name, batch({ values: ['x'.repeat(3_000)] }))
      await produce(talk, 'after those without acks', name, batch())
      await talk.ask('nothing at all', Produce, 9, { acks: -1, timeoutMs: 1_000, topicData: [] })
    },
  },
  {
    name: 'Produce: topics that compact or set the time',
    async run(talk) {
      const compacted = await talk.createTopic('compacted', { configs: { 'cleanup.policy': 'compact' } })
      await produce(talk, 'with keys', compacted.name, batch())
      await produce(talk, 'without a key', compacted.name, batch({ key: null }))
      const stamped = await talk.createTopic('stamped', { configs: { 'message.timestamp.type': 'LogAppendTime' } })
      const appended = await talk.tell(Produce, 9, {
        acks: -1,
        timeoutMs: 10_000,
        topicData: [{ name: stamped.name, partitionData: [{ index: 0, records: batch({ timestamps: [5] }) }] }],
      })
      const time = appended.responses[0]?.partitionResponses[0]?.logAppendTimeMs ?? 0
      talk.note('a time of the broker', time > 1_700_000_000_000)
      const at = async (timestamp: number) => {
        const { topics } = await talk.tell(ListOffsets, 7, {
          replicaId: -1,
          topics: [{ name: stamped.name, partitions: [{ partitionIndex: 0, timestamp }] }],
        })
        return topics[0]?.partitions[0]
      }
      talk.note('found by it', (await at(time))?.offset)
      talk.note('is it the largest', (await at(-3))?.timestamp === time)
      talk.note('not found after it', (await at(time + 1))?.offset)
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
      const producerId = await talk.producerId()
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
]
