/**
 * Metadata (3): the brokers, and topics with their partitions.
 *
 * `topics` null asks for all (in version 0 an empty list does). From version 12 on topics may be asked for by id (KIP-516).
 * An unknown topic is created when the client and `auto.create.topics.enable` allow it; the answer then has it already.
 */
import { ErrorCode, Metadata, type MetadataRequest } from '@millrace/kafka'
import { uuidToString } from '@millrace/std'
import type { Brokers } from '../metadata/brokers.ts'
import type { ServerConfig } from '../config/server-config.ts'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import type { Topic, TopicCatalog } from '../metadata/topic-catalog.ts'
import { isCommandError } from '../metadata/topic-commands.ts'
import { topicNameProblem } from '../metadata/topic-name.ts'
import { describePartition } from './partition-description.ts'
import { clusterOperations, operationsNotAsked, topicOperations } from './authorized-operations.ts'
import { type HandlerRegistry, RequestError } from './registry.ts'

export interface MetadataHandlerOptions {
  readonly topics: TopicCatalog
  readonly metadata: MetadataManager
  readonly server: ServerConfig
  readonly clusterId: string
  readonly brokers: Brokers
}

type TopicRequest = NonNullable<MetadataRequest['topics']>[number]

const noId = new Uint8Array(16)
const idsFrom = 12

function isGiven(topicId: Uint8Array): boolean {
  return topicId.some((byte) => byte !== 0)
}

/** Each topic once, however often it was asked for. */
function distinct(topics: readonly TopicRequest[]): readonly TopicRequest[] {
  const byKey = new Map(
    topics.map((topic) => [isGiven(topic.topicId) ? uuidToString(topic.topicId) : `name ${topic.name}`, topic]),
  )
  return [...byKey.values()]
}

export function registerMetadata(registry: HandlerRegistry, options: MetadataHandlerOptions): void {
  const { topics, metadata, server, clusterId, brokers } = options

  registry.registerSimple({
    api: Metadata,
    versions: [0, 13],
    handle(request, { version }) {
      // KIP-516: the field came with version 10, its use with 12.
      if (version < idsFrom && request.topics?.some((topic) => topic.name === null || isGiven(topic.topicId))) {
        throw new RequestError(ErrorCode.INVALID_REQUEST, `Topics go by their ids from version ${idsFrom} on.`)
      }
      const mayCreate = request.allowAutoTopicCreation && server['auto.create.topics.enable']
      const asked =
        request.topics === null || (version === 0 && request.topics.length === 0) ? null : distinct(request.topics)
      const missing = mayCreate
        ? (asked ?? []).filter(({ name, topicId }) => name !== null && !isGiven(topicId) && isCreatable(name))
        : []
      if (missing.length === 0) return answer(asked, request, version)
      return create(missing).then(() => answer(asked, request, version))
    },
    errorResponse: (request, errorCode, version) => ({
      brokers: [],
      topics: (request.topics ?? []).map(({ name, topicId }) => ({
        errorCode,
        name: version >= 12 ? name : (name ?? ''),
        topicId,
        partitions: [],
      })),
      errorCode,
    }),
  })

  function answer(asked: readonly TopicRequest[] | null, request: MetadataRequest, version: number) {
    const operations = request.includeTopicAuthorizedOperations ? topicOperations : operationsNotAsked
    return {
      brokers: brokers.addresses(),
      clusterId,
      controllerId: brokers.controllerId,
      topics: asked
        ? asked.map((each) => describeAsked(each, version, operations))
        : [...topics.all()].map((topic) => describe(topic, operations)),
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? clusterOperations : operationsNotAsked,
    }
  }

  function describeAsked({ name, topicId }: TopicRequest, version: number, operations: number) {
    if (name === null || isGiven(topicId)) {
      const topic = topics.getById(topicId)
      if (topic) return describe(topic, operations)
      return { errorCode: ErrorCode.UNKNOWN_TOPIC_ID, name: version >= 12 ? null : '', topicId, partitions: [] }
    }
    const topic = topics.get(name)
    if (topic) return describe(topic, operations)
    const errorCode = topicNameProblem(name) ? ErrorCode.INVALID_TOPIC_EXCEPTION : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return { errorCode, name, topicId: noId, partitions: [] }
  }

  function describe(topic: Topic, topicAuthorizedOperations: number) {
    return {
      name: topic.name,
      topicId: topic.id,
      isInternal: topic.isInternal,
      partitions: topic.partitions.map((partition) => describePartition(partition, brokers)),
      topicAuthorizedOperations,
    }
  }

  function isCreatable(name: string): boolean {
    return topics.get(name) === undefined && topicNameProblem(name) === undefined
  }

  async function create(missing: readonly TopicRequest[]): Promise<void> {
    for (const { name } of missing) {
      const topic = { name: name as string, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [] }
      const result = await metadata.createTopic(topic, { validateOnly: false })
      // Someone else may have been faster; the answer shows what there is.
      if (isCommandError(result) && result.errorCode !== ErrorCode.TOPIC_ALREADY_EXISTS) return
    }
  }
}
