import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type ConsumerRecord,
  KafkaConsumer,
  type KafkaConsumerOptions,
  type PartitionBatches,
} from '../../src/client/index.ts'
import { Fetch, ListOffsets, OffsetCommit } from '../../src/definitions/index.ts'
import { ErrorCode } from '../../src/errors/index.ts'
import { indexRecords, RecordBatchBuilder, RecordIndex } from '../../src/records/index.ts'
import { type Fate, FakeCluster } from './support/fake-cluster.ts'
import type { FakeLog } from './support/fake-log.ts'
import { VirtualSystem } from './support/virtual-system.ts'

const T0 = { topic: 't', partition: 0 }

async function setUp(options: Partial<KafkaConsumerOptions> = {}, { seed = 1, brokers = 1, partitions = 1 } = {}) {
  const system = new VirtualSystem(seed)
  const cluster = await FakeCluster.start(system, brokers)
  const logs = cluster.createTopic('t', partitions)
  const consumer = new KafkaConsumer({
    bootstrapServers: cluster.bootstrapServers,
    system,
    autoOffsetReset: 'earliest',
    ...options,
  })
  return { system, cluster, consumer, logs, log: logs[0] as FakeLog }
}

function fill(log: FakeLog, values: readonly string[], identity: object = {}): void {
  const builder = new RecordBatchBuilder()
  values.forEach((value, i) => builder.append(null, Buffer.from(value), 1000 + i))
  log.append(builder.finish(identity))
}

function marker(log: FakeLog, type: 'abort' | 'commit', producerId: number): void {
  const builder = new RecordBatchBuilder()
  builder.append(Uint8Array.of(0, 0, 0, type === 'abort' ? 0 : 1), new Uint8Array(6), 1000)
  // Markers carry no sequence; the fake's checks are for producers.
  const bytes = builder.finish({ transactional: true, control: true, producerId, producerEpoch: 0 })
  log.appendUnchecked(bytes)
}

const text = (record: ConsumerRecord) => Buffer.from(record.value ?? []).toString()

describe('KafkaConsumer with assigned partitions', () => {
  it('reads what is there, then what comes', async () => {
    const { system, consumer, log } = await setUp()
    fill(log, ['a', 'b'])
    consumer.assign([T0])
    const first = await system.run(consumer.poll(1_000))
    expect(first.map((r) => [r.topic, r.partition, r.offset, r.timestamp, text(r)])).toEqual([
      ['t', 0, 0, 1000, 'a'],
      ['t', 0, 1, 1001, 'b'],
    ])
    expect(await system.run(consumer.poll(100))).toEqual([])
    fill(log, ['c'])
    expect((await system.run(consumer.poll(1_000))).map(text)).toEqual(['c'])
    expect(consumer.currentLag(T0)).toBe(0)
    await system.run(consumer.close())
  })

  it('returns at most maxPollRecords, and loses none between polls', async () => {
    const { system, consumer, log } = await setUp({ maxPollRecords: 3 })
    for (const values of [['a', 'b'], ['c', 'd', 'e', 'f'], ['g']]) fill(log, values)
    consumer.assign([T0])
    const polls: string[] = []
    while (polls.join('').length < 7) polls.push((await system.run(consumer.poll(1_000))).map(text).join(''))
    expect(polls).toEqual(['abc', 'def', 'g'])
    await system.run(consumer.close())
  })

  it('starts in the middle of a batch, and hands whole batches out with the wanted offset', async () => {
    const { system, consumer, log } = await setUp()
    fill(log, ['a', 'b', 'c'])
    fill(log, ['d'])
    consumer.assign([T0])
    consumer.seek({ ...T0, offset: 1 })
    expect((await system.run(consumer.poll(1_000))).map(text)).toEqual(['b', 'c', 'd'])
    consumer.seek({ ...T0, offset: 2 })
    const [batches] = await system.run(consumer.pollBatches(1_000))
    expect(batches).toMatchObject({ topic: 't', partition: 0, fetchOffset: 2, nextOffset: 4, highWatermark: 4 })
    const index = new RecordIndex()
    const offsets: number[] = []
    for (const at of batches?.starts ?? []) {
      indexRecords(batches?.bytes as Uint8Array, at, index)
      offsets.push(...index.offsets.subarray(0, index.count))
    }
    expect(offsets).toEqual([0, 1, 2, 3])
    await system.run(consumer.close())
  })

  it('mixes polls of records and of batches without loss', async () => {
    const { system, consumer, log } = await setUp({ maxPollRecords: 2 })
    fill(log, ['a', 'b', 'c'])
    fill(log, ['d'])
    consumer.assign([T0])
    expect((await system.run(consumer.poll(1_000))).map(text)).toEqual(['a', 'b'])
    const [batches] = await system.run(consumer.pollBatches(1_000))
    expect(batches).toMatchObject({ fetchOffset: 2, nextOffset: 4 })
    expect(batches?.starts.length).toBe(2)
    await system.run(consumer.close())
  })

  it('fetches ahead: the next records are asked for while the last are worked on', async () => {
    const { system, cluster, consumer, log } = await setUp({ fetchMaxWaitMs: 60_000 })
    fill(log, ['a'])
    consumer.assign([T0])
    expect((await system.run(consumer.poll(1_000))).map(text)).toEqual(['a'])
    // No poll is waiting now.
    await system.pass(10)
    expect(cluster.countOf(Fetch)).toBe(2)
    fill(log, ['b'])
    await system.pass(100_000)
    const before = system.clock.monotonic()
    expect((await system.run(consumer.poll(1_000))).map(text)).toEqual(['b'])
    expect(system.clock.monotonic()).toBe(before)
    await system.run(consumer.close())
  })

  it('does not let a partition that was sought or resumed wait for one that has nothing', async () => {
    const { system, consumer, logs } = await setUp({ fetchMaxWaitMs: 60_000 }, { partitions: 2 })
    const T1 = { topic: 't', partition: 1 }
    fill(logs[1] as FakeLog, ['a'])
    consumer.assign([T0, T1])
    expect((await system.run(consumer.poll(1_000))).map(text)).toEqual(['a'])
    consumer.pause([T1])
    await system.run(consumer.poll(100))
    const before = system.clock.monotonic()
    consumer.seek({ ...T1, offset: 0 })
    consumer.resume([T1])
    expect((await system.run(consumer.poll(1_000))).map(text)).toEqual(['a'])
    expect(system.clock.monotonic() - before).toBeLessThan(100)
    await system.run(consumer.close())
  })

  it('uses the memory of batches again once they are released, and that of others never', async () => {
    const { system, consumer, log } = await setUp()
    const big = 'x'.repeat(300_000)
    for (let i = 0; i < 6; i++) fill(log, [`${i}${big}`])
    consumer.assign([T0])
    const next = async () => (await system.run(consumer.pollBatches(1_000)))[0] as PartitionBatches
    const seek = (offset: number) => consumer.seek({ ...T0, offset })
    seek(5)
    const kept = await next()
    const copy = Buffer.from(kept.bytes)
    const memories = new Set<ArrayBufferLike>()
    for (let i = 0; i < 6; i++) {
      seek(5)
      const batches = await next()
      memories.add(batches.bytes.buffer)
      batches.release()
    }
    expect(memories.has(kept.bytes.buffer)).toBe(false)
    expect(copy.equals(kept.bytes)).toBe(true)
    expect(memories.size).toBeLessThanOrEqual(2)
    await system.run(consumer.close())
  })

  it('leaves records that were handed out alone when the rest of their memory is released', async () => {
    const { system, consumer, log } = await setUp({ maxPollRecords: 1 })
    const big = 'x'.repeat(300_000)
    for (const name of ['a', 'b', 'c', 'd']) fill(log, [name + big])
    consumer.assign([T0])
    const [first] = (await system.run(consumer.poll(1_000))) as [ConsumerRecord]
    const [rest] = (await system.run(consumer.pollBatches(1_000))) as [PartitionBatches]
    expect(rest.bytes.buffer).toBe(first.value?.buffer)
    rest.release()
    for (const offset of [3, 2, 1]) {
      consumer.seek({ ...T0, offset })
      for (const batches of await system.run(consumer.pollBatches(1_000))) batches.release()
    }
    expect(text(first)).toBe(`a${big}`)
    await system.run(consumer.close())
  })

  it('reads every record once and in order, whatever happens to connections, answers and leaders', async () => {
    const fate = fc.oneof(
      { weight: 3, arbitrary: fc.constant('answer' as const) },
      { weight: 4, arbitrary: fc.constantFrom<Fate | 'move'>('silence', 'cutBefore', 'cutAfter', 'move') },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(fate, { maxLength: 20 }),
        fc.integer({ min: 1, max: 30 }),
        fc.nat(),
        async (fates, count, seed) => {
          const script = [...fates]
          const options = { requestTimeoutMs: 2_000, maxPollRecords: 4, maxPartitionFetchBytes: 200 }
          const { system, cluster, consumer, logs } = await setUp(options, { seed, brokers: 2, partitions: 2 })
          cluster.fateOf = ({ api }) => {
            const next = api === Fetch || api === ListOffsets ? (script.shift() ?? 'answer') : 'answer'
            if (next !== 'move') return next
            const log = logs[script.length % 2] as FakeLog
            log.leader = 1 - log.leader
            log.leaderEpoch++
            return 'answer'
          }
          for (let i = 0; i < count; i++) fill(logs[i % 2] as FakeLog, [`${i}a`, `${i}b`])
          consumer.assign([T0, { topic: 't', partition: 1 }])
          const seen: string[][] = [[], []]
          for (let read = 0; read < 2 * count; ) {
            for (const record of await system.run(consumer.poll(100_000))) {
              read++
              seen[record.partition]?.push(text(record))
            }
          }
          const expected = [0, 1].map((p) =>
            Array.from({ length: count }, (_, i) => i)
              .filter((i) => i % 2 === p)
              .flatMap((i) => [`${i}a`, `${i}b`]),
          )
          expect(seen).toEqual(expected)
          await system.run(consumer.close())
        },
      ),
      { numRuns: 60 },
    )
  })

  it('follows the reset policy when the offset is gone', async () => {
    for (const [autoOffsetReset, expected] of [
      ['earliest', ['b']],
      ['latest', ['c']],
    ] as const) {
      const { system, consumer, log } = await setUp({ autoOffsetReset, fetchMaxWaitMs: 10 })
      fill(log, ['a'])
      fill(log, ['b'])
      log.batches.shift()
      log.startOffset = 1
      consumer.assign([T0])
      consumer.seek({ ...T0, offset: 0 })
      const poll = consumer.poll(10_000)
      await system.pass(1_000)
      if (autoOffsetReset === 'latest') fill(log, ['c'])
      expect((await system.run(poll)).map(text)).toEqual(expected)
      await system.run(consumer.close())
    }
    const { system, consumer, log } = await setUp({ autoOffsetReset: 'none' })
    fill(log, ['a'])
    consumer.assign([T0])
    await expect(system.run(consumer.poll(1_000))).rejects.toMatchObject({ code: 'KAFKA_NO_OFFSET' })
    consumer.seek({ ...T0, offset: 77 })
    await expect(system.run(consumer.poll(1_000))).rejects.toMatchObject({ code: 'KAFKA_OFFSET_OUT_OF_RANGE' })
    consumer.seek({ ...T0, offset: 0 })
    expect((await system.run(consumer.poll(1_000))).map(text)).toEqual(['a'])
    await system.run(consumer.close())
  })

  it('reports a corrupt batch with its place, after what is sound, and can be led past it', async () => {
    const { system, consumer, log } = await setUp()
    for (const values of [['a'], ['b'], ['c']]) fill(log, values)
    const bad = log.batches[1] as Uint8Array
    bad[bad.length - 2] = 0x7a
    consumer.assign([T0])
    expect((await system.run(consumer.poll(1_000))).map(text)).toEqual(['a'])
    for (let i = 0; i < 2; i++) {
      await expect(system.run(consumer.poll(1_000))).rejects.toMatchObject({
        code: 'KAFKA_CORRUPT_BATCH',
        message: expect.stringContaining('t-0 at offset 1'),
      })
    }
    consumer.seek({ ...T0, offset: 2 })
    expect((await system.run(consumer.poll(1_000))).map(text)).toEqual(['c'])
    await system.run(consumer.close())
  })

  it('with read_committed leaves out what was aborted, and transaction markers always', async () => {
    for (const isolationLevel of ['read_committed', 'read_uncommitted'] as const) {
      const { system, cluster, consumer, log } = await setUp({ isolationLevel })
      const transaction = (producerId: number) => ({
        transactional: true,
        producerId,
        producerEpoch: 0,
        baseSequence: 0,
      })
      fill(log, ['a'], transaction(1))
      fill(log, ['x'], transaction(2))
      fill(log, ['plain'])
      marker(log, 'abort', 2)
      marker(log, 'commit', 1)
      fill(log, ['b'], { ...transaction(2), baseSequence: 1 })
      marker(log, 'commit', 2)
      cluster.override(Fetch, ({ body }) => {
        const [topic] = body.topics
        const fetchOffset = topic?.partitions[0]?.fetchOffset ?? 0
        if (fetchOffset >= log.endOffset) return undefined
        const partition = {
          partitionIndex: 0,
          highWatermark: log.endOffset,
          abortedTransactions: body.isolationLevel === 1 ? [{ producerId: 2, firstOffset: 1 }] : null,
          records: log.read(fetchOffset, 1 << 20),
        }
        return { responses: [{ topic: 't', topicId: topic?.topicId as Uint8Array, partitions: [partition] }] }
      })
      consumer.assign([T0])
      const expected = isolationLevel === 'read_committed' ? ['a', 'plain', 'b'] : ['a', 'x', 'plain', 'b']
      expect((await system.run(consumer.poll(1_000))).map(text)).toEqual(expected)
      expect(await system.run(consumer.poll(100))).toEqual([])
      expect(await system.run(consumer.position(T0))).toBe(7)
      await system.run(consumer.close())
    }
  })

  it('pauses, resumes and seeks to either end', async () => {
    const { system, consumer, log } = await setUp({ fetchMaxWaitMs: 10 })
    fill(log, ['a', 'b'])
    consumer.assign([T0])
    consumer.pause([T0])
    expect(await system.run(consumer.poll(1_000))).toEqual([])
    expect(consumer.paused()).toEqual([T0])
    consumer.resume([T0])
    expect((await system.run(consumer.poll(1_000))).map(text)).toEqual(['a', 'b'])
    consumer.seekToBeginning()
    expect(await system.run(consumer.position(T0))).toBe(0)
    consumer.seekToEnd([T0])
    expect(await system.run(consumer.position(T0))).toBe(2)
    expect(() => consumer.seek({ topic: 'other', partition: 0, offset: 1 })).toThrow(/not assigned/)
    await system.run(consumer.close())
  })

  it('answers offsets, also several for one partition', async () => {
    const { system, consumer, log } = await setUp()
    fill(log, ['a', 'b'])
    log.startOffset = 1
    expect(await system.run(consumer.beginningOffsets([T0]))).toMatchObject([{ ...T0, offset: 1 }])
    const found = await system.run(
      consumer.offsetsForTimes([
        { ...T0, timestamp: -1 },
        { ...T0, timestamp: -2 },
      ]),
    )
    expect(found.map((f) => f.offset)).toEqual([2, 1])
    await system.run(consumer.close())
  })

  it('can be woken, aborted, and says when it is misused', async () => {
    const { system, consumer } = await setUp()
    await expect(consumer.poll(10)).rejects.toMatchObject({ code: 'KAFKA_NOTHING_SUBSCRIBED' })
    expect(() => consumer.subscribe(['t'])).toThrow(/groupId/)
    consumer.assign([T0])
    const poll = consumer.poll(60_000)
    await expect(consumer.poll(10)).rejects.toMatchObject({ code: 'KAFKA_CONCURRENT_POLL' })
    consumer.wakeup()
    await expect(system.run(poll)).rejects.toMatchObject({ code: 'KAFKA_WAKEUP' })
    const abort = new AbortController()
    const aborted = consumer.poll(60_000, { signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(system.run(aborted)).rejects.toThrow('enough')
    const last = expect(consumer.poll(60_000)).rejects.toMatchObject({ code: 'KAFKA_CLIENT_CLOSED' })
    await system.run(consumer.close())
    await last
  })

  it('iterated, goes on after the last record that a loop saw', async () => {
    const { system, consumer, log } = await setUp()
    fill(log, ['a', 'b', 'c', 'd'])
    consumer.assign([T0])
    const seen: string[] = []
    const loop = async (until: string) => {
      for await (const record of consumer) {
        seen.push(text(record))
        if (text(record) === until) break
      }
    }
    await system.run(loop('b'))
    expect(await system.run(consumer.position(T0))).toBe(2)
    await system.run(loop('d'))
    expect(seen).toEqual(['a', 'b', 'c', 'd'])
    await system.run(consumer.close())
  })

  it('iterated, ends when it is closed', async () => {
    const { system, consumer, log } = await setUp()
    fill(log, ['a'])
    consumer.assign([T0])
    const seen: string[] = []
    const loop = (async () => {
      for await (const record of consumer) seen.push(text(record))
    })()
    await system.pass(5_000)
    await system.run(consumer.close())
    await system.run(loop)
    expect(seen).toEqual(['a'])
  })

  it('makes headway with polls that do not wait', async () => {
    const { system, consumer, log } = await setUp()
    fill(log, ['a'])
    consumer.assign([T0])
    const spin = async () => {
      for (let i = 0; i < 1_000; i++) {
        const records = await consumer.poll(0)
        if (records.length > 0) return records.map(text)
      }
      return undefined
    }
    expect(await system.run(spin())).toEqual(['a'])
    await system.run(consumer.close())
  })

  it('starts at committed offsets and commits what was read', async () => {
    const { system, cluster, consumer, log } = await setUp({ groupId: 'g', autoCommitIntervalMs: 1_000 })
    fill(log, ['a', 'b', 'c'])
    cluster.offsets.set('g/t-0', 1)
    consumer.assign([T0])
    expect((await system.run(consumer.poll(500))).map(text)).toEqual(['b', 'c'])
    await system.run(consumer.commit())
    expect(cluster.offsets.get('g/t-0')).toBe(3)
    expect(await system.run(consumer.committed([T0]))).toMatchObject([{ ...T0, offset: 3 }])
    await system.run(consumer.commit([{ ...T0, offset: 2 }]))
    expect(cluster.offsets.get('g/t-0')).toBe(2)
    await system.run(consumer.poll(2_000))
    expect(cluster.offsets.get('g/t-0')).toBe(3)
    await system.run(consumer.close())
  })

  it('does not repeat an automatic commit after a newer one, which would set offsets back', async () => {
    const automatic = { groupId: 'g', autoCommitIntervalMs: 1_000, retryBackoffMs: 500 }
    const { system, cluster, consumer, log } = await setUp(automatic)
    fill(log, ['a', 'b', 'c'])
    consumer.assign([T0])
    await system.run(consumer.poll(500))
    let failures = 1
    cluster.override(OffsetCommit, ({ body }) => {
      if (failures-- <= 0) return undefined
      const partitions = [{ partitionIndex: 0, errorCode: ErrorCode.NOT_COORDINATOR }]
      return { topics: body.topics.map(({ name }) => ({ name, partitions })) }
    })
    await system.pass(1_000)
    await system.run(consumer.poll(0))
    await system.pass(100)
    expect([failures, cluster.offsets.get('g/t-0')]).toEqual([0, undefined])
    await system.run(consumer.commit([{ ...T0, offset: 9 }]))
    await system.pass(5_000)
    expect(cluster.offsets.get('g/t-0')).toBe(9)
    await system.run(consumer.close())
  })

  it('tries a commit again while the coordinator moves', async () => {
    const { system, cluster, consumer } = await setUp({ groupId: 'g' })
    let moves = 2
    cluster.override(OffsetCommit, ({ body }) => {
      if (moves-- <= 0) return undefined
      const partitions = [{ partitionIndex: 0, errorCode: ErrorCode.NOT_COORDINATOR }]
      return { topics: body.topics.map(({ name }) => ({ name, partitions })) }
    })
    await system.run(consumer.commit([{ ...T0, offset: 5 }]))
    expect(cluster.offsets.get('g/t-0')).toBe(5)
    await system.run(consumer.close())
  })
})
