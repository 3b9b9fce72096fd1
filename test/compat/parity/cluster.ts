import {
  AlterPartitionReassignments,
  AlterReplicaLogDirs,
  ApiVersions,
  DescribeCluster,
  DescribeLogDirs,
  DescribeQuorum,
  DescribeTopicPartitions,
  ElectLeaders,
  ListPartitionReassignments,
  Metadata,
  OffsetForLeaderEpoch,
  UpdateFeatures,
} from '@millrace/kafka'
import type { Sequence } from './conversation.ts'

const upgrade = 1
const safeDowngrade = 2
const unsafeDowngrade = 3

/** What a cluster of one node answers to what is meant for many. */
export const clusterSequences: Sequence[] = [
  {
    name: 'features',
    async run(talk) {
      const served = new Set([
        'metadata.version',
        'transaction.version',
        'group.version',
        'eligible.leader.replicas.version',
      ])
      for (const version of [3, 4]) {
        const request = { clientSoftwareName: 'parity', clientSoftwareVersion: '1' }
        const { supportedFeatures, finalizedFeatures } = await talk.tell(ApiVersions, version, request)
        const known = <T extends { name: string }>(features: readonly T[]) =>
          features.filter(({ name }) => served.has(name))
        talk.note(`features (v${version})`, {
          supported: known(supportedFeatures),
          finalized: known(finalizedFeatures),
        })
      }
      const update = (feature: string, maxVersionLevel: number, upgradeType = upgrade) => ({
        feature,
        maxVersionLevel,
        upgradeType,
      })
      for (const version of [1, 2]) {
        for (const [label, ...featureUpdates] of [
          ['nothing'],
          ['unknown', update('x', 1)],
          ['as it is', update('group.version', 1)],
          ['too high', update('group.version', 9)],
          ['negative', update('group.version', -1)],
          ['down by an upgrade', update('group.version', 0)],
          ['down', update('group.version', 0, safeDowngrade)],
          ['down anyway', update('group.version', 0, unsafeDowngrade)],
          ['a strange type', update('group.version', 0, 7)],
          ['as it is, down', update('group.version', 1, safeDowngrade)],
          ['metadata down', update('metadata.version', 29, safeDowngrade)],
          ['metadata down anyway', update('metadata.version', 20, unsafeDowngrade)],
          ['metadata too low', update('metadata.version', 3, safeDowngrade)],
          ['one good, one not', update('group.version', 0, safeDowngrade), update('x', 1)],
        ] as const) {
          await talk.ask(label, UpdateFeatures, version, { featureUpdates, validateOnly: true })
        }
      }
    },
  },
  {
    name: 'DescribeTopicPartitions',
    async run(talk) {
      const first = (await talk.createTopic('pages-a', { partitions: 3 })).name
      const second = (await talk.createTopic('pages-b', { partitions: 2 })).name
      const unknown = talk.name('pages-z')
      const ask = (
        label: string,
        names: string[],
        responsePartitionLimit = 2_000,
        cursor: { topicName: string; partitionIndex: number } | null = null,
      ) =>
        talk.ask(label, DescribeTopicPartitions, 0, {
          topics: names.map((name) => ({ name })),
          responsePartitionLimit,
          cursor,
        })
      await ask('two', [second, first])
      await ask('the first two partitions', [first, second], 2)
      await ask('from a cursor', [first, second], 2, { topicName: first, partitionIndex: 2 })
      await ask('just one topic', [first, second], 3)
      await ask('just all', [first, second], 5)
      await ask('an unknown one', [unknown, first])
      await ask('an invalid one', ['in valid'])
      await ask('one twice', [first, first])
      await ask('a limit of none', [first], 0)
      await ask('a negative limit', [first], -5)
      await ask('a cursor at an unknown topic', [first, second], 9, { topicName: unknown, partitionIndex: 0 })
      await ask('a cursor before the first partition', [first], 9, { topicName: first, partitionIndex: -1 })
      await ask('a cursor behind the last partition', [first], 9, { topicName: first, partitionIndex: 9 })
    },
  },
  {
    name: 'ElectLeaders, reassignments',
    async run(talk) {
      const { name } = await talk.createTopic('elected', { partitions: 2 })
      const unknown = talk.name('unknown')
      for (const [electionType, version] of [
        [0, 0],
        [0, 2],
        [1, 2],
        [5, 2],
      ] as const) {
        await talk.ask(`type ${electionType}`, ElectLeaders, version, {
          ...(version > 0 && { electionType }),
          topicPartitions: [
            { topic: name, partitions: [0, 9] },
            { topic: unknown, partitions: [0] },
            { topic: 'in valid', partitions: [0] },
          ],
        })
      }
      await talk.ask('none', ElectLeaders, 2, { electionType: 0, topicPartitions: [] })
      for (const [label, topic, partitionIndex, replicas] of [
        ['where it is', name, 0, [1]],
        ['cancelled', name, 0, null],
        ['unknown partition', name, 9, [1]],
        ['unknown topic', unknown, 0, [1]],
        ['to nobody', name, 0, []],
        ['to a stranger', name, 0, [2]],
        ['to one twice', name, 0, [1, 1]],
        ['to two', name, 0, [1, 2]],
        ['to a negative broker', name, 0, [-1]],
      ] as const) {
        await talk.ask(label, AlterPartitionReassignments, 1, {
          topics: [{ name: topic, partitions: [{ partitionIndex, replicas: replicas && [...replicas] }] }],
        })
      }
      await talk.ask('all on their way', ListPartitionReassignments, 0, { topics: null })
      await talk.ask('some on their way', ListPartitionReassignments, 0, {
        topics: [
          { name, partitionIndexes: [0, 9] },
          { name: unknown, partitionIndexes: [0] },
        ],
      })
    },
  },
  {
    name: 'log directories, quorum',
    async run(talk) {
      const { name } = await talk.createTopic('stored', { partitions: 2 })
      const unknown = talk.name('unknown')
      for (const version of [1, 5]) {
        for (const topics of [
          [],
          [
            { topic: name, partitions: [0, 9] },
            { topic: unknown, partitions: [0] },
          ],
        ]) {
          const { errorCode, results } = await talk.tell(DescribeLogDirs, version, { topics })
          talk.note(`folders (v${version})`, {
            errorCode,
            results: results.map(({ logDir, totalBytes, usableBytes, ...rest }) => ({
              ...rest,
              isAbsolute: logDir.startsWith('/'),
            })),
          })
        }
      }
      const move = (path: string) =>
        talk.ask(path, AlterReplicaLogDirs, 2, { dirs: [{ path, topics: [{ name, partitions: [0, 1] }] }] })
      await move('/nowhere')
      await move('relative')
      await talk.ask('nothing', AlterReplicaLogDirs, 2, { dirs: [] })
      for (const [topicName, partitionIndex] of [
        ['__cluster_metadata', 0],
        ['__cluster_metadata', 1],
        [name, 0],
      ] as const) {
        for (const version of [0, 1, 2]) {
          const { errorCode, topics, nodes } = await talk.tell(DescribeQuorum, version, {
            topics: [{ topicName, partitions: [{ partitionIndex }] }],
          })
          const partition = topics[0]?.partitions[0]
          talk.note(`quorum of ${topicName === name ? 'a topic' : topicName} ${partitionIndex} (v${version})`, {
            errorCode,
            partitionError: partition?.errorCode,
            leaderId: partition?.leaderId,
            voters: partition?.currentVoters.map(({ replicaId, logEndOffset }) => ({
              replicaId,
              lag: logEndOffset - partition.highWatermark,
            })),
            observers: partition?.observers,
            nodes: nodes.map(({ nodeId, listeners }) => ({ nodeId, listeners: listeners.map((each) => each.name) })),
          })
        }
      }
    },
  },
  {
    name: 'what may be done, leader epochs',
    async run(talk) {
      const { name } = await talk.createTopic('allowed')
      await talk.ask('topics and cluster', Metadata, 9, {
        topics: [{ name }],
        includeClusterAuthorizedOperations: true,
        includeTopicAuthorizedOperations: true,
      })
      for (const version of [0, 1, 2]) {
        await talk.ask('the cluster', DescribeCluster, version, { includeClusterAuthorizedOperations: true })
      }
      await talk.ask('epochs of an empty partition', OffsetForLeaderEpoch, 4, {
        topics: [
          {
            topic: name,
            partitions: [
              { partition: 0, leaderEpoch: 0 },
              { partition: 0, leaderEpoch: 1 },
              { partition: 0, currentLeaderEpoch: 5, leaderEpoch: 0 },
              { partition: 9, leaderEpoch: 0 },
            ],
          },
        ],
      })
    },
  },
]
