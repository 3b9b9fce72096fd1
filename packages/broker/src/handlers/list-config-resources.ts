/**
 * ListConfigResources (74): the resources that have a configuration (KIP-1142); none asked for means all types. Version 0 knows
 * client metrics only (KIP-1000).
 */
import { ErrorCode, ListConfigResources } from '@millrace/kafka'
import type { ServerConfig } from '../config/server-config.ts'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import { resourceTypes } from '../metadata/resource-configs.ts'
import { type HandlerRegistry, RequestError } from './registry.ts'

const allTypes: readonly number[] = Object.values(resourceTypes)

export function registerListConfigResources(
  registry: HandlerRegistry,
  { metadata, server }: { metadata: MetadataManager; server: ServerConfig },
): void {
  registry.registerSimple({
    api: ListConfigResources,
    versions: [0, 1],
    handle(request, { version }) {
      const given = version === 0 ? [resourceTypes.clientMetrics] : request.resourceTypes
      const unknown = given.find((type) => !allTypes.includes(type))
      if (unknown !== undefined) throw new RequestError(ErrorCode.UNSUPPORTED_VERSION, `resource type ${unknown}`)
      const types = new Set(given.length === 0 ? allTypes : given)
      return {
        configResources: [...types].flatMap((resourceType) =>
          [...namesOf(resourceType)].map((resourceName) => ({ resourceName, resourceType })),
        ),
      }
    },
    errorResponse: (_request, errorCode) => ({ errorCode, configResources: [] }),
  })

  function namesOf(type: number): Iterable<string> {
    const { image } = metadata
    switch (type) {
      case resourceTypes.topic:
        return image.topics.keys()
      case resourceTypes.broker:
      case resourceTypes.brokerLogger:
        return [String(server['node.id'])]
      default:
        return image.configs.names(type)
    }
  }
}
