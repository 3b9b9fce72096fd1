/**
 * CreatePartitions (37): raises the number of partitions of topics to `count` (KIP-195). Durable before the answer.
 */
import { CreatePartitions, ErrorCode } from '@millrace/kafka'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import { duplicates } from './duplicates.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerCreatePartitions(registry: HandlerRegistry, metadata: MetadataManager): void {
  registry.registerSimple({
    api: CreatePartitions,
    versions: [0, 3],
    async handle({ topics, validateOnly }) {
      const twice = duplicates(topics.map(({ name }) => name))
      const distinct = topics.filter(({ name }, i) => topics.findIndex((topic) => topic.name === name) === i)
      const results = distinct.map(async ({ name, count, assignments }) => {
        if (twice.has(name)) {
          const errorMessage = 'The request names this topic more than once.'
          return { name, errorCode: ErrorCode.INVALID_REQUEST, errorMessage }
        }
        const refusal = await metadata.growTopic({ name, count, assignments }, { validateOnly })
        return { name, errorCode: ErrorCode.NONE, ...refusal }
      })
      return { results: await Promise.all(results) }
    },
    errorResponse: ({ topics }, errorCode) => ({ results: topics.map(({ name }) => ({ name, errorCode })) }),
  })
}
