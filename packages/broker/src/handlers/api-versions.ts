/**
 * ApiVersions (18): what this broker serves, from the registration itself, and its features (KIP-584).
 *
 * A version that is not known is answered with a version 0 body and UNSUPPORTED_VERSION by the dispatcher (KIP-511). Before
 * version 4 features that may be at level 0 are left out of the supported ones (KIP-1022).
 */
import { ApiVersions, ErrorCode } from '@millrace/kafka'
import { featureNames, supportedFeatures } from '../metadata/features.ts'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import { advertisedVersions, type HandlerRegistry } from './registry.ts'

/** KIP-511: names of client software that may stand in a metric or log. */
const softwarePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/
const zeroLevelsFrom = 4

export function registerApiVersions(registry: HandlerRegistry, metadata: MetadataManager): void {
  registry.registerSimple({
    api: ApiVersions,
    versions: [0, 4],
    handle({ clientSoftwareName, clientSoftwareVersion }, { version }) {
      if (version >= 3 && !(softwarePattern.test(clientSoftwareName) && softwarePattern.test(clientSoftwareVersion))) {
        return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] }
      }
      return {
        apiKeys: registry.all().map((registration) => {
          const [minVersion, maxVersion] = advertisedVersions(registration)
          return { apiKey: registration.api.key, minVersion, maxVersion }
        }),
        supportedFeatures: featureNames.flatMap((name) => {
          const { min, max } = supportedFeatures[name]
          return min > 0 || version >= zeroLevelsFrom ? [{ name, minVersion: min, maxVersion: max }] : []
        }),
        finalizedFeaturesEpoch: metadata.lastAppliedOffset,
        finalizedFeatures: featureNames.flatMap((name) => {
          const level = metadata.featureLevel(name)
          return level > 0 ? [{ name, minVersionLevel: level, maxVersionLevel: level }] : []
        }),
      }
    },
    errorResponse: (_request, errorCode) => ({ errorCode, apiKeys: [] }),
  })
}
