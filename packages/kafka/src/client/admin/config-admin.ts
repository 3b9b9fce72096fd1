import { DescribeConfigs, IncrementalAlterConfigs, ListConfigResources } from '../../definitions/index.ts'
import { ErrorCode } from '../../errors/index.ts'
import { throwError } from './admin-context.ts'
import type {
  AdminCallOptions,
  ConfigChange,
  ConfigEntry,
  ConfigResource,
  ConfigResourceType,
  ConfigSource,
} from './admin-types.ts'
import { TopicAdmin } from './topic-admin.ts'

const RESOURCE_TYPES: Record<ConfigResourceType, number> = {
  topic: 2,
  broker: 4,
  brokerLogger: 8,
  clientMetrics: 16,
  group: 32,
}
const RESOURCE_NAMES = new Map(Object.entries(RESOURCE_TYPES).map(([name, type]) => [type, name as ConfigResourceType]))
const SOURCES: readonly ConfigSource[] = [
  'unknown',
  'topic',
  'broker',
  'brokerDefault',
  'static',
  'default',
  'brokerLogger',
  'clientMetrics',
  'group',
]
const OPERATIONS = { set: 0, delete: 1, append: 2, subtract: 3 } as const

/** Settings of topics, brokers and groups. */
export class ConfigAdmin extends TopicAdmin {
  /** The settings of a topic, broker (by id; '' for the defaults of all brokers) or group. */
  async describeConfigs(
    resource: ConfigResource,
    options: AdminCallOptions & { includeSynonyms?: boolean; includeDocumentation?: boolean } = {},
  ): Promise<ConfigEntry[]> {
    const what = `Describing the settings of ${resource.type} ${resource.name}`
    const { includeSynonyms = false, includeDocumentation = false } = options
    const resourceType = RESOURCE_TYPES[resource.type]
    const request = (version: number) => ({
      resources: [{ resourceType, resourceName: resource.name, configurationKeys: null }],
      includeSynonyms,
      includeDocumentation: version >= 3 && includeDocumentation,
    })
    const response = await this.context.retry(what, options, () =>
      isOfOneBroker(resource)
        ? this.context.toBroker(Number(resource.name), DescribeConfigs, request)
        : this.context.cluster.sendToAny(DescribeConfigs, request),
    )
    const [result] = response.results
    throwError(what, result ?? { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR })
    return (result?.configs ?? []).map((config) => ({
      name: config.name,
      value: config.value,
      isReadOnly: config.readOnly,
      isSensitive: config.isSensitive,
      isDefault: SOURCES[config.configSource] === 'default',
      source: SOURCES[config.configSource] ?? 'unknown',
      ...(includeDocumentation ? { documentation: config.documentation } : {}),
      ...(includeSynonyms
        ? {
            synonyms: config.synonyms.map((s) => ({
              name: s.name,
              value: s.value,
              source: SOURCES[s.source] ?? 'unknown',
            })),
          }
        : {}),
    }))
  }

  /**
   * Changes some settings and leaves the others as they are (KIP-339). `append` and `subtract` are for lists.
   *
   * @throws {KafkaError} INVALID_CONFIG, UNKNOWN_TOPIC_OR_PARTITION and others
   * @example
   * await admin.incrementalAlterConfigs({ type: 'topic', name: 'lines' }, [
   *   { name: 'retention.ms', value: '3600000' },
   *   { name: 'cleanup.policy', operation: 'append', value: 'compact' },
   *   { name: 'segment.bytes', operation: 'delete' },
   * ])
   */
  async incrementalAlterConfigs(
    resource: ConfigResource,
    changes: readonly ConfigChange[],
    options: AdminCallOptions & { validateOnly?: boolean } = {},
  ): Promise<void> {
    const what = `Changing the settings of ${resource.type} ${resource.name}`
    const request = {
      resources: [
        {
          resourceType: RESOURCE_TYPES[resource.type],
          resourceName: resource.name,
          configs: changes.map(({ name, operation = 'set', value }) => ({
            name,
            configOperation: OPERATIONS[operation],
            value: value === undefined ? null : String(value),
          })),
        },
      ],
      validateOnly: options.validateOnly ?? false,
    }
    const response = await this.context.retry(what, options, () =>
      isOfOneBroker(resource)
        ? this.context.toBroker(Number(resource.name), IncrementalAlterConfigs, request)
        : this.context.cluster.sendToAny(IncrementalAlterConfigs, request),
    )
    throwError(what, response.responses[0] ?? { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR })
  }

  /** What has settings of its own: all, or those of some types (KIP-1142). */
  async listConfigResources(
    options: AdminCallOptions & { types?: readonly ConfigResourceType[] } = {},
  ): Promise<ConfigResource[]> {
    const resourceTypes = (options.types ?? []).map((type) => RESOURCE_TYPES[type])
    const what = 'Listing what has settings'
    const response = await this.context.toAny(what, ListConfigResources, { resourceTypes }, options, (all) => all)
    return response.configResources.flatMap(({ resourceName: name, resourceType }) => {
      const type = RESOURCE_NAMES.get(resourceType)
      return type ? [{ type, name }] : []
    })
  }
}

/** Their settings are known to the broker itself only. */
function isOfOneBroker({ type, name }: ConfigResource): boolean {
  return (type === 'broker' && name !== '') || type === 'brokerLogger'
}
