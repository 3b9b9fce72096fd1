import {
  AlterPartitionReassignments,
  AlterReplicaLogDirs,
  ApiVersions,
  DescribeCluster,
  DescribeLogDirs,
  DescribeQuorum,
  type DescribeQuorumResponse,
  ElectLeaders,
  ListPartitionReassignments,
  UpdateFeatures,
} from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { TopicPartition } from '../group/assignors/assignor.ts'
import { groupByTopic } from '../group/group-coordinator.ts'
import { throwError } from './admin-context.ts'
import type {
  AdminCallOptions,
  ClusterDescription,
  FeatureDescription,
  LogDirDescription,
  PartitionReassignment,
  PartitionResult,
  QuorumDescription,
  QuorumReplica,
} from './admin-types.ts'
import { TransactionAdmin } from './transaction-admin.ts'

const ELECTION_TYPES = { preferred: 0, unclean: 1 } as const
const UPGRADE_TYPES = { upgrade: 1, safeDowngrade: 2, unsafeDowngrade: 3 } as const

/**
 * Manages topics, settings, groups, transactions and the cluster, in the terms of Kafka's AdminClient.
 *
 * @example
 * await using admin = new KafkaAdmin({ bootstrapServers: 'localhost:9092' })
 * await admin.createTopics([{ topic: 'lines', partitions: 3 }])
 */
export class KafkaAdmin extends TransactionAdmin {
  async describeCluster(options: AdminCallOptions = {}): Promise<ClusterDescription> {
    const request = { includeClusterAuthorizedOperations: false, includeFencedBrokers: false }
    const what = 'Describing the cluster'
    const response = await this.context.toAny(what, DescribeCluster, request, options, (all) => all)
    const { clusterId, controllerId } = response
    const brokers = response.brokers.map(({ brokerId, host, port, rack }) => ({ nodeId: brokerId, host, port, rack }))
    return { clusterId, controllerId, brokers }
  }

  /** Where brokers (all without `nodeIds`) keep partitions, and how much room is left. */
  async describeLogDirs(
    options: AdminCallOptions & { nodeIds?: readonly number[]; topics?: readonly string[] } = {},
  ): Promise<LogDirDescription[]> {
    const what = 'Describing log directories'
    const { nodeIds, topics } = options
    const wanted = topics && new Set(topics)
    const found = await this.context.retry(what, options, () =>
      this.context.toBrokers(nodeIds, DescribeLogDirs, { topics: null }, (response, nodeId) => {
        throwError(what, response)
        return response.results.map((dir) => {
          throwError(`${what}: ${dir.logDir}`, dir)
          return {
            nodeId,
            path: dir.logDir,
            totalBytes: dir.totalBytes < 0n ? undefined : dir.totalBytes,
            usableBytes: dir.usableBytes < 0n ? undefined : dir.usableBytes,
            replicas: dir.topics
              .filter(({ name }) => wanted?.has(name) ?? true)
              .flatMap(({ name: topic, partitions }) =>
                partitions.map(({ partitionIndex: partition, partitionSize, offsetLag, isFutureKey }) => {
                  return { topic, partition, sizeBytes: partitionSize, offsetLag, isFuture: isFutureKey }
                }),
              ),
          }
        })
      }),
    )
    return found.flat()
  }

  /** Moves replicas of one broker to another of its directories (KIP-113). */
  async alterReplicaLogDirs(
    nodeId: number,
    moves: readonly (TopicPartition & { path: string })[],
    options: AdminCallOptions = {},
  ): Promise<PartitionResult[]> {
    const what = `Moving replicas of broker ${nodeId}`
    const paths = [...new Set(moves.map(({ path }) => path))]
    const dirs = paths.map((path) => ({
      path,
      topics: groupByTopic(moves.filter((move) => move.path === path)).map(([name, ofTopic]) => ({
        name,
        partitions: ofTopic.map(({ partition }) => partition),
      })),
    }))
    const response = await this.context.retry(what, options, () =>
      this.context.toBroker(nodeId, AlterReplicaLogDirs, { dirs }),
    )
    return response.results.flatMap(({ topicName, partitions }) =>
      partitions.map((result) => resultOf(what, topicName, result.partitionIndex, result)),
    )
  }

  /**
   * Elects leaders: the preferred replica, or with `unclean` one that may have lost records. Of all partitions when none
   * are given. A partition that needs no election comes back with ELECTION_NOT_NEEDED.
   */
  async electLeaders(
    kind: keyof typeof ELECTION_TYPES,
    partitions?: readonly TopicPartition[],
    options: AdminCallOptions = {},
  ): Promise<PartitionResult[]> {
    const what = 'Electing leaders'
    const topicPartitions =
      partitions === undefined
        ? null
        : groupByTopic(partitions).map(([topic, ofTopic]) => ({
            topic,
            partitions: ofTopic.map(({ partition }) => partition),
          }))
    const timeoutMs = this.context.timeout(options)
    const response = await this.context.toController(
      what,
      ElectLeaders,
      // Before version 1 there is only one kind.
      (version) => ({ topicPartitions, timeoutMs, ...(version >= 1 ? { electionType: ELECTION_TYPES[kind] } : {}) }),
      (answer) => [answer],
      options,
    )
    throwError(what, response)
    return response.replicaElectionResults.flatMap(({ topic, partitionResult }) =>
      partitionResult.map((result) => resultOf(what, topic, result.partitionId, result)),
    )
  }

  /** The Raft quorum that keeps the metadata (KIP-595). */
  async describeQuorum(options: AdminCallOptions = {}): Promise<QuorumDescription> {
    const what = 'Describing the quorum'
    const request = { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] }
    const response = await this.context.toAny(what, DescribeQuorum, request, options, (all) => all)
    const partition = response.topics[0]?.partitions[0]
    if (!partition) throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, what)
    throwError(what, partition)
    const { leaderId, leaderEpoch, highWatermark, currentVoters, observers } = partition
    return {
      leaderId,
      leaderEpoch,
      highWatermark,
      voters: currentVoters.map(describeReplica),
      observers: observers.map(describeReplica),
    }
  }

  /** Features that the cluster supports and what it has agreed on (KIP-584). */
  async describeFeatures(options: AdminCallOptions = {}): Promise<FeatureDescription[]> {
    const request = { clientSoftwareName: 'millrace', clientSoftwareVersion: '0.1.0' }
    const response = await this.context.toAny('Describing features', ApiVersions, request, options, (all) => all)
    const levels = new Map(response.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]))
    return response.supportedFeatures
      .map(({ name, minVersion, maxVersion }) => {
        return { name, level: levels.get(name) ?? 0, supported: [minVersion, maxVersion] as const }
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** @throws {KafkaError} FEATURE_UPDATE_FAILED, INVALID_UPDATE_VERSION */
  async updateFeatures(
    updates: readonly { name: string; level: number; kind?: keyof typeof UPGRADE_TYPES }[],
    options: AdminCallOptions & { validateOnly?: boolean } = {},
  ): Promise<void> {
    const what = 'Updating features'
    const { validateOnly = false } = options
    const timeoutMs = this.context.timeout(options)
    const response = await this.context.toController(
      what,
      UpdateFeatures,
      (version) => ({
        timeoutMs,
        featureUpdates: updates.map(({ name, level, kind = 'upgrade' }) => ({
          feature: name,
          maxVersionLevel: level,
          ...(version >= 1 ? { upgradeType: UPGRADE_TYPES[kind] } : { allowDowngrade: kind !== 'upgrade' }),
        })),
        ...(version >= 1 ? { validateOnly } : {}),
      }),
      (answer) => [answer],
      options,
    )
    throwError(what, response)
    for (const result of response.results ?? []) throwError(`Updating feature ${result.feature}`, result)
  }

  /** Moves partitions to other brokers; `replicas` null ends a move that is under way (KIP-455). */
  async alterPartitionReassignments(
    reassignments: readonly (TopicPartition & { replicas: readonly number[] | null })[],
    options: AdminCallOptions = {},
  ): Promise<PartitionResult[]> {
    const what = 'Reassigning partitions'
    const topics = groupByTopic(reassignments).map(([name, ofTopic]) => ({
      name,
      partitions: ofTopic.map(({ partition, replicas }) => ({ partitionIndex: partition, replicas })),
    }))
    const request = { timeoutMs: this.context.timeout(options), topics }
    const response = await this.context.toController(
      what,
      AlterPartitionReassignments,
      request,
      (answer) => [answer],
      options,
    )
    throwError(what, response)
    return response.responses.flatMap(({ name, partitions }) =>
      partitions.map((result) => resultOf(what, name, result.partitionIndex, result)),
    )
  }

  /** The moves that are under way: all, or those of some partitions. */
  async listPartitionReassignments(
    options: AdminCallOptions & { partitions?: readonly TopicPartition[] } = {},
  ): Promise<PartitionReassignment[]> {
    const what = 'Listing reassignments'
    const { partitions } = options
    const topics = partitions
      ? groupByTopic(partitions).map(([name, ofTopic]) => ({
          name,
          partitionIndexes: ofTopic.map(({ partition }) => partition),
        }))
      : null
    const request = { timeoutMs: this.context.timeout(options), topics }
    const response = await this.context.toController(
      what,
      ListPartitionReassignments,
      request,
      (answer) => [answer],
      options,
    )
    throwError(what, response)
    return response.topics.flatMap(({ name: topic, partitions: moving }) =>
      moving.map(({ partitionIndex: partition, replicas, addingReplicas, removingReplicas }) => {
        return { topic, partition, replicas, addingReplicas, removingReplicas }
      }),
    )
  }
}

type Replica = DescribeQuorumResponse['topics'][number]['partitions'][number]['currentVoters'][number]

function describeReplica({
  replicaId,
  logEndOffset,
  lastFetchTimestamp,
  lastCaughtUpTimestamp,
}: Replica): QuorumReplica {
  return { replicaId, logEndOffset, lastFetchTimestamp, lastCaughtUpTimestamp }
}

function resultOf(
  what: string,
  topic: string,
  partition: number,
  { errorCode, errorMessage }: { errorCode: number; errorMessage?: string | null },
): PartitionResult {
  const isDone = errorCode === ErrorCode.NONE
  const error = isDone ? undefined : new KafkaError(errorCode, `${what}: ${topic}-${partition}`, errorMessage)
  return { topic, partition, error }
}
