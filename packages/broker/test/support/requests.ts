import { type Api, apis, type RequestInputOf } from '@millrace/kafka'
import { adminRequests } from './admin-requests.ts'
import { batchOf } from './raw-client.ts'
import { transactionRequests } from './transaction-requests.ts'

const noBytes = new Uint8Array(0)
const zeroId = new Uint8Array(16)

/** A request of each API that makes its handler do all it does, as far as the version carries it. */
const requests: Record<string, (version: number) => object> = {
  ...adminRequests,
  ...transactionRequests,
  Produce: (version) => ({
    acks: 1,
    timeoutMs: 100,
    topicData: [
      {
        ...(version >= 13 ? { topicId: zeroId } : { name: 'there' }),
        partitionData: [{ index: 0, records: batchOf(['x']) }],
      },
    ],
  }),
  Fetch: (version) => ({
    maxWaitMs: 0,
    minBytes: 1,
    isolationLevel: 1,
    topics: [
      {
        ...(version >= 13 ? { topicId: zeroId } : { topic: 'there' }),
        partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }],
      },
    ],
    forgottenTopicsData: [],
  }),
  ListOffsets: () => ({
    replicaId: -1,
    topics: [
      {
        name: 'there',
        partitions: [
          { partitionIndex: 0, timestamp: -2 },
          { partitionIndex: 9, timestamp: 5 },
        ],
      },
    ],
  }),
  Metadata: (version) => ({
    topics: [{ name: 'there' }, { name: 'not valid' }],
    includeTopicAuthorizedOperations: version >= 8,
    includeClusterAuthorizedOperations: version >= 8 && version <= 10,
  }),
  OffsetCommit: (version) => ({
    groupId: 'g',
    memberId: '',
    topics: [
      {
        ...(version >= 10 ? { topicId: zeroId } : { name: 'there' }),
        partitions: [
          {
            partitionIndex: 0,
            committedOffset: 1,
            committedLeaderEpoch: version >= 6 ? 0 : -1,
            committedMetadata: 'm',
          },
        ],
      },
    ],
  }),
  OffsetFetch: (version) =>
    version >= 8
      ? { groups: [{ groupId: 'g', topics: null }] }
      : { groupId: 'g', topics: [{ name: 'there', partitionIndexes: [0, 7] }] },
  FindCoordinator: (version) => (version >= 4 ? { coordinatorKeys: ['g'] } : { key: 'g' }),
  JoinGroup: (version) => ({
    groupId: `joined-${version}`,
    sessionTimeoutMs: 10_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: noBytes }],
  }),
  Heartbeat: () => ({ groupId: 'g', generationId: 1, memberId: 'm' }),
  LeaveGroup: (version) =>
    version >= 3 ? { groupId: 'g', members: [{ memberId: 'm' }] } : { groupId: 'g', memberId: 'm' },
  SyncGroup: () => ({ groupId: 'g', generationId: 1, memberId: 'm', assignments: [] }),
  DescribeGroups: (version) => ({ groups: ['g', 'unknown'], includeAuthorizedOperations: version >= 3 }),
  ListGroups: () => ({ statesFilter: [], typesFilter: [] }),
  ApiVersions: (version) => (version >= 3 ? { clientSoftwareName: 'test', clientSoftwareVersion: '1.0' } : {}),
  CreateTopics: (version) => ({
    topics: [
      { name: `made-${version}`, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
      { name: 'not valid', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
    ],
  }),
  DeleteTopics: (version) =>
    version >= 6
      ? { topics: [{ name: 'gone' }, { name: null, topicId: zeroId }], timeoutMs: 1 }
      : { topicNames: ['gone', `made-${version + 1}`], timeoutMs: 1 },
  DeleteRecords: () => ({ topics: [{ name: 'there', partitions: [{ partitionIndex: 0, offset: 0 }] }], timeoutMs: 1 }),
  InitProducerId: () => ({ transactionalId: null, transactionTimeoutMs: 1 }),
  OffsetForLeaderEpoch: () => ({ topics: [{ topic: 'there', partitions: [{ partition: 0, leaderEpoch: 0 }] }] }),
  DescribeConfigs: (version) => ({
    resources: [
      { resourceType: 2, resourceName: 'there', configurationKeys: null },
      { resourceType: 4, resourceName: '1', configurationKeys: null },
      { resourceType: 8, resourceName: '1', configurationKeys: null },
    ],
    includeSynonyms: true,
    includeDocumentation: version >= 3,
  }),
  CreatePartitions: () => ({
    topics: [{ name: 'there', count: 1, assignments: null }],
    timeoutMs: 1,
    validateOnly: false,
  }),
  OffsetDelete: () => ({ groupId: 'nobody', topics: [{ name: 'there', partitions: [{ partitionIndex: 0 }] }] }),
  ConsumerGroupHeartbeat: (version) => ({
    groupId: `heard-${version}`,
    memberId: 'm',
    memberEpoch: 0,
    rebalanceTimeoutMs: 10_000,
    subscribedTopicNames: ['there'],
    topicPartitions: [],
  }),
  ConsumerGroupDescribe: () => ({ groupIds: ['heard-1', 'unknown'], includeAuthorizedOperations: true }),
  DeleteGroups: () => ({ groupsNames: ['nobody'] }),
  DescribeCluster: (version) => ({
    includeClusterAuthorizedOperations: true,
    ...(version >= 2 ? { includeFencedBrokers: false } : {}),
  }),
}

/** The APIs that there is a request of. */
export const apisWithRequest: readonly Api[] = apis.filter(({ name }) => name in requests)

/** A request that makes the handler of its API do all it does, as far as the version carries it. */
export function requestOf(api: Api, version: number): RequestInputOf<Api> {
  const request = requests[api.name]
  if (!request) throw new Error(`there is no request for ${api.name}`)
  return request(version) as RequestInputOf<Api>
}
