/**
 * DescribeTopicPartitions (75): topics in the order of their names, at most so many partitions in one answer; `nextCursor` says
 * where to go on (KIP-966). No topics asked for means all from the cursor on.
 */
import { DescribeTopicPartitions, type DescribeTopicPartitionsResponseInput, ErrorCode } from '@millrace/kafka'
import type { ServerConfig } from '../config/server-config.ts'
import type { Brokers } from '../metadata/brokers.ts'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import { topicNameProblem } from '../metadata/topic-name.ts'
import { topicOperations } from './authorized-operations.ts'
import { describePartition } from './partition-description.ts'
import type { HandlerRegistry } from './registry.ts'

type TopicAnswer = DescribeTopicPartitionsResponseInput['topics'][number]

const noId = new Uint8Array(16)

export function registerDescribeTopicPartitions(
  registry: HandlerRegistry,
  { topics, server, brokers }: { topics: TopicCatalog; server: ServerConfig; brokers: Brokers },
): void {
  registry.registerSimple({
    api: DescribeTopicPartitions,
    versions: [0, 0],
    handle({ topics: asked, responsePartitionLimit, cursor }) {
      const given = new Set(
        asked.length > 0 ? asked.map(({ name }) => name) : [...topics.all()].map(({ name }) => name),
      )
      if (cursor && (cursor.partitionIndex < 0 || (asked.length > 0 && !given.has(cursor.topicName)))) {
        return refused(asked, ErrorCode.INVALID_REQUEST)
      }
      const names = [...given].filter((name) => !cursor || name >= cursor.topicName).sort()
      let room = Math.max(1, Math.min(responsePartitionLimit, server['max.request.partition.size.limit']))
      const answers: TopicAnswer[] = []
      for (const name of names) {
        const first = cursor?.topicName === name ? cursor.partitionIndex : 0
        const count = topics.get(name)?.partitions.length ?? 0
        if (room === 0 && count > first)
          return { topics: answers, nextCursor: { topicName: name, partitionIndex: first } }
        const end = Math.min(count, first + room)
        answers.push(describe(name, first, end))
        room -= Math.max(0, end - first)
        if (end < count) return { topics: answers, nextCursor: { topicName: name, partitionIndex: end } }
      }
      return { topics: answers }
    },
    errorResponse: ({ topics: asked }, errorCode) => refused(asked, errorCode),
  })

  function describe(name: string, first: number, end: number): TopicAnswer {
    const topic = topics.get(name)
    if (!topic) {
      const errorCode = topicNameProblem(name)
        ? ErrorCode.INVALID_TOPIC_EXCEPTION
        : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      return { errorCode, name, topicId: noId, partitions: [], topicAuthorizedOperations: topicOperations }
    }
    return {
      errorCode: ErrorCode.NONE,
      name,
      topicId: topic.id,
      isInternal: topic.isInternal,
      partitions: topic.partitions.slice(first, end).map((partition) => ({
        ...describePartition(partition, brokers),
        eligibleLeaderReplicas: [],
        lastKnownElr: [],
      })),
      topicAuthorizedOperations: topicOperations,
    }
  }
}

function refused(asked: readonly { readonly name: string }[], errorCode: number) {
  return { topics: asked.map(({ name }) => ({ errorCode, name, topicId: noId, partitions: [] })) }
}
