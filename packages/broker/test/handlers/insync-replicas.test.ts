import { CreateTopics, ErrorCode, Produce } from '@millrace/kafka'
import { expect, test } from 'vitest'
import { type BrokerNode, startBroker } from '../../src/index.ts'
import { batchOf, RawClient } from '../support/raw-client.ts'

async function produce(client: RawClient, name: string, acks: number) {
  const topicData = [{ name, partitionData: [{ index: 0, records: batchOf(['x']) }] }]
  const { responses } = await client.call(Produce, 9, { acks, timeoutMs: 1_000, topicData })
  return responses[0]?.partitionResponses[0]?.errorCode
}

async function create(client: RawClient, name: string, replicationFactor: number) {
  const configs = [{ name: 'min.insync.replicas', value: '2' }]
  const topics = [{ name, numPartitions: 1, replicationFactor, assignments: [], configs }]
  expect((await client.call(CreateTopics, 7, { topics })).topics[0]?.errorCode).toBe(ErrorCode.NONE)
}

test('a write that wants all replicas is refused while fewer than min.insync.replicas are up to date', async () => {
  await using broker = await startBroker({ port: 0, data: 'memory', brokers: 2, config: { 'node.id': 0 } })
  const controller = await RawClient.connect(broker.nodes[0] as BrokerNode)
  await create(controller, 't', 2)
  const leader = broker.leaderOf('t', 0)
  const client = await RawClient.connect(broker.nodes[leader] as BrokerNode)
  // Twice: the second one may be taken by what the first one looked like.
  expect(await produce(client, 't', -1)).toBe(ErrorCode.NONE)
  expect(await produce(client, 't', -1)).toBe(ErrorCode.NONE)
  await broker.nodes[1 - leader]?.fail()
  expect(await produce(client, 't', -1)).toBe(ErrorCode.NOT_ENOUGH_REPLICAS)
  expect(await produce(client, 't', 1)).toBe(ErrorCode.NONE)
  controller.close()
  client.close()
})

test('of a topic with fewer replicas all are enough', async () => {
  await using broker = await startBroker({ port: 0, data: 'memory' })
  const client = await RawClient.connect(broker)
  await create(client, 't', 1)
  expect(await produce(client, 't', -1)).toBe(ErrorCode.NONE)
  client.close()
})
