import { Produce, type ProduceResponse } from '../../definitions/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import { uuidKey } from '../cluster/metadata.ts'
import type { Numbering } from './numbering.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { ProducerBatch } from './producer-batch.ts'
import { partitionKey } from '../consumer/subscription.ts'

/** One batch in a request, with where it came from. */
export interface Sent {
  readonly queue: PartitionQueue
  readonly batch: ProducerBatch
}

export type ProduceAnswer = ProduceResponse['responses'][number]['partitionResponses'][number]

/** From this version on, topics go by their ids. */
const TOPIC_ID_VERSION = 13

/**
 * Sends one Produce request with these batches, at most one of a partition. The answers come in the order of the batches,
 * undefined where the broker gave none; there are none at all with `acks` 0.
 */
export async function produce(
  cluster: Cluster,
  connection: BrokerConnection,
  sent: readonly Sent[],
  { acks, numbering }: { acks: number; numbering: Pick<Numbering, 'transactionalId' | 'maxProduceVersion'> },
): Promise<(ProduceAnswer | undefined)[] | undefined> {
  const byTopic = new Map<string, { index: number; records: Uint8Array }[]>()
  for (const { queue, batch } of sent) {
    const entry = { index: queue.partition, records: batch.bytes as Uint8Array }
    const entries = byTopic.get(queue.topic)
    if (entries) entries.push(entry)
    else byTopic.set(queue.topic, [entry])
  }
  const names = new Map<string, string>()
  const topicData = [...byTopic].map(([name, partitionData]) => {
    const topicId = cluster.metadata.topics.get(name)?.topicId
    if (topicId) names.set(uuidKey(topicId), name)
    return { name, topicId, partitionData }
  })
  const byIds = topicData.every((topic) => topic.topicId !== undefined)
  const version = connection.versionOf(
    Produce,
    numbering.maxProduceVersion ?? (byIds ? undefined : TOPIC_ID_VERSION - 1),
  )
  const { transactionalId } = numbering
  const body = { transactionalId, acks, timeoutMs: cluster.options.requestTimeoutMs, topicData }
  if (acks === 0) {
    await connection.post(Produce, version, body)
    return undefined
  }
  const response = await connection.request(Produce, version, body)
  const answers = new Map<string, ProduceAnswer>()
  for (const { topicId, name, partitionResponses } of response.responses) {
    const topic = version >= TOPIC_ID_VERSION ? names.get(uuidKey(topicId)) : name
    if (topic === undefined) continue
    for (const answer of partitionResponses) answers.set(partitionKey({ topic, partition: answer.index }), answer)
  }
  return sent.map(({ queue }) => answers.get(partitionKey(queue)))
}
