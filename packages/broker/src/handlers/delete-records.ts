/**
 * DeleteRecords (21): moves the start of partitions up to an offset, -1 for the high watermark (KIP-107).
 */
import { DeleteRecords, ErrorCode } from '@millrace/kafka'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import { leaderError } from './leader-error.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerDeleteRecords(registry: HandlerRegistry, topics: TopicCatalog): void {
  registry.registerSimple({
    api: DeleteRecords,
    versions: [0, 2],
    handle: (request, { client }) => ({
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, offset }) => {
          const topic = topics.get(name)
          const partition = topic?.partitions[partitionIndex]
          if (!partition) return failed(partitionIndex, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
          if (topic.isInternal) return failed(partitionIndex, ErrorCode.INVALID_TOPIC_EXCEPTION)
          if (!topic.config['cleanup.policy'].includes('delete')) {
            return failed(partitionIndex, ErrorCode.POLICY_VIOLATION)
          }
          const misled = leaderError(partition, client.nodeId)
          if (misled !== ErrorCode.NONE) return failed(partitionIndex, misled)
          const errorCode = partition.log.deleteRecordsBefore(offset)
          if (errorCode !== ErrorCode.NONE) return failed(partitionIndex, errorCode)
          return { partitionIndex, lowWatermark: partition.log.logStartOffset }
        }),
      })),
    }),
    errorResponse: (request, errorCode) => ({
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => failed(partitionIndex, errorCode)),
      })),
    }),
  })
}

function failed(partitionIndex: number, errorCode: number) {
  return { partitionIndex, lowWatermark: -1, errorCode }
}
