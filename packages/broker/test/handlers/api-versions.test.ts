import { ApiVersions, type ApiVersionsResponseInput, Heartbeat, Produce } from '@millrace/kafka'
import { describe, expect, test } from 'vitest'
import { registerApiVersions } from '../../src/handlers/api-versions.ts'
import { type Exchange, HandlerRegistry } from '../../src/handlers/registry.ts'
import type { MetadataManager } from '../../src/metadata/metadata-manager.ts'

const noFeatures = { lastAppliedOffset: 0, featureLevel: () => 0 } as unknown as MetadataManager

function announced(registry: HandlerRegistry): ApiVersionsResponseInput['apiKeys'] | undefined {
  let keys: ApiVersionsResponseInput['apiKeys'] | undefined
  const respond = (body: ApiVersionsResponseInput) => {
    keys = body.apiKeys
  }
  const request = { clientSoftwareName: 'test', clientSoftwareVersion: '1' }
  void registry.get(ApiVersions.key)?.serve(request, { version: 4, respond } as unknown as Exchange)
  return keys
}

describe('ApiVersions', () => {
  test('announces what has a handler and nothing else, in the versions that the handler serves', () => {
    const registry = new HandlerRegistry()
    registerApiVersions(registry, noFeatures)
    expect(announced(registry)).toEqual([{ apiKey: 18, minVersion: 0, maxVersion: 4 }])
    const handle = () => ({})
    const errorResponse = () => ({})
    registry.registerSimple({ api: Heartbeat, versions: [1, 3], handle, errorResponse })
    registry.registerSimple({
      api: Produce,
      versions: [3, 12],
      handle: () => ({ responses: [] }),
      errorResponse: () => ({ responses: [] }),
    })
    expect(announced(registry)).toEqual([
      { apiKey: 0, minVersion: 0, maxVersion: 12 },
      { apiKey: 12, minVersion: 1, maxVersion: 3 },
      { apiKey: 18, minVersion: 0, maxVersion: 4 },
    ])
  })
})
