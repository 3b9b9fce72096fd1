import {
  AddPartitionsToTxn,
  ConsumerGroupDescribe,
  DeleteGroups,
  DeleteRecords,
  DescribeGroups,
  DescribeLogDirs,
  DescribeProducers,
  ElectLeaders,
  EndTxn,
  ErrorCode,
  Fetch,
  FindCoordinator,
  Heartbeat,
  InitProducerId,
  ListGroups,
  ListOffsets,
  ListTransactions,
  Metadata,
  OffsetCommit,
  OffsetFetch,
  OffsetForLeaderEpoch,
  Produce,
  WriteTxnMarkers,
} from '@millrace/kafka'
import { setImmediate } from 'node:timers/promises'
import { MillraceError } from '@millrace/std'
import { expect, test } from 'vitest'
import { type Broker, startBroker } from '../src/index.ts'
import { batchOf, RawClient } from './support/raw-client.ts'

const { FENCED_LEADER_EPOCH, NONE, NOT_COORDINATOR, NOT_LEADER_OR_FOLLOWER, UNKNOWN_LEADER_EPOCH } = ErrorCode

async function cluster(): Promise<{ broker: Broker; clients: [RawClient, RawClient]; topicId: Uint8Array }> {
  const broker = await startBroker({
    port: 0,
    data: 'memory',
    brokers: 2,
    config: { 'node.id': 0, 'default.replication.factor': 2, 'auto.create.topics.enable': true },
  })
  const clients = await Promise.all(broker.nodes.map((node) => RawClient.connect(node)))
  const body = { topics: [{ name: 't' }], allowAutoTopicCreation: true }
  const { topics } = await (clients[0] as RawClient).call(Metadata, 12, body)
  return { broker, clients: clients as [RawClient, RawClient], topicId: topics[0]?.topicId as Uint8Array }
}

const produce = (topicId: Uint8Array, values = ['x']) => ({
  acks: 1,
  timeoutMs: 100,
  topicData: [{ topicId, partitionData: [{ index: 0, records: batchOf(values) }] }],
})

const fetch = (topicId: Uint8Array, currentLeaderEpoch = -1) => ({
  maxWaitMs: 0,
  minBytes: 1,
  topics: [{ topicId, partitions: [{ partition: 0, currentLeaderEpoch, fetchOffset: 0, partitionMaxBytes: 1_000 }] }],
  forgottenTopicsData: [],
})

test('whoever comes to a broker that does not lead is refused and told who does', async () => {
  const { broker, clients, topicId } = await cluster()
  await using _ = broker
  const leader = broker.leaderOf('t', 0)
  const right = clients[leader] as RawClient
  const wrong = clients[1 - leader] as RawClient
  const currentLeader = { leaderId: leader, leaderEpoch: 0 }
  const nodeEndpoints = [{ nodeId: leader, host: '127.0.0.1', port: broker.nodes[leader]?.port, rack: null }]

  const refused = await wrong.call(Produce, 13, produce(topicId))
  expect(refused.responses[0]?.partitionResponses[0]).toMatchObject({
    errorCode: NOT_LEADER_OR_FOLLOWER,
    currentLeader,
  })
  expect(refused.nodeEndpoints).toEqual(nodeEndpoints)
  expect((await right.call(Produce, 13, produce(topicId))).responses[0]?.partitionResponses[0]?.errorCode).toBe(NONE)
  // Its producers are recognised by their bytes by now; the check is made all the same.
  expect((await right.call(Produce, 13, produce(topicId))).responses[0]?.partitionResponses[0]?.errorCode).toBe(NONE)

  const fetched = await wrong.call(Fetch, 16, fetch(topicId))
  expect(fetched.responses[0]?.partitions[0]).toMatchObject({ errorCode: NOT_LEADER_OR_FOLLOWER, currentLeader })
  expect(fetched.nodeEndpoints).toEqual(nodeEndpoints)
  expect((await right.call(Fetch, 16, fetch(topicId))).responses[0]?.partitions[0]?.highWatermark).toBe(2)

  const partitions = [{ partitionIndex: 0, timestamp: -1 }]
  const offsets = (client: RawClient) =>
    client.call(ListOffsets, 7, { replicaId: -1, topics: [{ name: 't', partitions }] })
  expect((await offsets(wrong)).topics[0]?.partitions[0]?.errorCode).toBe(NOT_LEADER_OR_FOLLOWER)
  expect((await offsets(right)).topics[0]?.partitions[0]?.offset).toBe(2)

  const epochs = { topics: [{ topic: 't', partitions: [{ partition: 0, leaderEpoch: 0 }] }] }
  expect((await wrong.call(OffsetForLeaderEpoch, 4, epochs)).topics[0]?.partitions[0]?.errorCode).toBe(
    NOT_LEADER_OR_FOLLOWER,
  )
  const deletion = { topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 1 }] }], timeoutMs: 100 }
  expect((await wrong.call(DeleteRecords, 2, deletion)).topics[0]?.partitions[0]?.errorCode).toBe(
    NOT_LEADER_OR_FOLLOWER,
  )
  const producers = { topics: [{ name: 't', partitionIndexes: [0] }] }
  expect((await wrong.call(DescribeProducers, 0, producers)).topics[0]?.partitions[0]?.errorCode).toBe(
    NOT_LEADER_OR_FOLLOWER,
  )
  const marker = { producerId: 1, producerEpoch: 0, transactionResult: false, coordinatorEpoch: 0 }
  const markers = { markers: [{ ...marker, topics: [{ name: 't', partitionIndexes: [0] }] }] }
  expect((await wrong.call(WriteTxnMarkers, 1, markers)).markers[0]?.topics[0]?.partitions[0]?.errorCode).toBe(
    NOT_LEADER_OR_FOLLOWER,
  )
})

test('a fetch that waits is answered when the leader moves; the epoch tells old leaders from new ones', async () => {
  const { broker, clients, topicId } = await cluster()
  await using _ = broker
  const leader = broker.leaderOf('t', 0)
  const old = clients[leader] as RawClient
  const next = clients[1 - leader] as RawClient
  await old.call(Produce, 13, produce(topicId))
  const before = broker.metrics().requests
  const waiting = old.call(Fetch, 16, { ...fetch(topicId), minBytes: 1_000_000, maxWaitMs: 60_000 })
  while (broker.metrics().requests === before) await setImmediate()
  expect(broker.moveLeader('t', 0, 1 - leader)).toBe(true)
  expect((await waiting).responses[0]?.partitions[0]?.errorCode).toBe(NOT_LEADER_OR_FOLLOWER)
  const answer = await old.call(Produce, 13, produce(topicId))
  expect(answer.responses[0]?.partitionResponses[0]).toMatchObject({
    errorCode: NOT_LEADER_OR_FOLLOWER,
    currentLeader: { leaderId: 1 - leader, leaderEpoch: 1 },
  })
  const errorOf = async (client: RawClient, epoch: number) =>
    (await client.call(Fetch, 16, fetch(topicId, epoch))).responses[0]?.partitions[0]?.errorCode
  expect(await errorOf(next, 0)).toBe(FENCED_LEADER_EPOCH)
  expect(await errorOf(next, 1)).toBe(NONE)
  expect(await errorOf(next, 2)).toBe(UNKNOWN_LEADER_EPOCH)
  expect(await errorOf(old, 0)).toBe(FENCED_LEADER_EPOCH)
  await next.call(Produce, 13, produce(topicId, ['y']))
  const partitions = [0, 1, 2].map((leaderEpoch) => ({ partition: 0, leaderEpoch }))
  const ends = await next.call(OffsetForLeaderEpoch, 4, {
    topics: partitions.map((partition) => ({ topic: 't', partitions: [partition] })),
  })
  expect(ends.topics.map(({ partitions: [end] }) => [end?.leaderEpoch, end?.endOffset])).toEqual([
    [0, 1],
    [1, 2],
    [-1, -1],
  ])
})

test('groups and transactional ids have their coordinator; others refuse what they are asked of them', async () => {
  const { broker, clients } = await cluster()
  await using _ = broker
  const [client] = clients
  const keys = ['a', 'b', 'c', 'd', 'e', 'f']
  for (const [keyType, kind] of [
    [0, 'group'],
    [1, 'transaction'],
  ] as const) {
    const { coordinators } = await client.call(FindCoordinator, 4, { keyType, coordinatorKeys: keys })
    expect(coordinators.map(({ errorCode, nodeId, port }) => [errorCode, nodeId, port])).toEqual(
      keys.map((key) => {
        const id = broker.coordinatorOf(kind, key)
        return [NONE, id, broker.nodes[id]?.port]
      }),
    )
    expect(new Set(coordinators.map(({ nodeId }) => nodeId)).size).toBe(2)
  }
  const at = (kind: 'group' | 'transaction', id: number) =>
    keys.find((key) => broker.coordinatorOf(kind, key) === id) as string
  const [own, foreign] = [at('group', 0), at('group', 1)]

  for (const groupId of [own, foreign]) {
    const commit = {
      groupId,
      memberId: '',
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 3, committedMetadata: '' }] }],
    }
    const answers = await Promise.all(clients.map((each) => each.call(OffsetCommit, 8, commit)))
    const codes = answers.map(({ topics }) => topics[0]?.partitions[0]?.errorCode)
    expect(codes).toEqual(groupId === own ? [NONE, NOT_COORDINATOR] : [NOT_COORDINATOR, NONE])
  }
  expect(await client.call(Heartbeat, 4, { groupId: foreign, generationId: 1, memberId: 'm' })).toMatchObject({
    errorCode: NOT_COORDINATOR,
  })
  const fetched = await client.call(OffsetFetch, 8, {
    groups: [own, foreign].map((groupId) => ({ groupId, topics: null })),
  })
  expect(fetched.groups.map(({ groupId, errorCode, topics }) => [groupId, errorCode, topics.length])).toEqual([
    [own, NONE, 1],
    [foreign, NOT_COORDINATOR, 0],
  ])
  const described = await client.call(DescribeGroups, 5, { groups: [foreign, own], includeAuthorizedOperations: false })
  expect(described.groups.map(({ groupId, errorCode }) => [groupId, errorCode])).toEqual([
    [own, NONE],
    [foreign, NOT_COORDINATOR],
  ])
  const consumerGroups = { groupIds: [foreign], includeAuthorizedOperations: false }
  expect((await client.call(ConsumerGroupDescribe, 0, consumerGroups)).groups[0]?.errorCode).toBe(NOT_COORDINATOR)
  const listed = await Promise.all(clients.map((each) => each.call(ListGroups, 4, { statesFilter: [] })))
  expect(listed.map(({ groups }) => groups.map(({ groupId }) => groupId))).toEqual([[own], [foreign]])
  const deleted = await client.call(DeleteGroups, 2, { groupsNames: [own, foreign] })
  expect(deleted.results.map(({ groupId, errorCode }) => [groupId, errorCode])).toEqual([
    [own, NONE],
    [foreign, NOT_COORDINATOR],
  ])
})

test('transactional ids at the wrong broker', async () => {
  const { broker, clients } = await cluster()
  await using _ = broker
  const [client] = clients
  const keys = ['a', 'b', 'c', 'd', 'e', 'f']
  await client.call(FindCoordinator, 4, { keyType: 1, coordinatorKeys: keys })
  const [own, foreign] = [0, 1].map(
    (id) => keys.find((key) => broker.coordinatorOf('transaction', key) === id) as string,
  )
  const init = (transactionalId: string | null) =>
    client.call(InitProducerId, 4, { transactionalId, transactionTimeoutMs: 10_000, producerId: -1, producerEpoch: -1 })
  expect((await init(foreign as string)).errorCode).toBe(NOT_COORDINATOR)
  expect((await init(null)).errorCode).toBe(NONE)
  const { errorCode, ...producer } = await init(own as string)
  expect(errorCode).toBe(NONE)
  const end = { transactionalId: foreign as string, ...producer, committed: true }
  expect((await client.call(EndTxn, 3, end)).errorCode).toBe(NOT_COORDINATOR)
  const topics = [{ name: 't', partitions: [0] }]
  const added = await client.call(AddPartitionsToTxn, 3, {
    v3AndBelowTransactionalId: foreign as string,
    v3AndBelowProducerId: producer.producerId,
    v3AndBelowProducerEpoch: producer.producerEpoch,
    v3AndBelowTopics: topics,
  })
  expect(added.resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode).toBe(NOT_COORDINATOR)
  const filters = { stateFilters: [], producerIdFilters: [] }
  const listed = await Promise.all(clients.map((each) => each.call(ListTransactions, 0, filters)))
  expect(listed.map(({ transactionStates }) => transactionStates.length)).toEqual([1, 0])
})

test('leaders are elected on request', async () => {
  const { broker, clients } = await cluster()
  await using _ = broker
  const [client] = clients
  const preferred = broker.leaderOf('t', 0)
  const elect = async (electionType: number) => {
    const topicPartitions = [{ topic: 't', partitions: [0] }]
    const answer = await client.call(ElectLeaders, 2, { electionType, topicPartitions, timeoutMs: 100 })
    return answer.replicaElectionResults[0]?.partitionResult[0]?.errorCode
  }
  expect(await elect(0)).toBe(ErrorCode.ELECTION_NOT_NEEDED)
  broker.moveLeader('t', 0, 1 - preferred)
  expect(await elect(1)).toBe(ErrorCode.ELECTION_NOT_NEEDED)
  expect(await elect(0)).toBe(NONE)
  expect(broker.leaderOf('t', 0)).toBe(preferred)
  const dirs = await client.call(DescribeLogDirs, 4, { topics: [{ topic: 't', partitions: [0] }] })
  expect(dirs.results[0]?.topics).toHaveLength(1)
})

test('each broker takes the port behind the one before it; a number of brokers that cannot be is refused', async () => {
  await using probe = await startBroker({ port: 0, data: 'memory' })
  await expect(startBroker({ port: [0, probe.port], brokers: 2, data: 'memory' })).rejects.toMatchObject({
    code: 'BROKER_PORT_IN_USE',
  })
  for (const brokers of [0, 1.5, 101]) {
    await expect(startBroker({ port: 0, brokers, data: 'memory' })).rejects.toBeInstanceOf(MillraceError)
  }
})
