/**
 * AlterPartitionReassignments (45): moves partitions to other brokers (KIP-455). There is one broker: a partition can only be
 * assigned to where it is, and nothing is ever on its way.
 */
import { AlterPartitionReassignments, ErrorCode } from '@millrace/kafka'
import type { Brokers } from '../metadata/brokers.ts'
import { assignmentProblem, type CommandError, refusal } from '../metadata/topic-commands.ts'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerAlterPartitionReassignments(
  registry: HandlerRegistry,
  { topics, brokers }: { topics: TopicCatalog; brokers: Brokers },
): void {
  registry.registerSimple({
    api: AlterPartitionReassignments,
    versions: [0, 1],
    handle: ({ topics: asked, allowReplicationFactorChange }) => ({
      allowReplicationFactorChange,
      responses: asked.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, replicas }) => ({
          partitionIndex,
          ...(problem(name, partitionIndex, replicas) ?? { errorCode: ErrorCode.NONE, errorMessage: null }),
        })),
      })),
    }),
    errorResponse: ({ topics: asked }, errorCode) => ({
      errorCode,
      responses: asked.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      })),
    }),
  })

  function problem(
    name: string,
    index: number,
    replicas: readonly number[] | null,
  ): { errorCode: number; errorMessage: string | null } | undefined {
    const unknown = (message: string): CommandError => refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, message)
    if (!topics.get(name)) return unknown(`Unable to find a topic named ${name}.`)
    if (!topics.partition(name, index)) return unknown(`Unable to find partition ${name}:${index}.`)
    if (replicas === null) return { errorCode: ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, errorMessage: null }
    return assignmentProblem(replicas, brokers.ids)
  }
}
