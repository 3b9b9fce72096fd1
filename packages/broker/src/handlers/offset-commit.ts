/**
 * OffsetCommit (8): stores offsets of a group, durably before the answer. The metadata string comes back unchanged.
 *
 * Versions 2 to 4 may ask for a retention time; from 6 on leader epochs are kept (KIP-320); 10 uses topic ids.
 */
import { ErrorCode, OffsetCommit } from '@millrace/kafka'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import type { Topic, TopicCatalog } from '../metadata/topic-catalog.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerOffsetCommit(registry: HandlerRegistry, groups: GroupCoordinator, topics: TopicCatalog): void {
  registry.registerSimple({
    api: OffsetCommit,
    versions: [2, 10],
    async handle(request, { version }) {
      const offsets: {
        topic: string
        partition: number
        offset: number
        leaderEpoch: number
        metadata: string
        topicId: Uint8Array
        answer: { partitionIndex: number; errorCode: number }
      }[] = []
      const answers = request.topics.map(({ name, topicId, partitions }) => {
        const topic: Topic | undefined = version >= 10 ? topics.getById(topicId) : topics.get(name)
        const unknown = version >= 10 ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        return {
          name,
          topicId,
          partitions: partitions.map((partition) => {
            const { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata } = partition
            const answer: { partitionIndex: number; errorCode: number } = { partitionIndex, errorCode: ErrorCode.NONE }
            if (!topic) answer.errorCode = unknown
            else if (!topic.partitions[partitionIndex]) answer.errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            else {
              offsets.push({
                topic: topic.name,
                partition: partitionIndex,
                offset: committedOffset,
                leaderEpoch: committedLeaderEpoch,
                metadata: committedMetadata ?? '',
                topicId: topic.id,
                answer,
              })
            }
            return answer
          }),
        }
      })
      if (offsets.length > 0 || request.topics.length === 0) {
        const errors = await coordinate(
          groups.commit({
            groupId: request.groupId,
            memberId: request.memberId,
            groupInstanceId: request.groupInstanceId,
            generationId: request.generationIdOrMemberEpoch,
            retentionTimeMs: request.retentionTimeMs,
            version,
            isTransactional: false,
            offsets,
          }),
        )
        for (const [i, { answer }] of offsets.entries()) answer.errorCode = ErrorCode[errors[i] ?? 'NONE']
      }
      return { topics: answers }
    },
    errorResponse: (request, errorCode) => ({
      topics: request.topics.map(({ name, topicId, partitions }) => ({
        name,
        topicId,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      })),
    }),
  })
}
