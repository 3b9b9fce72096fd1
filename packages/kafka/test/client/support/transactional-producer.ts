import { KafkaProducer, type KafkaProducerOptions } from '../../../src/client/index.ts'
import { FakeCluster } from './fake-cluster.ts'
import { FakeTransactions } from './fake-transactions.ts'
import { VirtualSystem } from './virtual-system.ts'

export const GROUP = { groupId: 'g', memberId: 'm', generationId: 3, groupInstanceId: null }

/** A cluster with topic `t`, three partitions, and a producer for it with the transactional id `tx`. */
export async function setUp(
  version: 1 | 2 = 2,
  options: Partial<KafkaProducerOptions> = {},
  { seed = 1, brokers = 1 } = {},
) {
  const system = new VirtualSystem(seed)
  const cluster = await FakeCluster.start(system, brokers)
  const logs = cluster.createTopic('t', 3)
  const transactions = new FakeTransactions(cluster, version)
  const { bootstrapServers } = cluster
  const newProducer = (more: Partial<KafkaProducerOptions> = {}) =>
    new KafkaProducer({ bootstrapServers, system, transactionalId: 'tx', lingerMs: 0, ...options, ...more })
  const producer = newProducer()
  return { system, cluster, logs, transactions, producer, newProducer, bootstrapServers }
}

/** Sends whose failure the commit reports. */
export function send(producer: KafkaProducer, ...values: string[]): void {
  values.forEach((value, i) => {
    producer.send({ topic: 't', partition: i % 3, value }).catch(() => {})
  })
}
