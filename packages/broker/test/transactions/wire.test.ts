import { DeleteTopics, DescribeProducers, WriteTxnMarkers } from '@millrace/kafka'
import { MemoryFileSystem, systemClock } from '@millrace/std'
import { describe, expect, test } from 'vitest'
import { startBroker } from '../../src/index.ts'
import { TransactionalClient } from './transactional-client.ts'

test.each([2, 0] as const)(
  'produce, commit, abort: read_committed sees what is committed (client version %d)',
  async (version) => {
    await using broker = await startBroker({ port: 0, data: 'memory' })
    const client = await TransactionalClient.connect(broker, { version })
    await client.createTopic('t', 2)
    expect(await client.init('id')).toBe('NONE')
    expect(await client.send('t', 0, 'a')).toBe('NONE')
    expect(await client.send('t', 1, 'b')).toBe('NONE')
    expect(await client.read('t', 0)).toEqual([])
    expect(await client.read('t', 0, 'read_uncommitted')).toEqual(['a'])
    expect(await client.end(true)).toBe('NONE')
    await client.until(async () => (await client.read('t', 0)).length === 1)
    expect(await client.send('t', 0, 'x')).toBe('NONE')
    expect(await client.end(false)).toBe('NONE')
    expect(await client.send('t', 0, 'c')).toBe('NONE')
    expect(await client.end(true)).toBe('NONE')
    await client.until(async () => (await client.read('t', 0)).length === 2)
    expect(await client.read('t', 0)).toEqual(['a', 'c'])
    expect(await client.read('t', 1)).toEqual(['b'])
    client.close()
  },
)

describe.each([2, 0] as const)('offsets in a transaction (client version %d)', (version) => {
  test('count once it is committed, and never when it is aborted', async () => {
    await using broker = await startBroker({ port: 0, data: 'memory' })
    const client = await TransactionalClient.connect(broker, { version })
    await client.createTopic('t')
    await client.init('id')
    expect(await client.commitOffset('g', 't', 0, 5)).toBe('NONE')
    expect(await client.offsetOf('g', 't', 0)).toBe(-1)
    expect(await client.offsetOf('g', 't', 0, true)).toBe('UNSTABLE_OFFSET_COMMIT')
    expect(await client.end(true)).toBe('NONE')
    await client.until(async () => (await client.offsetOf('g', 't', 0, true)) === 5)
    expect(await client.commitOffset('g', 't', 0, 9)).toBe('NONE')
    expect(await client.end(false)).toBe('NONE')
    await client.until(async () => (await client.offsetOf('g', 't', 0, true)) === 5)
    client.close()
  })

  test('survive a restart while the transaction is open; it is ended from another connection', async () => {
    const system = { fileSystem: new MemoryFileSystem({ clock: systemClock }) }
    const open = () => startBroker({ port: 0, data: '/data', system })
    const before = await open()
    const client = await TransactionalClient.connect(before, { version })
    await client.createTopic('t')
    await client.init('id')
    expect(await client.send('t', 0, 'a')).toBe('NONE')
    expect(await client.commitOffset('g', 't', 0, 5)).toBe('NONE')
    client.close()
    await before.close()
    await using after = await open()
    const other = await TransactionalClient.connect(after, { version })
    expect(await other.offsetOf('g', 't', 0, true)).toBe('UNSTABLE_OFFSET_COMMIT')
    expect(await other.read('t', 0)).toEqual([])
    other.resume(client)
    expect(await other.end(true)).toBe('NONE')
    await other.until(async () => (await other.offsetOf('g', 't', 0, true)) === 5)
    expect(await other.read('t', 0)).toEqual(['a'])
    other.close()
  })
})

describe('records of a transaction', () => {
  test('that follow each other without waiting keep their order while the partition is added', async () => {
    await using broker = await startBroker({ port: 0, data: 'memory' })
    const client = await TransactionalClient.connect(broker, { version: 2 })
    await client.createTopic('t', 2)
    await client.init('id')
    for (const round of [0, 1, 2]) {
      const errors = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          client.write('t', i % 2, client.batch(`${round} ${i}`, Math.floor(i / 2))),
        ),
      )
      expect(new Set(errors)).toEqual(new Set(['NONE']))
      expect(await client.end(true)).toBe('NONE')
    }
    await client.until(async () => (await client.read('t', 0)).length === 30)
    const expected = (odd: number) =>
      [0, 1, 2].flatMap((round) => Array.from({ length: 10 }, (_, i) => `${round} ${2 * i + odd}`))
    expect(await client.read('t', 0)).toEqual(expected(0))
    expect(await client.read('t', 1)).toEqual(expected(1))
    client.close()
  })

  test('after its end are refused, however like the ones before they are', async () => {
    await using broker = await startBroker({ port: 0, data: 'memory' })
    const client = await TransactionalClient.connect(broker, { version: 2 })
    await client.createTopic('t')
    await client.init('id')
    const batches = [0, 1, 2, 3].map((i) => client.batch(`${i}`, i))
    for (const batch of batches.slice(0, 3)) expect(await client.write('t', 0, batch)).toBe('NONE')
    expect(await client.end(true)).toBe('NONE')
    await client.until(async () => (await client.read('t', 0)).length === 3)
    expect(await client.write('t', 0, batches[3] as Uint8Array)).toBe('INVALID_PRODUCER_EPOCH')
    expect(await client.read('t', 0, 'read_uncommitted')).toEqual(['0', '1', '2'])
    client.close()
  })

  test('of a refused one leave no gap: those that were sent behind it are refused with it', async () => {
    await using broker = await startBroker({ port: 0, data: 'memory' })
    const client = await TransactionalClient.connect(broker, { version: 0 })
    await client.createTopic('t')
    await client.init('id')
    const refused = [0, 1].map((i) => client.write('t', 0, client.batch(`${i}`, i)))
    expect(await Promise.all(refused)).toEqual(['INVALID_TXN_STATE', 'INVALID_TXN_STATE'])
    expect(await client.send('t', 0, 'first')).toBe('NONE')
    expect(await client.end(true)).toBe('NONE')
    await client.until(async () => (await client.read('t', 0)).length === 1)
    client.close()
  })

  test('of an old epoch do not take those of the new one down with them', async () => {
    await using broker = await startBroker({ port: 0, data: 'memory' })
    const client = await TransactionalClient.connect(broker, { version: 2 })
    await client.createTopic('t')
    await client.init('id')
    const late = client.batch('late', 0)
    await client.init('id')
    const answers = [client.write('t', 0, late), client.write('t', 0, client.batch('new', 0))]
    expect(await Promise.all(answers)).toEqual(['INVALID_PRODUCER_EPOCH', 'NONE'])
    client.close()
  })
})

test('a topic that is deleted while a transaction has records in it does not keep the transaction open', async () => {
  await using broker = await startBroker({ port: 0, data: 'memory' })
  const client = await TransactionalClient.connect(broker, { version: 2 })
  await client.createTopic('kept')
  await client.createTopic('gone')
  await client.init('id')
  expect(await client.send('kept', 0, 'a')).toBe('NONE')
  expect(await client.send('gone', 0, 'b')).toBe('NONE')
  await client.raw.call(DeleteTopics, 5, { topicNames: ['gone'], timeoutMs: 1_000 })
  expect(await client.end(true)).toBe('NONE')
  await client.until(async () => (await client.read('kept', 0)).length === 1)
  await client.until(async () => (await client.stateOf('id')) === 'CompleteCommit')
  client.close()
})

test('an administrator finds a hanging transaction and ends it', async () => {
  await using broker = await startBroker({
    port: 0,
    data: 'memory',
    config: { 'transaction.partition.verification.enable': false },
  })
  const client = await TransactionalClient.connect(broker, { version: 0 })
  await client.createTopic('t')
  await client.init('id')
  // A client that does not keep to the protocol: nobody is asked to end this one.
  expect(await client.write('t', 0, client.batch('lost', 0))).toBe('NONE')
  const { topics } = await client.raw.call(DescribeProducers, 0, { topics: [{ name: 't', partitionIndexes: [0] }] })
  const [producer] = topics[0]?.partitions[0]?.activeProducers ?? []
  expect(producer).toMatchObject({ producerId: client.producerId, producerEpoch: 0, currentTxnStartOffset: 0 })
  expect(await client.stateOf('id')).toBe('Empty')
  const { markers } = await client.raw.call(WriteTxnMarkers, 1, {
    markers: [
      {
        producerId: client.producerId,
        producerEpoch: 0,
        transactionResult: false,
        topics: [{ name: 't', partitionIndexes: [0] }],
        coordinatorEpoch: 0,
      },
    ],
  })
  expect(markers[0]?.topics[0]?.partitions).toEqual([{ partitionIndex: 0, errorCode: 0 }])
  client.sequences.set('t-0', 1)
  expect(await client.send('t', 0, 'next')).toBe('NONE')
  expect(await client.end(true)).toBe('NONE')
  await client.until(async () => (await client.read('t', 0)).length === 1)
  expect(await client.read('t', 0)).toEqual(['next'])
  client.close()
})

test("an administrator's marker of a coordinator that never was does not keep later transactions open", async () => {
  await using broker = await startBroker({ port: 0, data: 'memory' })
  const client = await TransactionalClient.connect(broker, { version: 2 })
  await client.createTopic('t')
  await client.init('id')
  expect(await client.commitOffset('g', 't', 0, 1)).toBe('NONE')
  expect(await client.send('t', 0, 'aborted')).toBe('NONE')
  await client.raw.call(WriteTxnMarkers, 1, {
    markers: [
      {
        producerId: client.producerId,
        producerEpoch: client.epoch,
        transactionResult: false,
        topics: [
          { name: 't', partitionIndexes: [0] },
          { name: '__consumer_offsets', partitionIndexes: [0, 1, 2, 3] },
        ],
        coordinatorEpoch: 9,
      },
    ],
  })
  expect(await client.end(true)).toBe('NONE')
  expect(await client.send('t', 0, 'next')).toBe('NONE')
  expect(await client.commitOffset('g', 't', 0, 2)).toBe('NONE')
  expect(await client.end(true)).toBe('NONE')
  await client.until(async () => (await client.offsetOf('g', 't', 0, true)) === 2)
  await client.until(async () => (await client.read('t', 0)).length > 0)
  expect(await client.read('t', 0)).toEqual(['next'])
  client.close()
})
