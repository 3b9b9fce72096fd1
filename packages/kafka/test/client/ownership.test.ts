import { describe, expect, it } from 'vitest'
import { KafkaConsumer, type KafkaConsumerOptions, type TopicPartition } from '../../src/client/index.ts'
import type { ResponseInputOf } from '../../src/codec/schema.ts'
import { ConsumerGroupHeartbeat, Heartbeat, JoinGroup, OffsetCommit } from '../../src/definitions/index.ts'
import { ErrorCode } from '../../src/errors/index.ts'
import { RecordBatchBuilder } from '../../src/records/index.ts'
import { FakeCluster } from './support/fake-cluster.ts'
import { FakeGroup } from './support/fake-group.ts'
import type { FakeLog } from './support/fake-log.ts'
import { VirtualSystem } from './support/virtual-system.ts'

function fill(log: FakeLog, values: readonly string[]): void {
  const builder = new RecordBatchBuilder()
  for (const value of values) builder.append(null, Buffer.from(value), 1)
  log.append(builder.finish())
}

async function setUp(options: Partial<KafkaConsumerOptions> = {}, partitions = 2) {
  const system = new VirtualSystem()
  const cluster = await FakeCluster.start(system)
  const logs = cluster.createTopic('t', partitions)
  for (const log of logs) fill(log, ['a', 'b', 'c'])
  const group = new FakeGroup(cluster)
  const newConsumer = () =>
    new KafkaConsumer({
      bootstrapServers: cluster.bootstrapServers,
      system,
      groupId: 'g',
      autoOffsetReset: 'earliest',
      fetchMaxWaitMs: 50,
      ...(options.groupProtocol === 'consumer' ? {} : { heartbeatIntervalMs: 100 }),
      ...options,
    })
  const poll = async (consumer: KafkaConsumer, until: () => boolean = () => false) => {
    for (let i = 0; i < 20 && !until(); i++) await system.run(consumer.poll(100))
  }
  const commits = () => cluster.requests.flatMap(({ api, body }) => (api === OffsetCommit ? [body] : []))
  return { system, cluster, logs, group, newConsumer, poll, commits }
}

/** A coordinator of KIP-848 that hands out what the test says, by topic. */
function consumerGroup(cluster: FakeCluster) {
  const group = {
    epoch: 0,
    next: undefined as { topicId: Uint8Array; partitions: number[] }[] | undefined,
    errorCode: ErrorCode.NONE as number,
    owned: [] as { topicId: Uint8Array; partitions: readonly number[] }[],
  }
  cluster.override(ConsumerGroupHeartbeat, ({ body }): ResponseInputOf<typeof ConsumerGroupHeartbeat> => {
    const { errorCode, next } = group
    if (errorCode !== ErrorCode.NONE) return { errorCode, memberEpoch: 0, heartbeatIntervalMs: 0 }
    group.next = undefined
    if (body.topicPartitions) group.owned = [...body.topicPartitions]
    if (next || body.memberEpoch === 0) group.epoch++
    const assignment = next ? { topicPartitions: next } : null
    return { memberId: body.memberId, memberEpoch: group.epoch, heartbeatIntervalMs: 1_000, assignment }
  })
  return group
}

describe('what a consumer no longer owns', () => {
  it.each(['classic', 'consumer'] as const)('is not committed on close after it was lost (%s)', async (protocol) => {
    const { system, cluster, group, newConsumer, poll, commits } = await setUp({ groupProtocol: protocol })
    const coordinator = protocol === 'consumer' ? consumerGroup(cluster) : undefined
    if (coordinator) {
      coordinator.next = [{ topicId: cluster.topics.get('t')?.topicId as Uint8Array, partitions: [0, 1] }]
    }
    const consumer = newConsumer()
    consumer.subscribe(['t'])
    await poll(consumer, () => consumer.assignment().length > 0)
    await poll(consumer)
    if (coordinator) coordinator.errorCode = ErrorCode.UNKNOWN_MEMBER_ID
    else for (const memberId of [...group.members.keys()]) group.remove(memberId)
    await system.pass(3_000)
    const before = commits().length
    await expect(system.run(consumer.commit())).rejects.toMatchObject({ code: 'KAFKA_UNKNOWN_MEMBER_ID' })
    await system.run(consumer.close())
    // As somebody who is no member, which a coordinator takes when the group is empty by then, it would set offsets back.
    expect(commits().length).toBe(before)
  })

  it('is not lost because a commit of an earlier generation was refused', async () => {
    const { system, cluster, group, newConsumer, poll } = await setUp({
      enableAutoCommit: false,
      partitionAssignors: ['cooperative-sticky'],
    })
    const lost: TopicPartition[] = []
    const consumer = newConsumer()
    consumer.subscribe(['t'], { onPartitionsLost: (partitions) => void lost.push(...partitions) })
    await poll(consumer, () => consumer.assignment().length > 0)
    let answer: (() => void) | undefined
    cluster.override(OffsetCommit, ({ body }) => {
      const partitions = [{ partitionIndex: 0, errorCode: ErrorCode.ILLEGAL_GENERATION }]
      return new Promise((resolve) => {
        answer = () => resolve({ topics: body.topics.map(({ name, topicId }) => ({ name, topicId, partitions })) })
      })
    })
    const generation = group.generation
    const refused = expect(consumer.commit([{ topic: 't', partition: 0, offset: 1 }])).rejects.toMatchObject({
      code: 'KAFKA_ILLEGAL_GENERATION',
    })
    await system.pass(10)
    group.isRebalancing = true
    await poll(consumer, () => group.generation > generation)
    answer?.()
    await refused
    await poll(consumer)
    expect(lost).toEqual([])
    await system.run(consumer.close())
  })

  it('is given up without delay when the offsets of a topic that is gone cannot be committed', async () => {
    const { system, cluster, newConsumer, poll } = await setUp()
    const consumer = newConsumer()
    consumer.subscribe(['t'])
    await poll(consumer, () => consumer.assignment().length > 0)
    await poll(consumer)
    cluster.override(OffsetCommit, ({ body }) => ({
      topics: body.topics.map(({ name, topicId, partitions }) => ({
        name,
        topicId,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_ID })),
      })),
    }))
    const before = system.clock.monotonic()
    await system.run(consumer.close())
    expect(system.clock.monotonic() - before).toBeLessThan(1_000)
  })

  it('is not waited for by a close while a rebalance is held back', async () => {
    const { system, cluster, group, newConsumer, poll } = await setUp({ partitionAssignors: ['cooperative-sticky'] })
    const consumer = newConsumer()
    consumer.subscribe(['t'])
    await poll(consumer, () => consumer.assignment().length > 0)
    cluster.override(JoinGroup, () => new Promise(() => {}))
    group.isRebalancing = true
    await poll(consumer)
    const before = system.clock.monotonic()
    await system.run(consumer.close())
    expect(system.clock.monotonic() - before).toBeLessThan(1_000)
    expect(cluster.offsets.get('g/t-0')).toBe(3)
  })
})

describe('a rebalance listener that throws', () => {
  it.each(['range', 'cooperative-sticky'] as const)(
    'does not keep a classic member from giving up (%s)',
    async (name) => {
      const { system, group, newConsumer, poll } = await setUp({ partitionAssignors: [name] })
      const [first, second] = [newConsumer(), newConsumer()]
      let isFailing = true
      first.subscribe(['t'], {
        onPartitionsRevoked: () => {
          if (isFailing) throw new Error('no')
        },
      })
      await poll(first, () => first.assignment().length === 2)
      second.subscribe(['t'])
      const errors: unknown[] = []
      for (let i = 0; i < 30; i++) {
        const polls = [first, second].map((consumer) => consumer.poll(100).catch((error) => void errors.push(error)))
        await system.run(Promise.all(polls))
      }
      expect(errors).toMatchObject([{ message: 'no' }])
      expect([first.assignment().length, second.assignment().length]).toEqual([1, 1])
      isFailing = false
      await system.run(Promise.all([first.close(), second.close()]))
      expect(group.members.size).toBe(0)
    },
  )

  it('does not keep a member of KIP-848 from saying that it gave up', async () => {
    const { system, cluster, newConsumer, poll } = await setUp({ groupProtocol: 'consumer' })
    const coordinator = consumerGroup(cluster)
    const topicId = cluster.topics.get('t')?.topicId as Uint8Array
    coordinator.next = [{ topicId, partitions: [0, 1] }]
    const consumer = newConsumer()
    let failures = 1
    consumer.subscribe(['t'], {
      onPartitionsRevoked: () => {
        if (failures-- > 0) throw new Error('no')
      },
    })
    await poll(consumer, () => consumer.assignment().length > 0)
    coordinator.next = [{ topicId, partitions: [1] }]
    await system.pass(2_000)
    await expect(system.run(consumer.poll(100))).rejects.toThrow('no')
    await system.pass(2_000)
    expect(coordinator.owned.flatMap(({ partitions }) => partitions)).toEqual([1])
    expect(consumer.assignment()).toEqual([{ topic: 't', partition: 1 }])
    await system.run(consumer.close())
  })
})

describe('a member of a KIP-848 group', () => {
  it('forgets an assignment with an unknown topic when a newer one comes', async () => {
    const { system, cluster, newConsumer, poll } = await setUp({ groupProtocol: 'consumer', metadataMaxAgeMs: 2_000 })
    const coordinator = consumerGroup(cluster)
    const topicId = cluster.topics.get('t')?.topicId as Uint8Array
    const unknown = { topicId: new Uint8Array(16).fill(7), partitions: [0] }
    coordinator.next = [{ topicId, partitions: [0, 1] }, unknown]
    const consumer = newConsumer()
    consumer.subscribe(['t'])
    await poll(consumer, () => consumer.assignment().length > 0)
    coordinator.next = [{ topicId, partitions: [1] }]
    await poll(consumer, () => consumer.assignment().length === 1)
    await system.pass(5_000)
    await poll(consumer)
    expect(consumer.assignment()).toEqual([{ topic: 't', partition: 1 }])
    await system.run(consumer.close())
  })

  it('says that it holds a topic that was made anew under the same name', async () => {
    const { system, cluster, newConsumer, poll } = await setUp({ groupProtocol: 'consumer' })
    const coordinator = consumerGroup(cluster)
    coordinator.next = [{ topicId: cluster.topics.get('t')?.topicId as Uint8Array, partitions: [0, 1] }]
    const consumer = newConsumer()
    consumer.subscribe(['t'])
    await poll(consumer, () => consumer.assignment().length > 0)
    cluster.createTopic('t', 2)
    const topicId = cluster.topics.get('t')?.topicId as Uint8Array
    coordinator.next = [{ topicId, partitions: [0, 1] }]
    await system.pass(2_000)
    await poll(consumer)
    expect(coordinator.owned.map((topic) => [Buffer.from(topic.topicId), topic.partitions])).toEqual([
      [Buffer.from(topicId), [0, 1]],
    ])
    await system.run(consumer.close())
  })

  it('tells a subscription that changes while it joins without waiting for the next heartbeat', async () => {
    const { system, cluster, newConsumer } = await setUp({ groupProtocol: 'consumer' })
    consumerGroup(cluster)
    cluster.createTopic('u', 1)
    const consumer = newConsumer()
    consumer.subscribe(['t'])
    const polling = consumer.poll(500)
    consumer.subscribe(['t', 'u'])
    await system.run(polling)
    const told = cluster.requests.flatMap(({ api, body }) =>
      api === ConsumerGroupHeartbeat ? [(body as { subscribedTopicNames: string[] | null }).subscribedTopicNames] : [],
    )
    expect(told.findLast((topics) => topics !== null)).toEqual(['t', 'u'])
    await system.run(consumer.close())
  })
})

describe('a loop over a consumer', () => {
  it('commits no record that it has not seen, whoever commits', async () => {
    const { system, cluster, newConsumer } = await setUp({}, 1)
    const consumer = newConsumer()
    consumer.subscribe(['t'])
    const loop = async () => {
      for await (const record of consumer) {
        if (record.offset === 0) await consumer.commit()
        if (record.offset === 0) expect(cluster.offsets.get('g/t-0')).toBe(1)
        if (record.offset === 1) await consumer.close()
        if (record.offset === 1) break
      }
    }
    await system.run(loop())
    expect(cluster.offsets.get('g/t-0')).toBe(2)
  })

  it('leaves a seek within it as it is', async () => {
    const { system, newConsumer } = await setUp({}, 1)
    const consumer = newConsumer()
    const target = { topic: 't', partition: 0 }
    consumer.assign([target])
    const loop = async () => {
      for await (const record of consumer) {
        consumer.seek({ ...target, offset: 2 })
        return record.offset
      }
      return undefined
    }
    expect(await system.run(loop())).toBe(0)
    expect(await system.run(consumer.position(target))).toBe(2)
    await system.run(consumer.close())
  })
})

describe('a heartbeat', () => {
  it('on a connection that died without a word is given up before the session ends', async () => {
    const { system, cluster, newConsumer, poll } = await setUp({ sessionTimeoutMs: 10_000 })
    const consumer = newConsumer()
    consumer.subscribe(['t'])
    await poll(consumer, () => consumer.assignment().length > 0)
    let silent = 1
    cluster.fateOf = ({ api }) => (api === Heartbeat && silent-- > 0 ? 'silence' : 'answer')
    const before = cluster.countOf(Heartbeat)
    await system.pass(8_000)
    expect(cluster.countOf(Heartbeat)).toBeGreaterThan(before + 1)
    await system.run(consumer.close())
  })
})
