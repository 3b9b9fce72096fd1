/**
 * OffsetForLeaderEpoch (23): where a leader epoch ended, so that a consumer can detect a truncated log (KIP-320).
 */
import { ErrorCode, OffsetForLeaderEpoch } from '@millrace/kafka'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import { leaderError } from './leader-error.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerOffsetForLeaderEpoch(registry: HandlerRegistry, topics: TopicCatalog): void {
  registry.registerSimple({
    api: OffsetForLeaderEpoch,
    versions: [2, 4],
    handle: (request, { client }) => ({
      topics: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition: index, currentLeaderEpoch, leaderEpoch }) => {
          const partition = topics.partition(topic, index)
          if (!partition) return { partition: index, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }
          const fenced = leaderError(partition, client.nodeId, currentLeaderEpoch)
          if (fenced !== ErrorCode.NONE) return { partition: index, errorCode: fenced }
          const found = partition.endOffsetForEpoch(leaderEpoch)
          return { partition: index, leaderEpoch: found.epoch, endOffset: found.endOffset }
        }),
      })),
    }),
    errorResponse: (request, errorCode) => ({
      topics: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition }) => ({ partition, errorCode })),
      })),
    }),
  })
}
