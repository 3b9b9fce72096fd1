/**
 * DescribeConfigs (32): the configuration of topics (resource type 2), the broker (4; with an empty name what was set for all
 * brokers), its loggers (8), client metrics (16) and groups (32), with defaults, the sources of each value (KIP-226), types and
 * documentation (from version 3, KIP-569).
 */
import { DescribeConfigs, type DescribeConfigsRequest, ErrorCode } from '@millrace/kafka'
import type { ServerConfig } from '../config/server-config.ts'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import type { Brokers } from '../metadata/brokers.ts'
import { resourceTypes } from '../metadata/resource-configs.ts'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import { type CommandError, refusal } from '../metadata/topic-commands.ts'
import { topicNameProblem } from '../metadata/topic-name.ts'
import type { BrokerLoggers } from './broker-loggers.ts'
import {
  type ConfigEntry,
  describeBrokerConfigs,
  describeClientMetrics,
  describeClusterConfigs,
  describeGroupConfigs,
  describeLoggers,
  describePlace,
  describeTopicConfigs,
} from './config-entries.ts'
import type { LogDirectory } from './describe-log-dirs.ts'
import type { HandlerRegistry } from './registry.ts'

type Resource = DescribeConfigsRequest['resources'][number]

export interface DescribeConfigsOptions {
  readonly topics: TopicCatalog
  readonly metadata: MetadataManager
  readonly server: ServerConfig
  readonly loggers: BrokerLoggers
  readonly brokers: Brokers
  readonly logDirectory: LogDirectory
}

export function registerDescribeConfigs(registry: HandlerRegistry, options: DescribeConfigsOptions): void {
  const { topics, metadata, server, loggers, brokers, logDirectory } = options

  registry.registerSimple({
    api: DescribeConfigs,
    versions: [1, 4],
    handle: ({ resources, includeSynonyms, includeDocumentation }, { client: { nodeId } }) => ({
      results: resources.map((resource) => {
        const found = find(resource, nodeId)
        if (!Array.isArray(found)) return { ...failed(resource, found.errorCode), errorMessage: found.errorMessage }
        const { configurationKeys } = resource
        // As in Apache Kafka, to name no key is to ask for all.
        const wanted = configurationKeys?.length ? new Set(configurationKeys) : undefined
        return {
          errorMessage: '',
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

  function find({ resourceType, resourceName: name }: Resource, nodeId: number): ConfigEntry[] | CommandError {
    switch (resourceType) {
      case resourceTypes.topic: {
        const topic = topics.get(name)
        if (topic) return describeTopicConfigs(topic.overrides, server)
        const problem = topicNameProblem(name)
        if (problem) return refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, problem)
        return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `There is no topic '${name}'.`)
      }
      case resourceTypes.broker:
        if (name === '') return describeClusterConfigs(server)
        return (
          brokerProblem(name, `expected ${nodeId} or empty string,`, nodeId) ?? [
            ...describeBrokerConfigs(server),
            ...placeOf(nodeId),
          ]
        )
      case resourceTypes.brokerLogger:
        if (name === '') return refusal(ErrorCode.INVALID_REQUEST, 'Broker id must not be empty')
        return brokerProblem(name, `expected ${nodeId}`, nodeId) ?? describeLoggers(loggers.all())
      case resourceTypes.clientMetrics:
        if (name === '') {
          return refusal(ErrorCode.INVALID_REQUEST, 'Client metrics subscription name must not be empty')
        }
        return describeClientMetrics(metadata.image.configsOf(resourceType, name))
      case resourceTypes.group:
        if (name === '') return refusal(ErrorCode.INVALID_REQUEST, 'Group name must not be empty')
        return describeGroupConfigs(metadata.image.configsOf(resourceType, name), server)
      default:
        return refusal(ErrorCode.INVALID_REQUEST, `Unsupported resource type: ${resourceType}`)
    }
  }

  function placeOf(nodeId: number): ConfigEntry[] {
    const address = brokers.addressOf(nodeId)
    return address ? describePlace({ ...address, folder: logDirectory.path }) : []
  }

  function brokerProblem(name: string, expected: string, nodeId: number): CommandError | undefined {
    if (!/^[-+]?\d+$/.test(name)) {
      return refusal(ErrorCode.INVALID_REQUEST, `Broker id must be an integer, but it is: ${name}`)
    }
    if (Number(name) === nodeId) return undefined
    return refusal(ErrorCode.INVALID_REQUEST, `Unexpected broker id, ${expected} but received ${name}`)
  }
}

function failed({ resourceType, resourceName }: Resource, errorCode: number) {
  return { errorCode, resourceType, resourceName, configs: [] }
}
