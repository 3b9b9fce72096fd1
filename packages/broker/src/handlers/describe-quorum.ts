/**
 * DescribeQuorum (55): who keeps `__cluster_metadata` and how far they are (KIP-595): this node, which leads and lags behind
 * nobody.
 */
import { DescribeQuorum, ErrorCode, errorByCode } from '@millrace/kafka'
import type { Clock } from '@millrace/std'
import type { Brokers } from '../metadata/brokers.ts'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import { metadataTopicName } from '../metadata/topic-name.ts'
import type { HandlerRegistry } from './registry.ts'

/** The listener of controllers has the name that Apache Kafka's own examples give it. */
const controllerListener = 'CONTROLLER'
const nowhere = { host: '', port: -1 }
const nodesFrom = 2

export function registerDescribeQuorum(
  registry: HandlerRegistry,
  { metadata, brokers, clock }: { metadata: MetadataManager; brokers: Brokers; clock: Clock },
): void {
  registry.registerSimple({
    api: DescribeQuorum,
    versions: [0, 2],
    handle({ topics }, { version }) {
      const nodeId = brokers.controllerId
      const { host, port } = brokers.addressOf(nodeId) ?? nowhere
      const isAsked = topics.some(
        ({ topicName, partitions }) =>
          topicName === metadataTopicName && partitions.some(({ partitionIndex }) => partitionIndex === 0),
      )
      return {
        errorMessage: '',
        topics: topics.map(({ topicName, partitions }) => ({
          topicName,
          partitions: partitions.map(({ partitionIndex }) =>
            topicName === metadataTopicName && partitionIndex === 0
              ? describe(nodeId)
              : unknown(partitionIndex, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
          ),
        })),
        ...(version >= nodesFrom && {
          nodes: isAsked ? [{ nodeId, listeners: [{ name: controllerListener, host, port }] }] : [],
        }),
      }
    },
    errorResponse: ({ topics }, errorCode) => ({
      errorCode,
      topics: topics.map(({ topicName, partitions }) => ({
        topicName,
        partitions: partitions.map(({ partitionIndex }) => unknown(partitionIndex, errorCode)),
      })),
    }),
  })

  function describe(nodeId: number) {
    const now = clock.now()
    return {
      partitionIndex: 0,
      errorMessage: '',
      leaderId: nodeId,
      leaderEpoch: 0,
      highWatermark: metadata.log.highWatermark,
      currentVoters: [
        {
          replicaId: nodeId,
          replicaDirectoryId: new Uint8Array(16),
          logEndOffset: metadata.log.endOffset,
          lastFetchTimestamp: now,
          lastCaughtUpTimestamp: now,
        },
      ],
      observers: [],
    }
  }
}

function unknown(partitionIndex: number, errorCode: number) {
  return {
    partitionIndex,
    errorCode,
    errorMessage: errorByCode(errorCode).message,
    leaderId: 0,
    leaderEpoch: 0,
    highWatermark: 0,
    currentVoters: [],
    observers: [],
  }
}
