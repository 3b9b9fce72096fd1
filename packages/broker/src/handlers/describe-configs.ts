/**
 * DescribeConfigs (32): the configuration of topics (resource type 2) and of the broker (4), with defaults, the sources of
 * each value (KIP-226), types and documentation (from version 3, KIP-569).
 */
import { DescribeConfigs, type DescribeConfigsRequest, ErrorCode } from '@millrace/kafka'
import type { ServerConfig } from '../config/server-config.ts'
import { resourceTypes } from '../metadata/cluster-image.ts'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import { topicNameProblem } from '../metadata/topic-name.ts'
import { type ConfigEntry, describeServerConfigs, describeTopicConfigs } from './config-entries.ts'
import type { HandlerRegistry } from './registry.ts'

type Resource = DescribeConfigsRequest['resources'][number]

export function registerDescribeConfigs(registry: HandlerRegistry, topics: TopicCatalog, server: ServerConfig): void {
  registry.registerSimple({
    api: DescribeConfigs,
    versions: [1, 4],
    handle: ({ resources, includeSynonyms, includeDocumentation }) => ({
      results: resources.map((resource) => {
        const found = find(resource)
        if (!Array.isArray(found)) return { ...failed(resource, found.errorCode), errorMessage: found.errorMessage }
        const { configurationKeys } = resource
        // As in Apache Kafka, to name no key is to ask for all.
        const wanted = configurationKeys?.length ? new Set(configurationKeys) : undefined
        return {
          resourceType: resource.resourceType,
          resourceName: resource.resourceName,
          configs: found
            .filter(({ name }) => !wanted || wanted.has(name))
            .map(({ synonyms, documentation, ...config }) => ({
              ...config,
              synonyms: includeSynonyms ? synonyms : [],
              documentation: includeDocumentation ? documentation : null,
            })),
        }
      }),
    }),
    errorResponse: ({ resources }, errorCode) => ({
      results: resources.map((resource) => failed(resource, errorCode)),
    }),
  })

  function find({ resourceType, resourceName }: Resource): ConfigEntry[] | { errorCode: number; errorMessage: string } {
    if (resourceType === resourceTypes.topic) {
      const topic = topics.get(resourceName)
      if (topic) return describeTopicConfigs(topic.overrides, server)
      const problem = topicNameProblem(resourceName)
      if (problem) return { errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION, errorMessage: problem }
      return {
        errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        errorMessage: `There is no topic '${resourceName}'.`,
      }
    }
    if (resourceType === resourceTypes.broker) {
      const nodeId = String(server['node.id'])
      if (resourceName === nodeId || resourceName === '') return describeServerConfigs(server)
      return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: `The only broker is ${nodeId}.` }
    }
    return {
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: `Resources of type ${resourceType} have no configuration here.`,
    }
  }
}

function failed({ resourceType, resourceName }: Resource, errorCode: number) {
  return { errorCode, resourceType, resourceName, configs: [] }
}
