/**
 * CreateTopics (19): creates topics, or with `validateOnly` says whether they could be. Durable before the answer.
 *
 * From version 4 on -1 stands for the broker's defaults (KIP-464); 5 returns the configuration (KIP-525), 7 the id (KIP-516).
 */
import { CreateTopics, ErrorCode } from '@millrace/kafka'
import type { ServerConfig } from '../config/server-config.ts'
import type { TopicImage } from '../metadata/cluster-image.ts'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import { type CommandError, isCommandError } from '../metadata/topic-commands.ts'
import { describeTopicConfigs } from './config-entries.ts'
import { duplicates } from './duplicates.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerCreateTopics(registry: HandlerRegistry, metadata: MetadataManager, server: ServerConfig): void {
  registry.registerSimple({
    api: CreateTopics,
    versions: [2, 7],
    async handle({ topics, validateOnly }) {
      const twice = duplicates(topics.map(({ name }) => name))
      const distinct = topics.filter(
        ({ name }, i) => !twice.has(name) || topics.findIndex((topic) => topic.name === name) === i,
      )
      const single = distinct.filter(({ name }) => !twice.has(name))
      const created = await metadata.createTopics(single, { validateOnly })
      const byName = new Map(single.map(({ name }, i) => [name, created[i] as TopicImage | CommandError]))
      return {
        topics: distinct.map(({ name }) => {
          const result = byName.get(name)
          if (!result) return refused(name, ErrorCode.INVALID_REQUEST, 'The request names this topic more than once.')
          return isCommandError(result) ? refused(name, result.errorCode, result.errorMessage) : describe(result)
        }),
      }
    },
    errorResponse: ({ topics }, errorCode) => ({ topics: topics.map(({ name }) => refused(name, errorCode, null)) }),
  })

  function describe(topic: TopicImage) {
    return {
      name: topic.name,
      topicId: topic.id,
      numPartitions: topic.partitions,
      replicationFactor: topic.replicas[0]?.length ?? 1,
      configs: describeTopicConfigs(topic.configs, server).map(({ name, value, readOnly, configSource }) => ({
        name,
        value,
        readOnly,
        configSource,
        isSensitive: false,
      })),
    }
  }
}

function refused(name: string, errorCode: number, errorMessage: string | null) {
  return { name, errorCode, errorMessage, configs: [] }
}
