/**
 * IncrementalAlterConfigs (44): sets, deletes, appends to and subtracts from configuration values of topics (2), the broker (4;
 * with an empty name of all brokers), its loggers (8), client metrics (16) and groups (32) (KIP-339). What is stored is durable
 * and in force before the answer.
 */
import { IncrementalAlterConfigs } from '@millrace/kafka'
import type { ServerConfig } from '../config/server-config.ts'
import { brokerNameProblem, type ConfigChange } from '../metadata/config-commands.ts'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import { resourceTypes } from '../metadata/resource-configs.ts'
import { alterResources, failedResources } from './alter-resources.ts'
import type { BrokerLoggers } from './broker-loggers.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerIncrementalAlterConfigs(
  registry: HandlerRegistry,
  { metadata, server, loggers }: { metadata: MetadataManager; server: ServerConfig; loggers: BrokerLoggers },
): void {
  registry.registerSimple({
    api: IncrementalAlterConfigs,
    versions: [0, 1],
    handle: async ({ resources, validateOnly }) => ({
      responses: await alterResources(
        resources.map((resource) => ({ ...resource, replacesAll: false })),
        async (changes) => {
          const stored = changes.filter(({ resourceType }) => resourceType !== resourceTypes.brokerLogger)
          const refusals = await metadata.alterConfigs(stored, { validateOnly })
          const byChange = new Map(stored.map((change, i) => [change, refusals[i]]))
          return changes.map((change) =>
            change.resourceType === resourceTypes.brokerLogger
              ? changeLoggers(change, validateOnly)
              : byChange.get(change),
          )
        },
      ),
    }),
    errorResponse: failedResources,
  })

  function changeLoggers({ resourceName, configs }: ConfigChange, validateOnly: boolean) {
    return brokerNameProblem(resourceName, server['node.id'], 'node') ?? loggers.change(configs, { validateOnly })
  }
}
