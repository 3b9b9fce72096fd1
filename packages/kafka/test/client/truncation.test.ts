import { describe, expect, it } from 'vitest'
import { KafkaConsumer, type KafkaConsumerOptions, KafkaProducer, LogTruncationError } from '../../src/client/index.ts'
import { OffsetCommit, OffsetForLeaderEpoch } from '../../src/definitions/index.ts'
import { ErrorCode } from '../../src/errors/index.ts'
import { FakeCluster } from './support/fake-cluster.ts'
import type { FakeLog } from './support/fake-log.ts'
import { VirtualSystem } from './support/virtual-system.ts'

/** Five records, each in a batch of its own, that a consumer has read. */
async function setUp(options: Partial<KafkaConsumerOptions> = {}) {
  const system = new VirtualSystem()
  const cluster = await FakeCluster.start(system)
  const [log] = cluster.createTopic('t', 1) as [FakeLog]
  const { bootstrapServers } = cluster
  const produce = async (...values: string[]) => {
    const producer = new KafkaProducer({ bootstrapServers, system, acks: 1, lingerMs: 0 })
    for (const value of values) await system.run(producer.send({ topic: 't', value }))
    await system.run(producer.close())
  }
  const consumer = new KafkaConsumer({ bootstrapServers, system, groupId: 'g', ...options })
  const poll = async () => {
    const records = await system.run(consumer.poll(3_000))
    return records.map(({ value }) => Buffer.from(value ?? []).toString())
  }
  await produce('a', 'b', 'c', 'd', 'e')
  consumer.assign([{ topic: 't', partition: 0 }])
  consumer.seek({ topic: 't', partition: 0, offset: 0 })
  const read: string[] = []
  while (read.length < 5) read.push(...(await poll()))
  expect(read).toEqual(['a', 'b', 'c', 'd', 'e'])
  return { system, cluster, log, consumer, produce, poll }
}

describe('a log that was truncated (KIP-320)', () => {
  it('is an error that says where it differs, without a reset policy', async () => {
    const { system, log, consumer, produce, poll } = await setUp({ autoOffsetReset: 'none' })
    log.lose(3)
    await produce('D', 'E', 'F')
    const failure = await poll().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(LogTruncationError)
    expect(failure).toMatchObject({ code: 'KAFKA_LOG_TRUNCATED', offset: 5, divergentOffset: 3, retriable: false })
    consumer.seek({ topic: 't', partition: 0, offset: 3 })
    expect(await poll()).toEqual(['D', 'E', 'F'])
    await system.run(consumer.close())
  })

  it('is read on from where it differs, with a reset policy', async () => {
    const { system, log, consumer, produce, poll } = await setUp({ autoOffsetReset: 'latest' })
    log.lose(3)
    await produce('D', 'E', 'F')
    expect(await poll()).toEqual(['D', 'E', 'F'])
    await system.run(consumer.close())
  })

  it('is noticed by whoever starts at a committed offset', async () => {
    const { system, cluster, log, consumer, produce } = await setUp({ autoOffsetReset: 'none' })
    await system.run(consumer.commit())
    expect(cluster.requests.find(({ api }) => api === OffsetCommit)?.body).toMatchObject({
      topics: [{ partitions: [{ committedOffset: 5, committedLeaderEpoch: 0 }] }],
    })
    await system.run(consumer.close())
    log.lose(2)
    await produce('C', 'D', 'E', 'F')
    const { bootstrapServers } = cluster
    const next = new KafkaConsumer({ bootstrapServers, system, autoOffsetReset: 'none' })
    next.assign([{ topic: 't', partition: 0 }])
    next.seek({ topic: 't', partition: 0, offset: 5, leaderEpoch: 0 })
    await expect(system.run(next.poll(1_000))).rejects.toMatchObject({ divergentOffset: 2 })
    await system.run(next.close())
  })

  it('is another thing than a leader that moved with all records', async () => {
    const { system, cluster, log, consumer, produce, poll } = await setUp({ autoOffsetReset: 'none' })
    log.leaderEpoch++
    await produce('f')
    cluster.override(OffsetForLeaderEpoch, () => undefined)
    expect(await poll()).toEqual(['f'])
    expect(cluster.countOf(OffsetForLeaderEpoch)).toBeGreaterThan(0)
    await system.run(consumer.close())
  })

  it('is asked about again when the broker cannot say yet', async () => {
    const { system, cluster, log, consumer, produce, poll } = await setUp({ autoOffsetReset: 'none' })
    log.leaderEpoch++
    await produce('f')
    const answers = [ErrorCode.UNKNOWN_LEADER_EPOCH, ErrorCode.NOT_LEADER_OR_FOLLOWER]
    cluster.override(OffsetForLeaderEpoch, ({ body }) => {
      const errorCode = answers.shift()
      if (errorCode === undefined) return undefined
      return { topics: body.topics.map(({ topic }) => ({ topic, partitions: [{ partition: 0, errorCode }] })) }
    })
    expect(await poll()).toEqual(['f'])
    expect(answers).toEqual([])
    await system.run(consumer.close())
  })
})
