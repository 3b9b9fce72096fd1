/**
 * DescribeProducers (61): the producers that partitions remember, with their open transactions (KIP-664).
 */
import { DescribeProducers, ErrorCode } from '@millrace/kafka'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import { leaderError } from './leader-error.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerDescribeProducers(registry: HandlerRegistry, topics: TopicCatalog): void {
  registry.registerSimple({
    api: DescribeProducers,
    versions: [0, 0],
    handle: (request, { client }) => ({
      topics: request.topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => {
          const partition = topics.partition(name, partitionIndex)
          if (!partition) {
            return { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, activeProducers: [] }
          }
          const errorCode = leaderError(partition, client.nodeId)
          if (errorCode !== ErrorCode.NONE) return { partitionIndex, errorCode, activeProducers: [] }
          return { partitionIndex, activeProducers: [...partition.log.producers()] }
        }),
      })),
    }),
    errorResponse: (request, errorCode) => ({
      topics: request.topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode, activeProducers: [] })),
      })),
    }),
  })
}
