import { Fetch, ListOffsets } from '@millrace/kafka'
import { MemoryFileSystem, systemClock } from '@millrace/std'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Broker, startBroker } from '../../src/index.ts'
import { TransactionalClient } from './transactional-client.ts'

// What went wrong in other brokers, as Jepsen and their issues tell it: each by its name.

let fileSystem: MemoryFileSystem
let broker: Broker
let client: TransactionalClient

async function open(): Promise<void> {
  broker = await startBroker({ port: 0, data: '/data', system: { fileSystem } })
  client = await TransactionalClient.connect(broker, { version: 2 })
}

/** The producer goes on with a new connection. */
async function restart(): Promise<void> {
  const before = client
  before.close()
  await broker.close()
  await open()
  client.resume(before)
}

beforeEach(async () => {
  fileSystem = new MemoryFileSystem({ clock: systemClock })
  await open()
  await client.createTopic('t')
  expect(await client.init('id')).toBe('NONE')
})

afterEach(async () => {
  client.close()
  await broker.close()
})

/** Where consumers of an isolation level stand at the end, and what a fetch says of it. */
async function ends() {
  const latest = async (isolationLevel: number) => {
    const { topics } = await client.raw.call(ListOffsets, 7, {
      replicaId: -1,
      isolationLevel,
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
    })
    return topics[0]?.partitions[0]?.offset
  }
  const { responses } = await client.raw.call(Fetch, 12, fetchOf(0, 0))
  const { highWatermark, lastStableOffset } = responses[0]?.partitions[0] ?? {}
  return { uncommitted: await latest(0), committed: await latest(1), highWatermark, lastStableOffset }
}

function fetchOf(fetchOffset: number, maxWaitMs: number) {
  return {
    maxWaitMs,
    minBytes: 1,
    isolationLevel: 1,
    topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000 }] }],
    forgottenTopicsData: [],
  }
}

test('duplicates despite idempotence: a batch of a transaction that is sent again is there once, restart or not', async () => {
  const batch = client.batch('once', 0)
  expect(await client.write('t', 0, batch)).toBe('NONE')
  expect(await client.write('t', 0, Uint8Array.from(batch))).toBe('NONE')
  await restart()
  expect(await client.write('t', 0, Uint8Array.from(batch))).toBe('NONE')
  expect(await client.end(true)).toBe('NONE')
  await client.until(async () => (await client.read('t', 0)).length > 0)
  expect(await client.read('t', 0)).toEqual(['once'])
  expect(await client.write('t', 0, Uint8Array.from(batch))).not.toBe('NONE')
  expect(await client.read('t', 0, 'read_uncommitted')).toEqual(['once'])
})

test('inconsistent offsets: the records of a transaction and its offsets count together', async () => {
  for (const commit of [false, true, false]) {
    expect(await client.send('t', 0, `${commit}`)).toBe('NONE')
    expect(await client.commitOffset('g', 't', 0, commit ? 7 : 9)).toBe('NONE')
    expect(await client.end(commit)).toBe('NONE')
    await restart()
    await client.until(async () => typeof (await client.offsetOf('g', 't', 0, true)) === 'number')
  }
  expect(await client.read('t', 0)).toEqual(['true'])
  expect(await client.offsetOf('g', 't', 0, true)).toBe(7)
})

test('aborted records read: what was aborted is told as such after a restart as well', async () => {
  for (const commit of [false, true, false]) {
    expect(await client.send('t', 0, `${commit}`)).toBe('NONE')
    expect(await client.end(commit)).toBe('NONE')
  }
  await client.until(async () => (await client.stateOf('id')) === 'CompleteAbort')
  expect(await client.read('t', 0)).toEqual(['true'])
  await restart()
  expect(await client.read('t', 0)).toEqual(['true'])
})

test('last stable offset off by one: it is the first offset of what is open, the end when nothing is, never past the high watermark', async () => {
  expect(await ends()).toEqual({ uncommitted: 0, committed: 0, highWatermark: 0, lastStableOffset: 0 })
  await client.send('t', 0, 'a')
  expect(await ends()).toEqual({ uncommitted: 1, committed: 0, highWatermark: 1, lastStableOffset: 0 })
  await client.end(true)
  await client.until(async () => (await client.stateOf('id')) === 'CompleteCommit')
  expect(await ends()).toEqual({ uncommitted: 2, committed: 2, highWatermark: 2, lastStableOffset: 2 })
  await client.send('t', 0, 'b')
  await client.send('t', 0, 'c')
  expect(await ends()).toEqual({ uncommitted: 4, committed: 2, highWatermark: 4, lastStableOffset: 2 })
  await restart()
  expect(await ends()).toEqual({ uncommitted: 4, committed: 2, highWatermark: 4, lastStableOffset: 2 })
  await client.end(false)
  await client.until(async () => (await client.stateOf('id')) === 'CompleteAbort')
  expect(await ends()).toEqual({ uncommitted: 5, committed: 5, highWatermark: 5, lastStableOffset: 5 })
})

test.each([true, false])(
  'stuck consumers: one that waits for committed records goes on when the transaction ends (commit: %s)',
  async (commit) => {
    await client.send('t', 0, 'a')
    const reader = await TransactionalClient.connect(broker, { version: 2 })
    const waiting = reader.raw.call(Fetch, 12, fetchOf(0, 20_000))
    expect(await client.end(commit)).toBe('NONE')
    const { responses } = await waiting
    expect(responses[0]?.partitions[0]?.records?.byteLength).toBeGreaterThan(0)
    reader.close()
  },
)

test('spurious offset 0: a group whose only offsets are pending has none', async () => {
  expect(await client.commitOffset('g', 't', 0, 0)).toBe('NONE')
  expect(await client.offsetOf('g', 't', 0)).toBe(-1)
  await restart()
  expect(await client.offsetOf('g', 't', 0)).toBe(-1)
  expect(await client.end(false)).toBe('NONE')
  await client.until(async () => (await client.offsetOf('g', 't', 0, true)) === -1)
})
