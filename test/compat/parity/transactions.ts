import { AddPartitionsToTxn, InitProducerId, Produce } from '@millrace/kafka'
import type { Conversation, Sequence } from './conversation.ts'
import { batch } from './record-requests.ts'
import {
  add,
  addOffsets,
  commitOffset,
  describe,
  end,
  init,
  list,
  look,
  mark,
  newProducer,
  offsets,
  type Protocol,
  send,
  settled,
} from './transaction-requests.ts'

/** Transactions of both protocols: the coordinator, the records, the offsets, and what administrators do with them. */
export const transactionSequences: Sequence[] = [
  {
    name: 'Transactions: a producer starts',
    async run(talk) {
      const producer = await newProducer(talk, 'starting')
      const { transactionalId } = producer
      const ask = (label: string, request: object, version = 5) =>
        talk.ask(label, InitProducerId, version, { transactionalId, transactionTimeoutMs: 60_000, ...request })
      await ask('an empty id', { transactionalId: '' })
      await ask('no timeout', { transactionTimeoutMs: 0 })
      await ask('too long a timeout', { transactionTimeoutMs: 900_001 })
      await ask('an epoch without an id', { producerEpoch: 3 })
      await ask('an id without an epoch', { producerId: 3 })
      const first = await ask('first', { producerId: 77, producerEpoch: 5 })
      await ask('again', {})
      await ask('goes on', { producerId: first.producerId, producerEpoch: 1 })
      await ask('goes on, the same again', { producerId: first.producerId, producerEpoch: 1 })
      await ask('goes on from before', { producerId: first.producerId, producerEpoch: 0 })
      await ask('goes on from before, version 3', { producerId: first.producerId, producerEpoch: 0 }, 3)
      await ask('goes on as another', { producerId: first.producerId + 1_000, producerEpoch: 0 })
      await ask('another timeout', { transactionTimeoutMs: 1 })
    },
  },
  ...(['v1', 'v2'] as const).map((protocol) => ({
    name: `Transactions ${protocol}: records`,
    run: (talk: Conversation) => records(talk, protocol),
  })),
  {
    name: 'Transactions v2: ends',
    async run(talk) {
      const { name } = await talk.createTopic('ended')
      const producer = await newProducer(talk, 'ending')
      await init(talk, 'start', producer)
      await end(talk, 'commit of nothing', producer, true)
      await end(talk, 'abort of nothing', producer, false)
      await end(talk, 'abort of nothing, again with the old epoch', producer, false, { producerEpoch: 0 })
      await end(talk, 'abort with an epoch that is not there yet', producer, false, { producerEpoch: 5 })
      await end(talk, 'abort with the id of another', producer, false, { producerId: producer.producerId + 1_000 })
      await send(talk, 'record', producer, name)
      await end(talk, 'commit with the epoch before', producer, true, { producerEpoch: producer.producerEpoch - 1 })
      await end(talk, 'commit', producer, true)
      const before = producer.producerEpoch - 1
      await end(talk, 'commit again with the old epoch', producer, true, { producerEpoch: before })
      await end(talk, 'abort with the old epoch', producer, false, { producerEpoch: before })
      await end(talk, 'commit with the new epoch', producer, true)
      await send(talk, 'next', producer, name)
      await end(talk, 'a delayed commit', producer, true, { producerEpoch: before })
      await end(talk, 'a delayed abort', producer, false, { producerEpoch: before })
      await end(talk, 'abort', producer, false)
      await end(talk, 'abort again', producer, false, { producerEpoch: producer.producerEpoch - 1 })
      await look(talk, 'what is there', name)
    },
  },
  {
    name: 'Transactions v1: ends',
    async run(talk) {
      const { name } = await talk.createTopic('ended-v1')
      const producer = await newProducer(talk, 'ending-v1')
      const protocol = 'v1'
      await init(talk, 'start', producer, { protocol })
      await end(talk, 'commit of nothing', producer, true, { protocol })
      await end(talk, 'abort of nothing', producer, false, { protocol })
      await add(talk, 'add', producer, [{ name, partitions: [0] }])
      await send(talk, 'record', producer, name, { protocol })
      await end(talk, 'another epoch', producer, true, { protocol, producerEpoch: 7 })
      await end(talk, 'another epoch, version 1', producer, true, { version: 1, producerEpoch: 7 })
      await end(talk, 'another id', producer, true, { protocol, producerId: producer.producerId + 1_000 })
      await end(talk, 'commit', producer, true, { protocol })
      await end(talk, 'commit again', producer, true, { protocol })
      await end(talk, 'abort', producer, false, { protocol })
      await add(talk, 'add', producer, [{ name, partitions: [0] }])
      await send(talk, 'record', producer, name, { protocol })
      await end(talk, 'abort', producer, false, { protocol })
      await end(talk, 'abort again', producer, false, { protocol })
      await end(talk, 'commit after an abort', producer, true, { protocol })
      await look(talk, 'what is there', name)
    },
  },
  {
    name: 'Transactions: partitions are added',
    async run(talk) {
      const { name } = await talk.createTopic('added', { partitions: 2 })
      const producer = await newProducer(talk, 'adding')
      const unknown = talk.name('unknown')
      await add(talk, 'before there is a producer', producer, [{ name, partitions: [0] }], { producerId: 1 })
      await init(talk, 'start', producer)
      await add(talk, 'an unknown partition', producer, [{ name, partitions: [0, 7] }])
      await add(talk, 'an unknown topic', producer, [
        { name, partitions: [0] },
        { name: unknown, partitions: [0] },
      ])
      await add(talk, 'another epoch', producer, [{ name, partitions: [0] }], { producerEpoch: 9 })
      await add(talk, 'another epoch, version 1', producer, [{ name, partitions: [0] }], {
        version: 1,
        producerEpoch: 9,
      })
      await add(talk, 'another id', producer, [{ name, partitions: [0] }], { producerId: producer.producerId + 1_000 })
      await add(talk, 'one', producer, [{ name, partitions: [0] }])
      await add(talk, 'both', producer, [{ name, partitions: [0, 1] }])
      const { producerEpoch, producerId, transactionalId } = producer
      const verified = (label: string, request: object, version = 4) =>
        talk.ask(label, AddPartitionsToTxn, version, {
          transactions: [
            {
              transactionalId,
              producerId,
              producerEpoch,
              verifyOnly: true,
              topics: [{ name, partitions: [0, 1] }],
              ...request,
            },
          ],
        })
      await verified('verify', {})
      await verified('verify, version 5', {}, 5)
      await verified('verify another epoch', { producerEpoch: 9 })
      await verified('verify another id', { producerId: producerId + 1_000 })
      await verified('verify an unknown transactional id', { transactionalId: talk.name('nobody') })
      await verified('verify an empty transactional id', { transactionalId: '' })
      await verified('verify an unknown partition', { topics: [{ name, partitions: [0, 7] }] })
      await describe(talk, 'describe', producer, name)
      await end(talk, 'abort', producer, false)
      await verified('verify after the end', { producerEpoch: producer.producerEpoch })
      await verified('add by a broker', { producerEpoch: producer.producerEpoch, verifyOnly: false })
      await end(talk, 'abort', producer, false)
    },
  },
  {
    name: 'Transactions: a second producer fences the first',
    async run(talk) {
      const { name } = await talk.createTopic('fenced')
      const first = await newProducer(talk, 'fencing')
      await init(talk, 'first', first)
      await send(talk, 'of the first', first, name)
      const second = { ...first, sequences: new Map<string, number>() }
      const { transactionalId } = first
      await talk.ask('second', InitProducerId, 5, { transactionalId, transactionTimeoutMs: 60_000 })
      await init(talk, 'second, again', second)
      await send(talk, 'late', first, name)
      await send(talk, 'late, version 9', first, name, { version: 9 })
      await end(talk, 'late commit', first, true)
      await end(talk, 'late commit, version 4', first, true, { version: 4 })
      await end(talk, 'late commit, version 1', first, true, { version: 1 })
      await add(talk, 'late add', first, [{ name, partitions: [0] }])
      await send(talk, 'of the second', second, name)
      await end(talk, 'commit', second, true)
      await look(talk, 'what is there', name)
      await send(talk, 'third', second, name)
      const { producerEpoch, producerId } = second
      await talk.ask('goes on in the middle', InitProducerId, 5, {
        transactionalId,
        transactionTimeoutMs: 60_000,
        producerId,
        producerEpoch,
      })
      await init(talk, 'goes on', second, { expected: { producerId, producerEpoch } })
      await init(talk, 'goes on, the same again', second, { expected: { producerId, producerEpoch } })
    },
  },
  ...(['v1', 'v2'] as const).map((protocol) => ({
    name: `Transactions ${protocol}: offsets`,
    run: (talk: Conversation) => offsetsOf(talk, protocol),
  })),
  {
    name: 'Transactions: administrators',
    async run(talk) {
      const { name } = await talk.createTopic('hanging', { partitions: 2 })
      const producer = await newProducer(talk, 'admin-txn')
      await init(talk, 'start', producer)
      await send(talk, 'record', producer, name)
      await describe(talk, 'ongoing', producer, name)
      const { producerId, transactionalId } = producer
      await list(talk, 'by producer', { producerIdFilters: [producerId] })
      await list(talk, 'by state', { producerIdFilters: [producerId], stateFilters: ['Ongoing', 'Nonsense'] })
      await list(talk, 'by another state', { producerIdFilters: [producerId], stateFilters: ['Empty'] })
      await list(talk, 'by an unknown state', { producerIdFilters: [producerId], stateFilters: ['Nonsense'] })
      await list(talk, 'by pattern', { transactionalIdPattern: `admin.txn-${transactionalId.slice(10)}` })
      await list(talk, 'by a pattern of the beginning', {
        producerIdFilters: [producerId],
        transactionalIdPattern: 'admin',
      })
      await list(talk, 'by no pattern', { transactionalIdPattern: '(' })
      await list(talk, 'long ones', { producerIdFilters: [producerId], durationFilter: 1_000_000 })
      await list(talk, 'version 0', { producerIdFilters: [producerId] }, 0)
      await mark(talk, 'marker for unknown places', name, { producerId, producerEpoch: 0 }, [7])
      await mark(talk, 'marker v2 of the same epoch', name, { producerId, producerEpoch: 0, version: 2 })
      await mark(talk, 'marker', name, { producerId, producerEpoch: 0, coordinatorEpoch: 3 })
      await mark(talk, 'marker of an older coordinator', name, { producerId, producerEpoch: 0, coordinatorEpoch: 1 })
      await mark(
        talk,
        'marker of a producer that is not known',
        name,
        { producerId: producerId + 999, producerEpoch: 0 },
        [1],
      )
      await describe(talk, 'marked', producer, name)
      await look(talk, 'what is there', name)
      await describe(talk, 'unknown', { ...producer, transactionalId: talk.name('nobody') }, talk.name('nowhere'))
      await describe(talk, 'empty', { ...producer, transactionalId: '' }, name)
    },
  },
]

async function records(talk: Conversation, protocol: Protocol): Promise<void> {
  const { name } = await talk.createTopic(`records-${protocol}`, { partitions: 2 })
  const producer = await newProducer(talk, `writing-${protocol}`)
  await init(talk, 'start', producer, { protocol })
  if (protocol === 'v1') {
    await send(talk, 'before it is added', producer, name, { protocol })
    await send(talk, 'before it is added, version 10', producer, name, { version: 10 })
    await add(talk, 'add', producer, [{ name, partitions: [0, 1] }])
  }
  await send(talk, 'without a transactional id', producer, name, { protocol, transactionalId: null })
  await send(talk, 'another transactional id', producer, name, { protocol, transactionalId: talk.name('nobody') })
  await send(talk, 'another producer', producer, name, { protocol, producerId: producer.producerId + 1_000 })
  await send(talk, 'a newer epoch', producer, name, { protocol, producerEpoch: 9 })
  if (protocol === 'v2') await send(talk, 'not from the beginning', producer, name, { protocol, baseSequence: 4 })
  await send(talk, 'one', producer, name, { protocol })
  await send(talk, 'two', producer, name, { protocol })
  await send(talk, 'one again', producer, name, { protocol, baseSequence: 0 })
  await send(talk, 'a gap', producer, name, { protocol, baseSequence: 9 })
  await send(talk, 'outside of the transaction', producer, name, { protocol, transactional: false })
  await send(talk, 'elsewhere', producer, name, { protocol, partition: 1 })
  await look(talk, 'open', name)
  await talk.ask('of others', Produce, 9, {
    acks: -1,
    timeoutMs: 10_000,
    topicData: [{ name, partitionData: [{ index: 0, records: batch({ values: ['plain'] }) }] }],
  })
  await look(talk, 'open, with others', name)
  await end(talk, 'commit', producer, true, { protocol })
  await look(talk, 'committed', name)
  await look(talk, 'committed elsewhere', name, 1)
  if (protocol === 'v1') await add(talk, 'add', producer, [{ name, partitions: [0] }])
  await send(talk, 'second', producer, name, { protocol })
  await end(talk, 'abort', producer, false, { protocol })
  await look(talk, 'aborted', name)
  await send(talk, 'outside of any transaction', producer, name, { protocol, transactional: false })
  await describe(talk, 'describe', producer, name)
}

async function offsetsOf(talk: Conversation, protocol: Protocol): Promise<void> {
  const { name } = await talk.createTopic(`offsets-${protocol}`, { partitions: 2 })
  const groupId = await talk.group(`offsets-${protocol}`)
  const producer = await newProducer(talk, `committing-${protocol}`)
  await init(talk, 'start', producer, { protocol })
  if (protocol === 'v1') {
    await commitOffset(talk, 'before it is added', producer, { groupId, topic: name, offset: 1, protocol })
    await commitOffset(talk, 'before it is added, version 3', producer, { groupId, topic: name, offset: 1, version: 3 })
    await addOffsets(talk, 'add', producer, groupId)
  }
  await commitOffset(talk, 'another epoch', producer, { groupId, topic: name, offset: 1, protocol, producerEpoch: 9 })
  await commitOffset(talk, 'an unknown partition', producer, {
    groupId,
    topic: name,
    offset: 1,
    partition: 7,
    protocol,
  })
  await commitOffset(talk, 'one', producer, { groupId, topic: name, offset: 1, protocol })
  await offsets(talk, 'pending', groupId, { topic: name })
  await offsets(talk, 'pending, stable', groupId, { topic: name, requireStable: true })
  await offsets(talk, 'pending, all', groupId)
  await offsets(talk, 'pending, all stable', groupId, { requireStable: true })
  await end(talk, 'commit', producer, true, { protocol })
  await offsets(talk, 'committed', groupId, { topic: name, requireStable: true })
  if (protocol === 'v1') await addOffsets(talk, 'add', producer, groupId)
  await commitOffset(talk, 'two', producer, { groupId, topic: name, offset: 2, protocol })
  await offsets(talk, 'pending again, all stable', groupId, { requireStable: true })
  await end(talk, 'abort', producer, false, { protocol })
  await offsets(talk, 'aborted', groupId, { topic: name, requireStable: true })
  if (protocol === 'v1') await addOffsets(talk, 'add', producer, groupId)
  await commitOffset(talk, 'of a generation', producer, { groupId, topic: name, offset: 3, protocol, generationId: 4 })
  await commitOffset(talk, 'of a member', producer, {
    groupId,
    topic: name,
    offset: 3,
    protocol,
    generationId: 4,
    memberId: 'nobody',
  })
  await commitOffset(talk, 'of a group that is not there', producer, {
    groupId: talk.name('nowhere'),
    topic: name,
    offset: 3,
    protocol,
    generationId: 4,
  })
  await end(talk, 'abort', producer, false, { protocol })
  await settled(talk, producer.transactionalId)
}
