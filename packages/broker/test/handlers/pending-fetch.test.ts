import { decodeResponse, ErrorCode, Fetch, type FetchRequest } from '@millrace/kafka'
import { concatBytes, seededRandom } from '@millrace/std'
import { ManualClock, SimulatedDisk } from '@millrace/testing'
import { describe, expect, test } from 'vitest'
import type { FetchTarget } from '../../src/handlers/fetch-session.ts'
import { PendingFetch } from '../../src/handlers/pending-fetch.ts'
import type { Exchange } from '../../src/handlers/registry.ts'
import type { ResponseStream } from '../../src/net/response.ts'
import type { LogConfig } from '../../src/log/index.ts'
import { Brokers } from '../../src/metadata/brokers.ts'
import { Partition } from '../../src/metadata/partition.ts'
import type { Topic, TopicCatalog } from '../../src/metadata/topic-catalog.ts'
import { BufferPool } from '../../src/net/buffer-pool.ts'
import { makeBatch, openLog } from '../log/fixture.ts'

const maxWaitMs = 500

/** A fetch of a log at `offset`; `answers` counts how often it was answered, `answer` reads it. */
function fetchFrom(partition: Partition, offset: number, clock: ManualClock, minBytes = 1, isolationLevel = 0) {
  const target: FetchTarget = {
    topic: 't',
    topicId: new Uint8Array(16),
    index: 0,
    offset,
    maxBytes: 100_000,
    currentLeaderEpoch: -1,
    partition,
    toldHighWatermark: -1,
    toldLogStartOffset: -1,
  }
  const streams: ResponseStream[] = []
  const exchange = {
    version: 12,
    correlationId: 1,
    client: { nodeId: 1, onClose: () => () => {} },
    stream: (stream: ResponseStream) => void streams.push(stream),
  } as unknown as Exchange<typeof Fetch>
  const services = {
    topics: {} as TopicCatalog,
    brokers: new Brokers([1]),
    timers: clock,
    pool: new BufferPool(0),
    maxBytes: 1_000_000,
  }
  const context = { sessionId: 0, targets: [target], isIncremental: false, answered: () => {} }
  const request = { maxWaitMs, minBytes, isolationLevel, maxBytes: 1_000_000 } as FetchRequest
  new PendingFetch(request, exchange, services, context).begin()
  return {
    get answers() {
      return streams.length
    },
    answer() {
      // Without the size that leads a response.
      const frame = concatBytes(streams[0]?.next() ?? []).subarray(4)
      return decodeResponse(Fetch, 12, frame).body.responses[0]?.partitions[0]
    },
  }
}

async function openPartition(clock: ManualClock, config: Partial<LogConfig> = {}, disk?: SimulatedDisk) {
  const opening = openLog({ clock, config: { flush: 'sync', ...config }, ...(disk && { fileSystem: disk }) })
  await clock.settle()
  const { log } = await opening
  return {
    log,
    partition: new Partition({} as Topic, 0, { replicas: [1], isr: [1], log, opener: { open: () => log } }),
  }
}

test.each([
  ['in one segment', {}],
  ['in segments of their own', { segmentBytes: 1_500 }],
])('a fetch waits until there are minBytes, however many batches that takes, %s', async (_where, config) => {
  const clock = new ManualClock()
  const { log, partition } = await openPartition(clock, config)
  const append = async () => {
    log.append(makeBatch({ bytes: 1_000 }), { leaderEpoch: 0 })
    await clock.settle()
    partition.changed()
  }
  await append()
  const size = log.read(0, 1).size
  const waiting = fetchFrom(partition, 0, clock, 2 * size + 1)
  const next = fetchFrom(partition, 1, clock, size + 1)
  await append()
  expect([waiting.answers, next.answers]).toEqual([0, 0])
  await append()
  expect([waiting.answers, next.answers]).toEqual([1, 1])
  expect([log.bytesFrom(0, 1e9), log.bytesFrom(2, 1e9), log.bytesFrom(3, 1e9)]).toEqual([3 * size, size, 0])
})

test('a fetch at the end of a log that takes no more writes waits; one of what is there does not', async () => {
  const clock = new ManualClock()
  const disk = new SimulatedDisk({ clock, random: seededRandom(1) })
  const { log, partition } = await openPartition(clock, {}, disk)
  log.append(makeBatch(), { leaderEpoch: 0 })
  await clock.settle()
  disk.failNext('sync')
  log.append(makeBatch(), { leaderEpoch: 0 })
  await clock.settle()
  expect([log.state, log.highWatermark, log.read(1, 100).errorCode]).toEqual(['offline', 1, ErrorCode.NONE])
  expect(fetchFrom(partition, 0, clock).answers).toBe(1)
  const waiting = fetchFrom(partition, 1, clock)
  expect(waiting.answers).toBe(0)
  clock.advance(maxWaitMs)
  expect(waiting.answers).toBe(1)
})

describe('a fetch of read_committed', () => {
  const transactional = (id: number, sequence: number) => makeBatch({ producer: { id, sequence }, transactional: true })
  const marker = (producerId: number, commit: boolean) => ({
    producerId,
    producerEpoch: 0,
    coordinatorEpoch: 0,
    commit,
    transactionVersion: 1,
  })

  test('waits for the last stable offset, not for the high watermark, and is told what is aborted', async () => {
    const clock = new ManualClock()
    const { log, partition } = await openPartition(clock)
    const settled = async () => {
      await clock.settle()
      partition.changed()
    }
    log.append(transactional(1, 0), { leaderEpoch: 0 })
    await settled()
    const committed = fetchFrom(partition, 0, clock, 1, 1)
    const uncommitted = fetchFrom(partition, 0, clock)
    expect([committed.answers, uncommitted.answers]).toEqual([0, 1])
    expect(uncommitted.answer()).toMatchObject({ highWatermark: 1, lastStableOffset: 0, abortedTransactions: null })
    log.appendEndTxnMarker(marker(1, false))
    expect(committed.answers).toBe(0)
    await settled()
    expect(committed.answers).toBe(1)
    expect(committed.answer()).toMatchObject({
      highWatermark: 2,
      lastStableOffset: 2,
      abortedTransactions: [{ producerId: 1, firstOffset: 0 }],
    })
  })

  test('counts towards minBytes only what it may see', async () => {
    const clock = new ManualClock()
    const { log, partition } = await openPartition(clock)
    log.append(makeBatch({ bytes: 1_000 }), { leaderEpoch: 0 })
    log.append(transactional(1, 0), { leaderEpoch: 0 })
    await clock.settle()
    const size = log.read(0, 1).size
    expect(fetchFrom(partition, 0, clock, size + 1, 1).answers).toBe(0)
    expect(fetchFrom(partition, 0, clock, size, 1).answers).toBe(1)
    expect(fetchFrom(partition, 0, clock, size + 1).answers).toBe(1)
  })

  test('is told of no aborted transactions by an empty list, and by null beside an error of the log', async () => {
    const clock = new ManualClock()
    const { log, partition } = await openPartition(clock)
    log.append(makeBatch(), { leaderEpoch: 0 })
    await clock.settle()
    expect(fetchFrom(partition, 0, clock, 1, 1).answer()).toMatchObject({ errorCode: 0, abortedTransactions: [] })
    expect(fetchFrom(partition, 5, clock, 1, 1).answer()).toMatchObject({
      errorCode: ErrorCode.OFFSET_OUT_OF_RANGE,
      highWatermark: -1,
      lastStableOffset: -1,
      abortedTransactions: null,
    })
  })
})
