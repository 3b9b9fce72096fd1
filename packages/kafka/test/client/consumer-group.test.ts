import { describe, expect, it } from 'vitest'
import { KafkaConsumer, type KafkaConsumerOptions, type TopicPartition } from '../../src/client/index.ts'
import { ConsumerGroupHeartbeat, FindCoordinator, OffsetCommit } from '../../src/definitions/index.ts'
import type { RequestOf, ResponseInputOf } from '../../src/codec/schema.ts'
import { ErrorCode } from '../../src/errors/index.ts'
import { FakeCluster } from './support/fake-cluster.ts'
import { VirtualSystem } from './support/virtual-system.ts'

type Heartbeat = RequestOf<typeof ConsumerGroupHeartbeat>
type Answer = ResponseInputOf<typeof ConsumerGroupHeartbeat>

/** A coordinator with one member, which does what the test says. */
async function setUp(options: Partial<KafkaConsumerOptions> = {}) {
  const system = new VirtualSystem()
  const cluster = await FakeCluster.start(system)
  cluster.createTopic('t', 4)
  const heartbeats: Heartbeat[] = []
  const group = {
    epoch: 0,
    /** Handed out with the next heartbeat. */
    next: [0, 1] as number[] | undefined,
    errorCode: ErrorCode.NONE as number,
  }
  cluster.override(ConsumerGroupHeartbeat, ({ body }): Answer => {
    heartbeats.push(body)
    const { errorCode } = group
    if (errorCode !== ErrorCode.NONE) return { errorCode, memberEpoch: 0, heartbeatIntervalMs: 0 }
    if (body.memberEpoch < 0) return { memberId: body.memberId, memberEpoch: body.memberEpoch, heartbeatIntervalMs: 0 }
    const partitions = group.next
    group.next = undefined
    if (partitions || body.memberEpoch === 0) group.epoch++
    const topicId = cluster.topics.get('t')?.topicId as Uint8Array
    return {
      memberId: body.memberId,
      memberEpoch: group.epoch,
      heartbeatIntervalMs: 5_000,
      assignment: partitions ? { topicPartitions: partitions.length > 0 ? [{ topicId, partitions }] : [] } : null,
    }
  })
  const consumer = new KafkaConsumer({
    bootstrapServers: cluster.bootstrapServers,
    system,
    groupId: 'g',
    groupProtocol: 'consumer',
    autoOffsetReset: 'earliest',
    ...options,
  })
  const trace: string[] = []
  const tell = (what: string) => (partitions: TopicPartition[]) =>
    void trace.push(`${what} ${partitions.map(({ partition }) => partition)}`)
  const listener = {
    onPartitionsAssigned: tell('+'),
    onPartitionsRevoked: tell('-'),
    onPartitionsLost: tell('lost'),
  }
  const poll = async (times = 1) => {
    for (let i = 0; i < times; i++) await system.run(consumer.poll(100))
  }
  const owned = () => consumer.assignment().map(({ partition }) => partition)
  return { system, cluster, consumer, group, heartbeats, trace, listener, poll, owned }
}

describe('a member of a KIP-848 group', () => {
  it('tells everything when it joins, then only what is new', async () => {
    const { system, consumer, heartbeats, listener, poll, trace } = await setUp({
      groupRemoteAssignor: 'range',
      clientRack: 'r1',
      groupInstanceId: 'i',
    })
    consumer.subscribe(['t'], listener)
    await poll()
    const [joining, acknowledging] = heartbeats
    expect(joining).toMatchObject({
      memberEpoch: 0,
      instanceId: 'i',
      rackId: 'r1',
      rebalanceTimeoutMs: 300_000,
      subscribedTopicNames: ['t'],
      serverAssignor: 'range',
      topicPartitions: [],
    })
    expect(joining?.memberId).toHaveLength(22)
    expect(acknowledging).toMatchObject({
      memberEpoch: 1,
      instanceId: null,
      rebalanceTimeoutMs: -1,
      subscribedTopicNames: null,
      serverAssignor: null,
      topicPartitions: [{ partitions: [0, 1] }],
    })
    await system.pass(5_000)
    expect(heartbeats[2]).toMatchObject({ memberEpoch: 1, subscribedTopicNames: null, topicPartitions: null })
    expect(trace).toEqual(['+ 0,1'])
    await system.run(consumer.close())
    expect(heartbeats.at(-1)).toMatchObject({ memberEpoch: -2, instanceId: 'i' })
  })

  it('gives up before it takes over, and commits what it read before that', async () => {
    const { system, cluster, consumer, group, heartbeats, listener, poll, trace, owned } = await setUp()
    consumer.subscribe(['t'], listener)
    await poll(3)
    group.next = [1, 2, 3]
    await system.pass(5_000)
    expect(owned()).toEqual([0, 1])
    await poll()
    expect(owned()).toEqual([1, 2, 3])
    expect(trace).toEqual(['+ 0,1', '- 0', '+ 2,3'])
    const commit = cluster.requests.findLast(({ api }) => api === OffsetCommit)
    expect(commit?.body).toMatchObject({ generationIdOrMemberEpoch: 2, memberId: heartbeats[0]?.memberId })
    expect(heartbeats.at(-1)?.topicPartitions?.[0]?.partitions).toEqual([1, 2, 3])
    await system.run(consumer.close())
    expect(trace.at(-1)).toBe('- 1,2,3')
    expect(heartbeats.at(-1)?.memberEpoch).toBe(-1)
  })

  it('loses its partitions when it is fenced, and joins again under its id', async () => {
    const { system, consumer, group, heartbeats, listener, poll, trace, owned } = await setUp()
    consumer.subscribe(['t'], listener)
    await poll()
    group.errorCode = ErrorCode.FENCED_MEMBER_EPOCH
    await system.pass(5_000)
    group.errorCode = ErrorCode.NONE
    group.next = [3]
    const before = heartbeats.length
    await poll(2)
    expect(trace).toEqual(['+ 0,1', 'lost 0,1', '+ 3'])
    expect(owned()).toEqual([3])
    expect(heartbeats[before]).toMatchObject({ memberEpoch: 0, memberId: heartbeats[0]?.memberId, topicPartitions: [] })
    await system.run(consumer.close())
  })

  it('leaves when it does not poll for too long', async () => {
    const { system, consumer, heartbeats, listener, poll, trace } = await setUp({ maxPollIntervalMs: 20_000 })
    consumer.subscribe(['t'], listener)
    await poll()
    await system.pass(40_000)
    expect(heartbeats.at(-1)?.memberEpoch).toBe(-1)
    const left = heartbeats.length
    await system.pass(60_000)
    expect(heartbeats.length).toBe(left)
    await poll(2)
    expect(trace).toEqual(['+ 0,1', 'lost 0,1'])
    expect(heartbeats[left]?.memberEpoch).toBe(0)
    await system.run(consumer.close())
  })

  it('says all again after an answer was lost, and finds a coordinator that moved', async () => {
    const { system, cluster, consumer, group, heartbeats, listener, poll } = await setUp()
    consumer.subscribe(['t'], listener)
    await poll()
    cluster.fateOf = ({ api }) => (api === ConsumerGroupHeartbeat ? 'cutAfter' : 'answer')
    await system.pass(5_000)
    cluster.fateOf = () => 'answer'
    await system.pass(5_000)
    expect(heartbeats.at(-1)).toMatchObject({
      memberEpoch: 1,
      subscribedTopicNames: ['t'],
      rebalanceTimeoutMs: 300_000,
    })
    const lookUps = cluster.countOf(FindCoordinator)
    group.errorCode = ErrorCode.NOT_COORDINATOR
    await system.pass(5_000)
    group.errorCode = ErrorCode.NONE
    await system.pass(5_000)
    expect(cluster.countOf(FindCoordinator)).toBeGreaterThan(lookUps)
    await system.run(consumer.close())
  })

  it.each([
    ['UNRELEASED_INSTANCE_ID', 'KAFKA_UNRELEASED_INSTANCE_ID'],
    ['UNSUPPORTED_ASSIGNOR', 'KAFKA_UNSUPPORTED_ASSIGNOR'],
    ['GROUP_AUTHORIZATION_FAILED', 'KAFKA_GROUP_AUTHORIZATION_FAILED'],
    // The feature group.version is not there.
    ['UNSUPPORTED_VERSION', 'KAFKA_GROUP_PROTOCOL_UNSUPPORTED'],
  ] as const)('throws %s from poll, and tries again with the next one', async (name, code) => {
    const { system, consumer, group, listener, poll, owned } = await setUp()
    group.errorCode = ErrorCode[name]
    consumer.subscribe(['t'], listener)
    await expect(poll()).rejects.toMatchObject({ code })
    group.errorCode = ErrorCode.NONE
    await poll()
    expect(owned()).toEqual([0, 1])
    await system.run(consumer.close())
  })

  it('does not exist for a broker that is too old', async () => {
    const { system, cluster, consumer, poll } = await setUp()
    cluster.versions.set('ConsumerGroupHeartbeat', [9, 9])
    consumer.subscribe(['t'])
    await expect(poll()).rejects.toMatchObject({
      code: 'KAFKA_GROUP_PROTOCOL_UNSUPPORTED',
      fix: expect.stringContaining("groupProtocol to 'classic'"),
    })
    await system.run(consumer.close())
  })

  it('commits again under the epoch that the coordinator wants', async () => {
    const { system, cluster, consumer, heartbeats, group, poll } = await setUp({ enableAutoCommit: false })
    consumer.subscribe(['t'])
    await poll(2)
    const refusals = [ErrorCode.STALE_MEMBER_EPOCH]
    cluster.override(OffsetCommit, ({ body }) => {
      const errorCode = refusals.shift()
      if (errorCode === undefined) return undefined
      group.epoch = 8
      group.next = [0, 1]
      const topics = body.topics.map(({ name, topicId, partitions }) => {
        return { name, topicId, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })) }
      })
      return { topics }
    })
    const committing = consumer.commit([{ topic: 't', partition: 0, offset: 1 }])
    await system.run(Promise.all([committing, system.pass(6_000)]))
    expect(cluster.offsets.get('g/t-0')).toBe(1)
    expect(heartbeats.length).toBeGreaterThan(2)
    await system.run(consumer.close())
  })

  it('subscribes by a pattern that the broker matches, and learns the names of what it is given', async () => {
    const { system, consumer, heartbeats, poll, owned } = await setUp()
    consumer.subscribe({ pattern: 't.*' })
    await poll()
    expect(heartbeats[0]).toMatchObject({ subscribedTopicNames: [], subscribedTopicRegex: 't.*' })
    expect(owned()).toEqual([0, 1])
    await system.run(consumer.close())
  })
})

describe('a consumer', () => {
  it('subscribes by a regular expression that it matches itself, also what comes later', async () => {
    const { system, cluster, consumer, heartbeats, poll } = await setUp({ metadataMaxAgeMs: 1_000 })
    cluster.createTopic('other', 1)
    consumer.subscribe(/^t/g)
    await system.pass(200)
    await poll()
    expect(consumer.subscription()).toEqual(['t'])
    cluster.createTopic('t2', 1)
    await system.pass(2_000)
    expect(consumer.subscription()).toEqual(['t', 't2'])
    await system.pass(6_000)
    expect(heartbeats.at(-1)?.subscribedTopicNames ?? heartbeats.at(-2)?.subscribedTopicNames).toEqual(['t', 't2'])
    await system.run(consumer.close())
  })

  it('refuses what the protocol of its group has no use for', async () => {
    const { system, consumer } = await setUp()
    const options = { bootstrapServers: 'broker:9000', system, groupId: 'g' }
    expect(() => new KafkaConsumer({ ...options, groupProtocol: 'consumer', sessionTimeoutMs: 1 })).toThrow(
      'sessionTimeoutMs',
    )
    expect(() => new KafkaConsumer({ ...options, groupRemoteAssignor: 'uniform' })).toThrow('groupRemoteAssignor')
    const classic = new KafkaConsumer(options)
    expect(() => classic.subscribe({ pattern: 't' })).toThrow("groupProtocol 'consumer'")
    await system.run(Promise.all([consumer.close(), classic.close()]))
  })

  it('is closed within seconds when the cluster is gone', async () => {
    const { system, cluster, consumer, poll } = await setUp()
    consumer.subscribe(['t'])
    await poll(2)
    await cluster.stopBroker(0)
    const before = system.clock.monotonic()
    await system.run(consumer.close())
    expect(system.clock.monotonic() - before).toBeLessThan(8_000)
  })
})
