/**
 * ApiVersions (18): what this broker serves, from the registration itself.
 *
 * A version that is not known is answered with a version 0 body and UNSUPPORTED_VERSION by the dispatcher (KIP-511). No
 * feature is finalized: transactions v2 and KIP-848 groups are not served.
 */
import { ApiVersions, ErrorCode } from '@millrace/kafka'
import { advertisedVersions, type HandlerRegistry } from './registry.ts'

/** KIP-511: names of client software that may stand in a metric or log. */
const softwarePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

export function registerApiVersions(registry: HandlerRegistry): void {
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
      }
    },
    errorResponse: (_request, errorCode) => ({ errorCode, apiKeys: [] }),
  })
}
