// What went wrong in other brokers, each by its name: the part that needs a disk. (That of transactions and groups is in
// transactions/known-defects.test.ts, that of one log in log/transactions.test.ts.)
import { CreateTopics, EndTxn, ErrorCode, errorByCode, Fetch, ListOffsets, Produce } from '@millrace/kafka'
import { seededRandom, systemClock } from '@millrace/std'
import { SimulatedDisk } from '@millrace/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Broker, startBroker } from '../src/index.ts'
import { batchOf, RawClient } from './support/raw-client.ts'
import { TransactionalClient } from './transactions/transactional-client.ts'

const config = { 'offsets.topic.num.partitions': 1, 'transaction.state.log.num.partitions': 1 }
let disk: SimulatedDisk
let broker: Broker
let client: RawClient

async function open(): Promise<void> {
  broker = await startBroker({ port: 0, data: '/data', config, system: { fileSystem: disk } })
  client = await RawClient.connect(broker)
}

async function close(): Promise<void> {
  client.close()
  await broker.close().catch(() => {})
}

/** The machine loses power, and what was not synced with it. */
async function losePower(): Promise<void> {
  disk.crashAfter(1)
  await close()
  disk.restart()
  await open()
}

beforeEach(async () => {
  disk = new SimulatedDisk({ clock: systemClock, random: seededRandom(5) })
  await open()
  const topic = { name: 't', numPartitions: 3, replicationFactor: 1, assignments: [], configs: [] }
  await client.call(CreateTopics, 7, { topics: [topic] })
})
afterEach(close)

function produce(value: string, acks = -1) {
  const topicData = [{ name: 't', partitionData: [{ index: 0, records: batchOf([value]) }] }]
  return client.call(Produce, 9, { acks, timeoutMs: 0, topicData })
}

async function fetchEnd(partition = 0) {
  const { responses } = await client.call(Fetch, 12, {
    maxWaitMs: 0,
    minBytes: 1,
    isolationLevel: 1,
    topics: [{ topic: 't', partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: 1_000_000 }] }],
    forgottenTopicsData: [],
  })
  const { highWatermark, lastStableOffset, records } = responses[0]?.partitions[0] ?? {}
  return { highWatermark, lastStableOffset, bytes: records?.byteLength ?? 0 }
}

test.each([-1, 1])(
  'lazy fsync: no acknowledgement (acks %d) before the sync, and nothing is shown before it',
  async (acks) => {
    await produce('first')
    disk.holdSyncs()
    let isAnswered = false
    const answer = produce('second', acks).then((response) => {
      isAnswered = true
      return response
    })
    const reader = await RawClient.connect(broker)
    const own = client
    client = reader
    const before = await fetchEnd()
    for (let i = 0; i < 20; i++) expect(await fetchEnd()).toEqual(before)
    expect(before.highWatermark).toBe(1)
    expect(isAnswered).toBe(false)
    disk.resumeSyncs()
    expect((await answer).responses[0]?.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 1 })
    own.close()
    await losePower()
    expect((await fetchEnd()).highWatermark).toBe(2)
  },
)

test('lost or stale records: whoever asks after an acknowledgement is given the record, whatever happened since', async () => {
  for (let n = 1; n <= 12; n++) {
    expect((await produce(`${n}`)).responses[0]?.partitionResponses[0]).toMatchObject({
      errorCode: 0,
      baseOffset: n - 1,
    })
    const { highWatermark, bytes } = await fetchEnd()
    expect(highWatermark).toBe(n)
    if (n % 4 === 0) await losePower()
    else if (n % 4 === 2) {
      disk.killProcess()
      await close()
      await open()
    }
    expect(await fetchEnd()).toMatchObject({ highWatermark: n, bytes })
    const partitions = [{ partitionIndex: 0, timestamp: -1 }]
    const { topics } = await client.call(ListOffsets, 7, { replicaId: -1, topics: [{ name: 't', partitions }] })
    expect(topics[0]?.partitions[0]?.offset).toBe(n)
  }
})

test('PrepareAbort without markers after a crash: the transaction is ended on each of its partitions before it counts as ended', async () => {
  for (let operation = 1; operation <= 24; operation++) {
    const name = `id-${operation}`
    const producer = await TransactionalClient.connect(broker, { version: 2 })
    expect(await producer.init(name)).toBe('NONE')
    for (const partition of [0, 1, 2]) expect(await producer.send('t', partition, `never ${operation}`)).toBe('NONE')
    disk.crashAfter(operation)
    await producer.endOnce(false).catch(() => {})
    await losePower()
    producer.close()
    const next = await TransactionalClient.connect(broker, { version: 2 })
    expect(await next.init(name)).toBe('NONE')
    // The next transaction touches one partition only: its marker must not decide about what is on the others.
    expect(await next.send('t', 0, `after ${operation}`)).toBe('NONE')
    expect(await next.end(true)).toBe('NONE')
    await next.until(async () => (await next.stateOf(name)) === 'CompleteCommit')
    for (const partition of [0, 1, 2]) {
      const values = await next.read('t', partition)
      expect(values.filter((value) => value.startsWith('never'))).toEqual([])
      expect(values).toHaveLength(partition === 0 ? operation : 0)
      const { highWatermark, lastStableOffset } = await fetchEnd(partition)
      expect(lastStableOffset).toBe(highWatermark)
    }
    next.close()
  }
})

test('delayed EndTxn: one that comes late does not end the next transaction', async () => {
  const producer = await TransactionalClient.connect(broker, { version: 2 })
  expect(await producer.init('id')).toBe('NONE')
  expect(await producer.send('t', 0, 'first')).toBe('NONE')
  const late = {
    transactionalId: 'id',
    producerId: producer.producerId,
    producerEpoch: producer.epoch,
    committed: true,
  }
  expect(await producer.end(true)).toBe('NONE')
  expect(await producer.send('t', 0, 'second')).toBe('NONE')
  const { errorCode } = await producer.raw.call(EndTxn, 5, late)
  expect(['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'INVALID_TXN_STATE']).toContain(errorByCode(errorCode).name)
  expect(errorCode).not.toBe(ErrorCode.NONE)
  expect(await producer.read('t', 0)).toEqual(['first'])
  expect(await producer.end(false)).toBe('NONE')
  await producer.until(async () => (await producer.stateOf('id')) === 'CompleteAbort')
  expect(await producer.read('t', 0)).toEqual(['first'])
  producer.close()
})

test('last stable offset past the high watermark: a fetch never answers that, while records and markers wait for the disk', async () => {
  const producer = await TransactionalClient.connect(broker, { version: 2 })
  expect(await producer.init('id')).toBe('NONE')
  const check = async () => {
    const { highWatermark, lastStableOffset } = await fetchEnd()
    expect(lastStableOffset).toBeLessThanOrEqual(highWatermark as number)
  }
  for (const commit of [true, false, true]) {
    disk.holdSyncs()
    const sending = producer.send('t', 0, 'x')
    for (let i = 0; i < 5; i++) await check()
    disk.resumeSyncs()
    expect(await sending).toBe('NONE')
    disk.holdSyncs()
    const ending = producer.end(commit)
    for (let i = 0; i < 5; i++) await check()
    disk.resumeSyncs()
    expect(await ending).toBe('NONE')
    await check()
  }
  producer.close()
})
