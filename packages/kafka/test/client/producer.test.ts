import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KafkaProducer, type KafkaProducerOptions } from '../../src/client/index.ts'
import { ApiVersions, InitProducerId, Metadata, Produce } from '../../src/definitions/index.ts'
import { ErrorCode } from '../../src/errors/index.ts'
import { iterateRecords, producerEpoch } from '../../src/records/index.ts'
import { type Fate, FakeCluster } from './support/fake-cluster.ts'
import type { FakeLog } from './support/fake-log.ts'
import { VirtualSystem } from './support/virtual-system.ts'

async function setUp(options: Partial<KafkaProducerOptions> = {}, { seed = 1, brokers = 1, partitions = 1 } = {}) {
  const system = new VirtualSystem(seed)
  const cluster = await FakeCluster.start(system, brokers)
  const logs = cluster.createTopic('t', partitions)
  const producer = new KafkaProducer({ bootstrapServers: cluster.bootstrapServers, system, ...options })
  return { system, cluster, producer, logs }
}

function valuesOf(log: FakeLog): string[] {
  return log.batches.flatMap((batch) => [...iterateRecords(batch)].map((r) => Buffer.from(r.value ?? []).toString()))
}

describe('KafkaProducer', () => {
  it('puts records that are sent together into one batch and tells each its offset', async () => {
    const { system, cluster, producer, logs } = await setUp()
    const sent = await system.run(Promise.all(['a', 'b', 'c'].map((value) => producer.send({ topic: 't', value }))))
    expect(sent.map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
    ])
    expect(logs[0]?.batches.length).toBe(1)
    expect(cluster.countOf(Produce)).toBe(1)
    await system.run(producer.close())
  })

  it('writes key, headers and timestamp', async () => {
    const { system, producer, logs } = await setUp()
    const headers = { h: 'x', n: null }
    await system.run(producer.send({ topic: 't', key: 'k', value: null, timestamp: 77, headers }))
    const [record] = iterateRecords(logs[0]?.batches[0] as Uint8Array)
    expect(Buffer.from(record?.key as Uint8Array).toString()).toBe('k')
    expect(record?.value).toBe(null)
    expect(record?.timestamp).toBe(77)
    expect(record?.headers.map((h) => [h.key, h.value && Buffer.from(h.value).toString()])).toEqual([
      ['h', 'x'],
      ['n', null],
    ])
    await system.run(producer.close())
  })

  it.each([Number.NaN, 1.5, -1, Number.POSITIVE_INFINITY])('refuses the timestamp %d', async (timestamp) => {
    const { system, cluster, producer } = await setUp()
    const sent = producer.send({ topic: 't', value: 'a', timestamp })
    await expect(sent).rejects.toMatchObject({ code: 'KAFKA_INVALID_TIMESTAMP' })
    await system.run(producer.close())
    expect(cluster.countOf(Produce)).toBe(0)
  })

  it('lingers for a batch that is not full, and not for a flush', async () => {
    const { system, cluster, producer } = await setUp({ lingerMs: 100_000 })
    await system.run(producer.partitionsFor('t'))
    const sent = producer.send({ topic: 't', value: 'a' })
    await system.pass(99_000)
    expect(cluster.countOf(Produce)).toBe(0)
    await system.pass(2_000)
    expect((await sent).offset).toBe(0)
    const second = producer.send({ topic: 't', value: 'b' })
    const before = system.clock.monotonic()
    await system.run(producer.flush())
    expect((await second).offset).toBe(1)
    expect(system.clock.monotonic() - before).toBeLessThan(1_000)
    await system.run(producer.close())
  })

  it('writes each record once and in order, whatever happens to connections, answers and leaders', async () => {
    const fate: fc.Arbitrary<Fate | 'move'> = fc.oneof(
      { weight: 6, arbitrary: fc.constant('answer' as const) },
      { weight: 4, arbitrary: fc.constantFrom('silence', 'cutBefore', 'cutAfter', 'move') },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(fate, { maxLength: 25 }),
        fc.integer({ min: 1, max: 60 }),
        fc.nat(),
        async (fates, count, seed) => {
          const script = [...fates]
          const options = { batchSize: 200, lingerMs: 2, requestTimeoutMs: 2_000, deliveryTimeoutMs: 600_000 }
          const { system, cluster, producer, logs } = await setUp(options, { seed, brokers: 2, partitions: 3 })
          cluster.fateOf = ({ api }) => {
            if (api !== Produce && api !== Metadata && api !== InitProducerId) return 'answer'
            const next = script.shift() ?? 'answer'
            if (next === 'answer' || next === 'silence' || next === 'cutBefore' || next === 'cutAfter') return next
            const log = logs[script.length % 3] as FakeLog
            log.leader = 1 - log.leader
            log.leaderEpoch++
            return 'answer'
          }
          const sends: Promise<unknown>[] = []
          const expected: string[][] = [[], [], []]
          for (let i = 0; i < count; i++) {
            const partition = i % 3
            expected[partition]?.push(`value ${i}`)
            sends.push(producer.send({ topic: 't', partition, value: `value ${i}` }))
            if (i % 10 === 9) await system.pass(5)
          }
          await system.run(Promise.all(sends))
          expect(logs.map(valuesOf)).toEqual(expected)
          await system.run(producer.close())
        },
      ),
      { numRuns: 150 },
    )
  })

  it('duplicates despite idempotence: a record is there at most once, also after another before it was given up', async () => {
    const fate = fc.constantFrom<Fate>('answer', 'silence', 'cutBefore', 'cutAfter')
    await fc.assert(
      fc.asyncProperty(
        fc.array(fate, { maxLength: 25 }),
        fc.integer({ min: 1, max: 30 }),
        fc.nat(),
        async (fates, count, seed) => {
          const script = [...fates]
          const options = { batchSize: 200, lingerMs: 2, requestTimeoutMs: 150, deliveryTimeoutMs: 200 }
          const { system, cluster, producer, logs } = await setUp(options, { seed })
          await system.run(producer.send({ topic: 't', value: 'first' }))
          cluster.fateOf = ({ api }) => (api === Produce ? (script.shift() ?? 'answer') : 'answer')
          const acknowledged: string[] = []
          const sends: Promise<unknown>[] = []
          for (let i = 0; i < count; i++) {
            const value = `value ${i} `.padEnd(40, 'x')
            const told = () => void acknowledged.push(value)
            sends.push(producer.send({ topic: 't', value }).then(told, () => {}))
            if (i % 4 === 3) await system.pass(40)
          }
          await system.run(Promise.all(sends))
          const found = valuesOf(logs[0] as FakeLog)
          expect(found).toEqual([...new Set(found)])
          expect(found).toEqual(expect.arrayContaining(acknowledged))
          await system.run(producer.close())
        },
      ),
      { numRuns: 200 },
    )
  })

  it('without idempotence too sends what failed together again in its order', async () => {
    const options = { acks: 1, lingerMs: 0, retryBackoffMs: 10 } as const
    const { system, cluster, producer, logs } = await setUp(options)
    await system.run(producer.send({ topic: 't', value: 'first' }))
    let cuts = 3
    cluster.fateOf = ({ api }) => (api === Produce && cuts-- > 0 ? 'cutBefore' : 'answer')
    const sends: Promise<unknown>[] = []
    for (let i = 0; i < 5; i++) {
      sends.push(producer.send({ topic: 't', value: `${i}` }))
      // Each in a request of its own.
      await Promise.resolve()
      await Promise.resolve()
    }
    await system.run(Promise.all(sends))
    expect(valuesOf(logs[0] as FakeLog)).toEqual(['first', '0', '1', '2', '3', '4'])
    await system.run(producer.close())
  })

  it('goes on under a new epoch when the broker lost what it knew of the producer', async () => {
    const { system, producer, logs } = await setUp()
    await system.run(producer.send({ topic: 't', value: 'a' }))
    logs[0]?.forgetProducers()
    await system.run(producer.send({ topic: 't', value: 'b' }))
    await system.run(producer.send({ topic: 't', value: 'c' }))
    expect(valuesOf(logs[0] as FakeLog)).toEqual(['a', 'b', 'c'])
    expect(logs[0]?.batches.map((batch) => producerEpoch(batch, 0))).toEqual([0, 1, 1])
    await system.run(producer.close())
  })

  it('leaves no gap in the sequence when a batch is refused for good', async () => {
    const { system, cluster, producer, logs } = await setUp({ lingerMs: 0 })
    await system.run(producer.send({ topic: 't', value: 'a' }))
    let refusals = 1
    cluster.override(Produce, ({ body }) => {
      if (refusals-- <= 0) return undefined
      const [topic] = body.topicData
      const answer = { index: 0, errorCode: ErrorCode.INVALID_RECORD, baseOffset: -1, errorMessage: 'no key' }
      return {
        responses: [{ name: topic?.name ?? '', topicId: topic?.topicId as Uint8Array, partitionResponses: [answer] }],
      }
    })
    const refused = producer.send({ topic: 't', value: 'bad' })
    await expect(system.run(refused)).rejects.toMatchObject({
      code: 'KAFKA_INVALID_RECORD',
      topic: 't',
      partition: 0,
      retriable: false,
      message: expect.stringContaining('no key'),
    })
    await system.run(producer.send({ topic: 't', value: 'b' }))
    expect(valuesOf(logs[0] as FakeLog)).toEqual(['a', 'b'])
    await system.run(producer.close())
  })

  it('splits a batch that the broker finds too large, and keeps order and offsets', async () => {
    const { system, cluster, producer, logs } = await setUp({ batchSize: 10_000 })
    cluster.override(Produce, ({ body }) => {
      const [topic] = body.topicData
      const [partition] = topic?.partitionData ?? []
      if ((partition?.records?.byteLength ?? 0) <= 300) return undefined
      const answer = { index: 0, errorCode: ErrorCode.MESSAGE_TOO_LARGE, baseOffset: -1 }
      return {
        responses: [{ name: topic?.name ?? '', topicId: topic?.topicId as Uint8Array, partitionResponses: [answer] }],
      }
    })
    const values = Array.from({ length: 40 }, (_, i) => `value ${i} with some length`)
    const sent = await system.run(Promise.all(values.map((value) => producer.send({ topic: 't', value }))))
    expect(valuesOf(logs[0] as FakeLog)).toEqual(values)
    expect(sent.map((metadata) => metadata.offset)).toEqual(values.map((_, i) => i))
    await system.run(producer.close())
  })

  it('gives a record up after deliveryTimeoutMs and says why', async () => {
    const { system, cluster, producer } = await setUp({ deliveryTimeoutMs: 5_000, requestTimeoutMs: 1_000 })
    await system.run(producer.send({ topic: 't', value: 'first' }))
    await cluster.stopBroker(0)
    await expect(system.run(producer.send({ topic: 't', value: 'a' }))).rejects.toMatchObject({
      topic: 't',
      partition: 0,
      retriable: true,
      message: expect.stringMatching(/deliveryTimeoutMs \(5000 ms\).*Cannot connect/),
    })
    await system.run(producer.close())
  })

  it('waits for the topic to exist, and gives up after maxBlockMs', async () => {
    const { system, cluster, producer } = await setUp({ maxBlockMs: 3_000 })
    const late = producer.send({ topic: 'late', value: 'a' })
    await system.pass(1_500)
    cluster.createTopic('late', 1)
    expect((await system.run(late)).offset).toBe(0)
    await expect(system.run(producer.send({ topic: 'never', value: 'a' }))).rejects.toMatchObject({
      code: 'KAFKA_TIMEOUT',
    })
    await system.run(producer.close())
  })

  it('keeps the order of records that wait for memory', async () => {
    const { system, producer, logs } = await setUp({ bufferMemory: 500, batchSize: 200 })
    const values = Array.from({ length: 100 }, (_, i) => `value ${i}`)
    await system.run(Promise.all(values.map((value) => producer.send({ topic: 't', value }))))
    expect(valuesOf(logs[0] as FakeLog)).toEqual(values)
    await system.run(producer.close())
  })

  it('takes columns to the partitions of their keys, as single records would go', async () => {
    const rows = fc.array(fc.tuple(fc.string(), fc.string({ maxLength: 30 })), { minLength: 1, maxLength: 200 })
    await fc.assert(
      fc.asyncProperty(rows, async (pairs) => {
        const one = await setUp({ batchSize: 300 }, { partitions: 4 })
        const many = await setUp({ batchSize: 300 }, { partitions: 4 })
        const sends = pairs.map(([key, value]) => one.producer.send({ topic: 't', key, value, timestamp: 5 }))
        await one.system.run(Promise.all(sends))
        const ranges = await many.system.run(
          many.producer.sendBatch({
            topic: 't',
            keys: column(pairs.map(([key]) => key)),
            values: column(pairs.map(([, value]) => value)),
            timestamps: new Float64Array(pairs.length).fill(5),
          }),
        )
        expect(ranges.reduce((sum, range) => sum + range.count, 0)).toBe(pairs.length)
        expect(many.logs.map(valuesOf)).toEqual(one.logs.map(valuesOf))
        await one.system.run(one.producer.close())
        await many.system.run(many.producer.close())
      }),
      { numRuns: 30 },
    )
  })

  it('sends columns with headers, and those of their rows that have no key to one partition', async () => {
    const { system, producer, logs } = await setUp({}, { partitions: 4 })
    const keys = column(['a', '', '', 'd'])
    const ranges = await system.run(
      producer.sendBatch({
        topic: 't',
        keys: { ...keys, nulls: Uint8Array.of(0, 1, 1, 0) },
        values: column(['1', '2', '3', '4']),
        headers: [[], [{ key: 'h', value: Buffer.from('x') }], [], []],
        timestamps: new Float64Array(4).fill(5),
      }),
    )
    expect(ranges.reduce((sum, range) => sum + range.count, 0)).toBe(4)
    const records = logs.flatMap((log, partition) =>
      log.batches.flatMap((batch) => [...iterateRecords(batch)].map((record) => ({ partition, record }))),
    )
    const keyless = records.filter(({ record }) => record.key === null)
    expect(keyless.map(({ record }) => Buffer.from(record.value ?? []).toString())).toEqual(['2', '3'])
    expect(new Set(keyless.map(({ partition }) => partition)).size).toBe(1)
    expect(records.flatMap(({ record }) => record.headers)).toMatchObject([{ key: 'h' }])
    await system.run(producer.close())
  })

  it('fills batches of one partition before it turns to another when there is no key', async () => {
    const { system, producer, logs } = await setUp({ batchSize: 1_000, lingerMs: 50 }, { partitions: 4 })
    const value = 'x'.repeat(60)
    await system.run(Promise.all(Array.from({ length: 400 }, () => producer.send({ topic: 't', value }))))
    const batches = logs.flatMap((log) => log.batches)
    expect(batches.length).toBeLessThanOrEqual(40)
    expect(logs.filter((log) => log.batches.length > 0).length).toBe(4)
    await system.run(producer.close())
  })

  it('speaks to brokers that know only old versions', async () => {
    const { system, cluster, producer, logs } = await setUp()
    cluster.versions.set('ApiVersions', [0, 0])
    cluster.versions.set('Produce', [3, 7])
    cluster.versions.set('Metadata', [0, 5])
    cluster.versions.set('InitProducerId', [0, 1])
    await system.run(producer.send({ topic: 't', value: 'a' }))
    expect(valuesOf(logs[0] as FakeLog)).toEqual(['a'])
    expect(cluster.requests.find((request) => request.api === Produce)?.version).toBe(7)
    expect(cluster.requests.find((request) => request.api === ApiVersions)?.version).toBe(0)
    await system.run(producer.close())
  })

  it('with acks 0 sends without waiting for answers', async () => {
    const { system, cluster, producer, logs } = await setUp({ acks: 0 })
    expect((await system.run(producer.send({ topic: 't', value: 'a' }))).offset).toBe(-1)
    await system.run(producer.close())
    expect(cluster.countOf(InitProducerId)).toBe(0)
    expect(valuesOf(logs[0] as FakeLog)).toEqual(['a'])
  })

  it('refuses options that do not exist or contradict each other', () => {
    const make = (options: object) => () => new KafkaProducer({ bootstrapServers: 'a:1', ...options })
    expect(make({ lingerMS: 5 })).toThrow(/no option 'lingerMS'/)
    expect(make({ acks: 2 })).toThrow(/acks is 2/)
    expect(make({ acks: 1, enableIdempotence: true })).toThrow(/although acks is 1/)
    expect(make({ bootstrapServers: 'localhost' })).toThrow(/bootstrapServers/)
    expect(make({ acks: 1 })).not.toThrow()
  })

  it('takes nothing after close and fails what is left', async () => {
    const { system, cluster, producer } = await setUp()
    await system.run(producer.partitionsFor('t'))
    cluster.fateOf = ({ api }) => (api === Produce ? 'silence' : 'answer')
    const stuck = producer.send({ topic: 't', value: 'a' })
    const outcome = expect(stuck).rejects.toMatchObject({ code: 'KAFKA_CLIENT_CLOSED' })
    await system.run(producer.close({ timeoutMs: 1_000 }))
    await outcome
    await expect(producer.send({ topic: 't', value: 'b' })).rejects.toMatchObject({ code: 'KAFKA_CLIENT_CLOSED' })
  })
})

function column(texts: readonly string[]): { data: Uint8Array; offsets: Int32Array } {
  const parts = texts.map((text) => Buffer.from(text))
  const offsets = new Int32Array(parts.length + 1)
  parts.forEach((part, i) => {
    offsets[i + 1] = (offsets[i] as number) + part.byteLength
  })
  return { data: Buffer.concat(parts), offsets }
}
