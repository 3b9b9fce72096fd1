/**
 * UpdateFeatures (57): finalizes features at other levels (KIP-584), all of those that are asked for or none. Durable and in
 * force before the answer. Before version 2 the answer names each feature.
 */
import { ErrorCode, UpdateFeatures } from '@millrace/kafka'
import { upgradeTypes } from '../metadata/feature-commands.ts'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerUpdateFeatures(registry: HandlerRegistry, metadata: MetadataManager): void {
  registry.registerSimple({
    api: UpdateFeatures,
    versions: [0, 2],
    async handle({ featureUpdates, validateOnly }, { version }) {
      const updates = featureUpdates.map(({ feature, maxVersionLevel, allowDowngrade, upgradeType }) => ({
        feature,
        maxVersionLevel,
        upgradeType: version > 0 || !allowDowngrade ? upgradeType : upgradeTypes.safeDowngrade,
      }))
      const refusal = await metadata.updateFeatures(updates, { validateOnly })
      if (refusal) return { ...refusal, results: [] }
      const done = { errorCode: ErrorCode.NONE, errorMessage: 'NONE' }
      return { results: version > 1 ? [] : featureUpdates.map(({ feature }) => ({ feature, ...done })) }
    },
    errorResponse: (_request, errorCode) => ({ errorCode, results: [] }),
  })
}
