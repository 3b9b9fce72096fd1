/**
 * OffsetFetch (9): the committed offsets of a group, or of many from version 8 on (KIP-709); -1 where there is none.
 *
 * `topics` null asks for all that the group has. From version 9 on a member says who it is, and is refused when its epoch is not
 * the present one (KIP-848). With `requireStable` (KIP-447, from version 7 on) an offset that an open transaction is about to
 * replace is answered with UNSTABLE_OFFSET_COMMIT. Version 10 uses topic ids. Offsets of a topic that was deleted are not those of its successor.
 */
import { ErrorCode, OffsetFetch } from '@millrace/kafka'
import { bytesEqual } from '@millrace/std'
import type { OffsetReader } from '../groups/group.ts'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import { noTopicId, type OffsetValue } from '../groups/group-records.ts'
import type { CommittedOffsets } from '../groups/offset-store.ts'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'

interface Wanted {
  readonly name: string
  readonly topicId: Uint8Array
  readonly partitionIndexes: readonly number[]
  readonly errorCode: number
}

const anyone: OffsetReader = { memberId: null, memberEpoch: -1 }

export function registerOffsetFetch(registry: HandlerRegistry, groups: GroupCoordinator, topics: TopicCatalog): void {
  function offsetsOf(
    groupId: string,
    reader: OffsetReader,
    wanted: readonly Wanted[] | null,
    options: { byId: boolean; requireStable: boolean },
  ) {
    return coordinate(
      groups.readOffsets(groupId, reader, (stored, isPending) =>
        answersFrom(stored, wanted, options.byId, options.requireStable ? isPending : () => false),
      ),
    )
  }

  function answersFrom(
    stored: CommittedOffsets,
    wanted: readonly Wanted[] | null,
    byId: boolean,
    isUnstable: (topic: string, partition: number) => boolean,
  ) {
    const asked =
      wanted ??
      [...stored].flatMap(([name, partitions]): Wanted[] => {
        const topicId = topics.get(name)?.id
        if (byId && !topicId) return []
        const partitionIndexes = [...partitions.keys()]
        return [{ name, topicId: topicId ?? noTopicId, partitionIndexes, errorCode: ErrorCode.NONE }]
      })
    return asked.map(({ name, topicId, partitionIndexes, errorCode }) => {
      const currentId = topics.get(name)?.id
      return {
        name,
        topicId,
        partitions: partitionIndexes.map((index) => {
          if (errorCode === ErrorCode.NONE && isUnstable(name, index)) {
            return offsetAnswer(index, undefined, ErrorCode.UNSTABLE_OFFSET_COMMIT)
          }
          const value = stored.get(name)?.get(index)
          return offsetAnswer(index, value && isOf(value, currentId) ? value : undefined, errorCode)
        }),
      }
    })
  }

  registry.registerSimple({
    api: OffsetFetch,
    versions: [1, 10],
    async handle(request, { version }) {
      if (version < 8) {
        const wanted =
          request.topics?.map((topic) => ({ ...topic, topicId: noTopicId, errorCode: ErrorCode.NONE })) ?? null
        const answer = await offsetsOf(request.groupId, anyone, wanted, {
          byId: false,
          requireStable: request.requireStable,
        })
        return typeof answer === 'string' ? { topics: [], errorCode: ErrorCode[answer] } : { topics: answer }
      }
      const answers = request.groups.map(async ({ groupId, memberId, memberEpoch, topics: asked }) => {
        const wanted = asked?.map(({ name, topicId, partitionIndexes }): Wanted => {
          if (version < 10) return { name, topicId, partitionIndexes, errorCode: ErrorCode.NONE }
          const topic = topics.getById(topicId)
          const errorCode = topic ? ErrorCode.NONE : ErrorCode.UNKNOWN_TOPIC_ID
          return { name: topic?.name ?? '', topicId, partitionIndexes, errorCode }
        })
        const answer = await offsetsOf(groupId, { memberId, memberEpoch }, wanted ?? null, {
          byId: version >= 10,
          requireStable: request.requireStable,
        })
        if (typeof answer === 'string') return { groupId, topics: [], errorCode: ErrorCode[answer] }
        return { groupId, topics: answer }
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

/** Offsets that were stored without a topic id count for whatever topic has the name now. */
function isOf(value: OffsetValue, topicId: Uint8Array | undefined): boolean {
  return topicId === undefined || bytesEqual(value.topicId, noTopicId) || bytesEqual(value.topicId, topicId)
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
