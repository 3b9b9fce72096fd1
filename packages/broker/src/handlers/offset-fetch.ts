/**
 * OffsetFetch (9): the committed offsets of a group, or of many from version 8 on (KIP-709); -1 where there is none.
 *
 * `topics` null asks for all that the group has. Version 10 uses topic ids. There are no open transactions to wait for, so
 * `requireStable` (KIP-447) is always met.
 */
import { ErrorCode, OffsetFetch } from '@millrace/kafka'
import type { CommittedOffsets, GroupCoordinator } from '../groups/group-coordinator.ts'
import type { OffsetValue } from '../groups/group-records.ts'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'

interface Wanted {
  readonly name: string
  readonly topicId: Uint8Array
  readonly partitionIndexes: readonly number[]
  readonly errorCode: number
}

const noTopicId = new Uint8Array(16)

export function registerOffsetFetch(registry: HandlerRegistry, groups: GroupCoordinator, topics: TopicCatalog): void {
  function offsetsOf(groupId: string, wanted: readonly Wanted[] | null, byId: boolean) {
    return coordinate(groups.readOffsets(groupId, (stored) => answersFrom(stored, wanted, byId)))
  }

  function answersFrom(stored: CommittedOffsets, wanted: readonly Wanted[] | null, byId: boolean) {
    const asked =
      wanted ??
      [...stored].flatMap(([name, partitions]): Wanted[] => {
        const topicId = topics.get(name)?.id
        if (byId && !topicId) return []
        const partitionIndexes = [...partitions.keys()]
        return [{ name, topicId: topicId ?? noTopicId, partitionIndexes, errorCode: ErrorCode.NONE }]
      })
    return asked.map(({ name, topicId, partitionIndexes, errorCode }) => ({
      name,
      topicId,
      partitions: partitionIndexes.map((index) => offsetAnswer(index, stored.get(name)?.get(index), errorCode)),
    }))
  }

  registry.registerSimple({
    api: OffsetFetch,
    versions: [1, 10],
    async handle(request, { version }) {
      if (version < 8) {
        const wanted =
          request.topics?.map((topic) => ({ ...topic, topicId: noTopicId, errorCode: ErrorCode.NONE })) ?? null
        return { topics: await offsetsOf(request.groupId, wanted, false) }
      }
      const answers = request.groups.map(async (group) => {
        const wanted = group.topics?.map(({ name, topicId, partitionIndexes }): Wanted => {
          if (version < 10) return { name, topicId, partitionIndexes, errorCode: ErrorCode.NONE }
          const topic = topics.getById(topicId)
          const errorCode = topic ? ErrorCode.NONE : ErrorCode.UNKNOWN_TOPIC_ID
          return { name: topic?.name ?? '', topicId, partitionIndexes, errorCode }
        })
        return { groupId: group.groupId, topics: await offsetsOf(group.groupId, wanted ?? null, version >= 10) }
      })
      return { groups: await Promise.all(answers) }
    },
    errorResponse: (request, errorCode, version) => {
      if (version >= 8) return { groups: request.groups.map(({ groupId }) => ({ groupId, topics: [], errorCode })) }
      // Version 1 has no error for the whole.
      const failed = (request.topics ?? []).map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((index) => offsetAnswer(index, undefined, errorCode)),
      }))
      return { topics: failed, errorCode }
    },
  })
}

function offsetAnswer(partitionIndex: number, value: OffsetValue | undefined, errorCode: number) {
  return {
    partitionIndex,
    committedOffset: value?.offset ?? -1,
    committedLeaderEpoch: value?.leaderEpoch ?? -1,
    metadata: value?.metadata ?? '',
    errorCode,
  }
}
