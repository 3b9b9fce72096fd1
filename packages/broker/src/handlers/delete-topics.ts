/**
 * DeleteTopics (20): deletes topics by name, from version 6 also by id (KIP-516). Durable before the answer; the offsets
 * that groups have in them go as well.
 */
import { DeleteTopics, ErrorCode } from '@millrace/kafka'
import { uuidToString } from '@millrace/std'
import type { ServerConfig } from '../config/server-config.ts'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import { isInternalTopic } from '../metadata/topic-name.ts'
import type { HandlerRegistry } from './registry.ts'

interface Named {
  readonly name: string | null
  readonly topicId: Uint8Array
}

const noId = new Uint8Array(16)

export function registerDeleteTopics(
  registry: HandlerRegistry,
  metadata: MetadataManager,
  groups: GroupCoordinator,
  server: ServerConfig,
): void {
  registry.registerSimple({
    api: DeleteTopics,
    versions: [1, 6],
    async handle(request, { version }) {
      const byTopic = new Map<string, Named[]>()
      for (const named of namedIn(request, version)) {
        const key = keyOf(named)
        byTopic.set(key, [...(byTopic.get(key) ?? []), named])
      }
      const answers = [...byTopic.values()].map((all) => {
        const [first, ...more] = all as [Named, ...Named[]]
        if (more.length === 0) return deleteOne(first, version)
        const name = all.find((named) => named.name !== null)?.name ?? null
        const topicId = all.find((named) => isGiven(named.topicId))?.topicId ?? noId
        return failed(
          { name, topicId },
          version,
          ErrorCode.INVALID_REQUEST,
          'The request names this topic more than once.',
        )
      })
      return { responses: await Promise.all(answers) }
    },
    errorResponse: (request, errorCode, version) => ({
      responses: namedIn(request, version).map((named) => failed(named, version, errorCode, null)),
    }),
  })

  /** The same for a topic's name and its id. */
  function keyOf({ name, topicId }: Named): string {
    const id = name === null ? topicId : metadata.image.topics.get(name)?.id
    return id ? uuidToString(id) : `name ${name}`
  }

  async function deleteOne(named: Named, version: number) {
    const { name, topicId } = named
    if (!server['delete.topic.enable']) {
      const errorCode = version < 3 ? ErrorCode.INVALID_REQUEST : ErrorCode.TOPIC_DELETION_DISABLED
      return failed(named, version, errorCode, 'Topic deletion is disabled (delete.topic.enable).')
    }
    if ((name !== null) === isGiven(topicId)) {
      return failed(named, version, ErrorCode.INVALID_REQUEST, 'Give either the name or the id of a topic.')
    }
    if (name !== null && isInternalTopic(name)) {
      return failed(named, version, ErrorCode.INVALID_TOPIC_EXCEPTION, `'${name}' holds the state of a coordinator.`)
    }
    const deleted = await metadata.deleteTopic((image) =>
      name === null ? image.topicById(topicId) : image.topics.get(name),
    )
    if (!deleted) {
      const errorCode = name === null ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      return failed(named, version, errorCode, 'There is no such topic.')
    }
    groups.topicDeleted(deleted.name, deleted.id)
    return { name: deleted.name, topicId: deleted.id }
  }
}

function isGiven(topicId: Uint8Array): boolean {
  return topicId.some((byte) => byte !== 0)
}

function namedIn(
  request: { topics: readonly Named[]; topicNames: readonly string[] },
  version: number,
): readonly Named[] {
  return version >= 6 ? request.topics : request.topicNames.map((name) => ({ name, topicId: noId }))
}

function failed({ name, topicId }: Named, version: number, errorCode: number, errorMessage: string | null) {
  return { name: version >= 6 ? name : (name ?? ''), topicId, errorCode, errorMessage }
}
