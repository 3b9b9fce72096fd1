import { apiByKey, ApiVersions, decodeResponse, Metadata } from '@millrace/kafka'
import { afterAll, describe, expect, test } from 'vitest'
import { startBroker } from '../../src/index.ts'
import { RawClient } from '../support/raw-client.ts'
import { requestOf } from '../support/requests.ts'

const complaints: string[] = []
const keep = (message: string) => void complaints.push(message)
const broker = await startBroker({
  port: 0,
  data: 'memory',
  config: { 'auto.create.topics.enable': true },
  logger: { info: () => {}, warn: keep, error: keep },
})
const client = await RawClient.connect(broker)
const { apiKeys } = await client.call(ApiVersions, 3, { clientSoftwareName: 'test', clientSoftwareVersion: '1.0' })
await client.call(Metadata, 9, { topics: [{ name: 'there' }] })

afterAll(async () => {
  client.close()
  await broker.close()
})

/** What is announced, but for the versions of Produce that only seem to be there (KAFKA-18659). */
const announced = apiKeys.map(({ apiKey, minVersion, maxVersion }) => {
  const api = apiByKey(apiKey)
  if (!api) throw new Error(`API ${apiKey} is announced, but has no definition`)
  const first = Math.max(minVersion, api.versions[0])
  return { api, name: api.name, versions: Array.from({ length: maxVersion - first + 1 }, (_, i) => first + i) }
})

describe.each(announced)('$name', ({ api, versions }) => {
  test.each(versions)('version %d is answered', async (version) => {
    const frame = await client.send(api, version, requestOf(api, version))
    decodeResponse(api, version, frame)
    expect(complaints).toEqual([])
  })
})
