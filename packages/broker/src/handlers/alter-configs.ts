/**
 * AlterConfigs (33): replaces the whole configuration of topics (2), the broker (4; with an empty name of all brokers), client
 * metrics (16) and groups (32). Superseded by IncrementalAlterConfigs (KIP-339). Durable and in force before the answer.
 */
import { AlterConfigs } from '@millrace/kafka'
import { configOperations } from '../metadata/config-commands.ts'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import { alterResources, failedResources } from './alter-resources.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerAlterConfigs(registry: HandlerRegistry, metadata: MetadataManager): void {
  registry.registerSimple({
    api: AlterConfigs,
    versions: [0, 2],
    handle: async ({ resources, validateOnly }) => ({
      responses: await alterResources(
        resources.map(({ configs, ...resource }) => ({
          ...resource,
          replacesAll: true,
          configs: configs.map((config) => ({ ...config, configOperation: configOperations.set })),
        })),
        (changes) => metadata.alterConfigs(changes, { validateOnly }),
      ),
    }),
    errorResponse: failedResources,
  })
}
