/**
 * OffsetDelete (47): deletes committed offsets of topics that no member of the group is subscribed to (KIP-496).
 */
import { ErrorCode, OffsetDelete } from '@millrace/kafka'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import { coordinate } from './coordinate.ts'
import { type HandlerRegistry, RequestError } from './registry.ts'

export function registerOffsetDelete(registry: HandlerRegistry, groups: GroupCoordinator, topics: TopicCatalog): void {
  registry.registerSimple({
    api: OffsetDelete,
    versions: [0, 0],
    async handle({ groupId, topics: asked }) {
      if (groupId === '') throw new RequestError(ErrorCode.INVALID_GROUP_ID, 'The group has no id.')
      const wanted = asked.flatMap(({ name, partitions }) =>
        partitions
          .filter(({ partitionIndex }) => topics.partition(name, partitionIndex))
          .map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
      )
      const { error, errors } = await coordinate(groups.deleteOffsets(groupId, wanted))
      if (error !== 'NONE') throw new RequestError(ErrorCode[error], `The offsets of '${groupId}' cannot be deleted.`)
      let next = 0
      return {
        topics: asked.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partitionIndex }) => ({
            partitionIndex,
            errorCode: topics.partition(name, partitionIndex)
              ? ErrorCode[errors[next++] ?? 'NONE']
              : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
          })),
        })),
      }
    },
    errorResponse: (_request, errorCode) => ({ errorCode, topics: [] }),
  })
}
