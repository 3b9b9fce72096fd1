import { describe, expect, it } from 'vitest'
import { Cluster } from '../../src/client/cluster/cluster.ts'
import { ClusterMetadata } from '../../src/client/cluster/metadata.ts'
import { CLIENT_DEFAULTS, parseBootstrapServers } from '../../src/client/cluster/options.ts'
import { Metadata, type MetadataResponse } from '../../src/definitions/index.ts'
import { FakeCluster } from './support/fake-cluster.ts'
import { VirtualSystem } from './support/virtual-system.ts'

function makeCluster(system: VirtualSystem, bootstrapServers: string, options: object = {}) {
  const addresses = parseBootstrapServers(bootstrapServers)
  const resolved = { ...CLIENT_DEFAULTS, ...options, system, bootstrapServers: addresses }
  return new Cluster(resolved, { allowAutoTopicCreation: false })
}

describe('Cluster', () => {
  it('asks one bootstrap server after the other until one answers', async () => {
    const system = new VirtualSystem()
    const fake = await FakeCluster.start(system)
    const cluster = makeCluster(system, `dead:1,gone:2,${fake.bootstrapServers}`)
    await system.run(cluster.refresh())
    expect([...cluster.metadata.brokers.keys()]).toEqual([0])
    cluster.close()
  })

  it('calls a broker that is down with growing pauses', async () => {
    const system = new VirtualSystem()
    const attempts: number[] = []
    const { connect } = system.network
    system.network.connect = (target, accept) => {
      attempts.push(system.clock.monotonic())
      return connect(target, accept)
    }
    const cluster = makeCluster(system, 'down:1')
    cluster.requestRefresh()
    await system.pass(20_000)
    const pauses = attempts.slice(1).map((time, i) => time - (attempts[i] as number))
    expect(pauses[0]).toBeLessThan(200)
    expect(Math.min(...pauses.slice(6))).toBeGreaterThan(700)
    expect(Math.max(...pauses)).toBeLessThan(1_300)
    cluster.close()
    const before = attempts.length
    await system.pass(60_000)
    expect(attempts.length).toBe(before)
  })

  it('shares one request for metadata among those who ask at once, and asks again for a topic that is new', async () => {
    const system = new VirtualSystem()
    const fake = await FakeCluster.start(system)
    for (const name of ['a', 'b']) fake.createTopic(name, 1)
    const cluster = makeCluster(system, fake.bootstrapServers)
    const timeoutMs = 1_000
    cluster.follow(['a'])
    await system.run(Promise.all([cluster.refresh(), cluster.refresh(), cluster.topic('a', { timeoutMs })]))
    expect(fake.countOf(Metadata)).toBe(1)
    await system.run(Promise.all([cluster.refresh(), cluster.topic('b', { timeoutMs })]))
    expect(cluster.metadata.topics.has('b')).toBe(true)
    expect(fake.countOf(Metadata)).toBeLessThanOrEqual(3)
    cluster.close()
  })

  it('fetches metadata again when it is old', async () => {
    const system = new VirtualSystem()
    const fake = await FakeCluster.start(system)
    const cluster = makeCluster(system, fake.bootstrapServers, { metadataMaxAgeMs: 10_000 })
    await system.run(cluster.refresh())
    await system.pass(35_000)
    expect(fake.countOf(Metadata)).toBe(4)
    cluster.close()
  })
})

describe('ClusterMetadata', () => {
  const answer = (leaderId: number, leaderEpoch: number, id = 1): MetadataResponse => ({
    throttleTimeMs: 0,
    brokers: [0, 1].map((nodeId) => ({ nodeId, host: 'h', port: nodeId + 1, rack: null })),
    clusterId: 'c',
    controllerId: 0,
    clusterAuthorizedOperations: 0,
    errorCode: 0,
    topics: [
      {
        errorCode: 0,
        name: 't',
        topicId: new Uint8Array(16).fill(id),
        isInternal: false,
        topicAuthorizedOperations: 0,
        partitions: [
          {
            errorCode: 0,
            partitionIndex: 0,
            leaderId,
            leaderEpoch,
            replicaNodes: [],
            isrNodes: [],
            offlineReplicas: [],
          },
        ],
      },
    ],
  })

  it('does not go back to an earlier leader, unless the topic is a new one of the same name', () => {
    const metadata = new ClusterMetadata()
    metadata.update(answer(0, 5))
    metadata.update(answer(1, 4))
    expect(metadata.partition('t', 0)?.leader).toBe(0)
    metadata.update(answer(1, 6))
    expect(metadata.partition('t', 0)?.leader).toBe(1)
    metadata.update(answer(0, 0, 2))
    expect(metadata.partition('t', 0)).toMatchObject({ leader: 0, leaderEpoch: 0 })
  })

  it('takes a newer leader from an answer that names it', () => {
    const metadata = new ClusterMetadata()
    metadata.update(answer(0, 5))
    expect(metadata.updateLeader('t', 0, 1, 5)).toBe(false)
    expect(metadata.updateLeader('t', 0, 9, 6)).toBe(false)
    expect(metadata.updateLeader('t', 0, 1, 6)).toBe(true)
    expect(metadata.partition('t', 0)?.leader).toBe(1)
  })
})
