import { type Api, apis, decodeResponse, Metadata } from '@millrace/kafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from '../../src/index.ts'
import { RawClient } from '../support/raw-client.ts'
import { requestOf } from '../support/requests.ts'

let broker: Broker
let client: RawClient
const complaints: string[] = []

beforeAll(async () => {
  const keep = (message: string) => void complaints.push(message)
  broker = await startBroker({
    port: 0,
    data: 'memory',
    config: { 'auto.create.topics.enable': true },
    logger: { info: () => {}, warn: keep, error: keep },
  })
  client = await RawClient.connect(broker)
  await client.call(Metadata, 9, { topics: [{ name: 'there' }] })
})

afterAll(async () => {
  client.close()
  await broker.close()
})

describe.each(apis.map((api) => [api.name, api] as const))('%s', (_name, api: Api) => {
  const [first, last] = api.versions
  test.each(Array.from({ length: last - first + 1 }, (_, i) => first + i))(
    'version %d is answered',
    async (version) => {
      const frame = await client.send(api, version, requestOf(api, version))
      decodeResponse(api, version, frame)
      expect(complaints).toEqual([])
    },
  )
})
