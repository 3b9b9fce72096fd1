import { describe, expect, it } from 'vitest'
import { KafkaAdmin } from '../../src/client/index.ts'
import {
  CreateTopics,
  DeleteTopics,
  DescribeConfigs,
  DescribeGroups,
  ListGroups,
  Metadata,
} from '../../src/definitions/index.ts'
import { ErrorCode } from '../../src/errors/index.ts'
import { FakeCluster } from './support/fake-cluster.ts'
import { VirtualSystem } from './support/virtual-system.ts'

async function setUp(brokers = 1) {
  const system = new VirtualSystem()
  const cluster = await FakeCluster.start(system, brokers)
  const admin = new KafkaAdmin({ bootstrapServers: cluster.bootstrapServers, system })
  return { system, cluster, admin }
}

describe('KafkaAdmin', () => {
  it('creates topics by way of the controller and waits until they have leaders', async () => {
    const { system, cluster, admin } = await setUp(3)
    cluster.override(CreateTopics, ({ body }) => {
      const [topic] = body.topics
      for (const log of cluster.createTopic(topic?.name ?? '', topic?.numPartitions ?? 0)) log.leader = -1
      system.timers.schedule(3_000, () => {
        for (const log of cluster.topics.get('t')?.logs ?? []) log.leader = 0
      })
      return { topics: [{ name: topic?.name ?? '' }] }
    })
    await system.run(admin.createTopics([{ topic: 't', partitions: 2, configs: { 'retention.ms': 5 } }]))
    expect(system.clock.monotonic()).toBeGreaterThanOrEqual(3_000)
    const request = cluster.requests.find(({ api }) => api === CreateTopics)
    expect(request).toMatchObject({
      nodeId: 0,
      body: { topics: [{ numPartitions: 2, replicationFactor: -1, configs: [{ name: 'retention.ms', value: '5' }] }] },
    })
    const [description] = await system.run(admin.describeTopics(['t']))
    expect(description).toMatchObject({ topic: 't', partitions: [{ leader: 0 }, { leader: 0 }] })
    expect(description?.topicId).toHaveLength(22)
    await admin.close()
  })

  it('asks again when the controller moves, and passes on what the broker says', async () => {
    const { system, cluster, admin } = await setUp()
    const answers = [ErrorCode.NOT_CONTROLLER, ErrorCode.TOPIC_ALREADY_EXISTS]
    cluster.override(CreateTopics, () => {
      const errorCode = answers.shift() ?? ErrorCode.UNKNOWN_SERVER_ERROR
      return { topics: [{ name: 't', errorCode, errorMessage: `number ${2 - answers.length}` }] }
    })
    await expect(system.run(admin.createTopics([{ topic: 't' }]))).rejects.toMatchObject({
      code: 'KAFKA_TOPIC_ALREADY_EXISTS',
      message: expect.stringContaining('Creating topic t failed: TOPIC_ALREADY_EXISTS: number 2'),
    })
    await admin.close()
  })

  it('says at once that a topic does not exist', async () => {
    const { system, admin } = await setUp()
    const missing = { code: 'KAFKA_UNKNOWN_TOPIC_OR_PARTITION' }
    await expect(system.run(admin.describeTopics(['nope']))).rejects.toMatchObject(missing)
    const query = { topic: 'nope', partition: 0, at: 'latest' } as const
    await expect(system.run(admin.listOffsets([query]))).rejects.toMatchObject(missing)
    expect(system.clock.monotonic()).toBeLessThan(100)
    await admin.close()
  })

  it('lists topics without those that Kafka keeps for itself', async () => {
    const { system, cluster, admin } = await setUp()
    cluster.override(Metadata, () => ({
      brokers: [{ nodeId: 0, host: 'broker', port: 9000 }],
      topics: [
        { name: 'b', partitions: [] },
        { name: '__consumer_offsets', isInternal: true, partitions: [] },
        { name: 'a', partitions: [] },
      ],
    }))
    expect((await system.run(admin.listTopics())).map(({ topic }) => topic)).toEqual(['a', 'b'])
    expect(await system.run(admin.listTopics({ includeInternal: true }))).toHaveLength(3)
    await admin.close()
  })

  it('deletes topics by name in each version of the request', async () => {
    for (const version of [1, 5, 6]) {
      const { system, cluster, admin } = await setUp()
      cluster.versions.set('DeleteTopics', [1, version])
      const asked: unknown[] = []
      cluster.override(DeleteTopics, ({ body }) => {
        asked.push(version >= 6 ? body.topics[0]?.name : body.topicNames[0])
        return { responses: [{ name: 't' }] }
      })
      await system.run(admin.deleteTopics(['t']))
      expect(asked).toEqual(['t'])
      await admin.close()
    }
  })

  it('gathers the groups of all brokers, and calls an unknown one dead', async () => {
    const { system, cluster, admin } = await setUp(2)
    cluster.on(ListGroups, ({ nodeId }) => ({
      groups: [{ groupId: `g${1 - nodeId}`, protocolType: 'consumer', groupState: 'Empty' }],
    }))
    cluster.on(DescribeGroups, ({ body }) => {
      const [groupId = ''] = body.groups
      const errorCode = ErrorCode.GROUP_ID_NOT_FOUND
      return { groups: [{ groupId, errorCode, groupState: '', protocolType: '', protocolData: '', members: [] }] }
    })
    expect((await system.run(admin.listGroups())).map(({ groupId }) => groupId)).toEqual(['g0', 'g1'])
    expect(await system.run(admin.describeGroups(['x']))).toMatchObject([{ groupId: 'x', state: 'Dead', members: [] }])
    await admin.close()
  })

  it('reads and sets the offsets of a group', async () => {
    const { system, cluster, admin } = await setUp()
    cluster.createTopic('t', 1)
    await system.run(admin.alterOffsets('g', [{ topic: 't', partition: 0, offset: 7 }]))
    expect(cluster.offsets.get('g/t-0')).toBe(7)
    const partitions = [{ topic: 't', partition: 0 }]
    expect(await system.run(admin.fetchOffsets('g', { partitions }))).toMatchObject([{ offset: 7 }])
    await admin.close()
  })

  it('marks settings that nobody changed', async () => {
    const { system, cluster, admin } = await setUp()
    cluster.on(DescribeConfigs, ({ body }) => {
      const [resource] = body.resources
      const entry = (name: string, configSource: number) => {
        return {
          name,
          value: '1',
          readOnly: false,
          configSource,
          isSensitive: false,
          synonyms: [],
          documentation: null,
        }
      }
      const configs = [entry('a', 1), entry('b', 5)]
      const { resourceType = 0, resourceName = '' } = resource ?? {}
      return { results: [{ resourceType, resourceName, configs }] }
    })
    const settings = await system.run(admin.describeConfigs({ type: 'topic', name: 't' }))
    expect(settings.map(({ name, isDefault }) => [name, isDefault])).toEqual([
      ['a', false],
      ['b', true],
    ])
    await admin.close()
  })

  it('gives up after its timeout, naming what went wrong last', async () => {
    const system = new VirtualSystem()
    const admin = new KafkaAdmin({ bootstrapServers: 'nobody:1,nowhere:2', system, defaultApiTimeoutMs: 4_000 })
    await expect(system.run(admin.listTopics())).rejects.toMatchObject({
      code: 'KAFKA_TIMEOUT',
      message: expect.stringMatching(/within 4000 ms. Last: Cannot connect to the broker at (nobody:1|nowhere:2)/),
    })
    await admin.close()
  })
})
