import type { MetadataRecord, MetadataRecordInput } from '@millrace/kafka'
import { uuidToString } from '@millrace/std'

/** A topic as the metadata log knows it. */
export interface TopicImage {
  readonly name: string
  readonly id: Uint8Array
  partitions: number
  /** Its own configuration, by property name. */
  readonly configs: Map<string, string>
}

/** Kinds of resources that have a configuration, by Kafka's numbers. */
export const resourceTypes = { topic: 2, broker: 4 } as const

/** What the records of `__cluster_metadata` add up to. It changes only in {@link replay}. */
export class ClusterImage {
  readonly topics = new Map<string, TopicImage>()
  readonly #byId = new Map<string, TopicImage>()
  readonly #removed = new Set<string>()
  /** Producer ids below this were handed out. */
  nextProducerId = 0
  /** Finalized levels by name; a feature that is not there is at level 0. */
  readonly features = new Map<string, number>()

  topicById(id: Uint8Array): TopicImage | undefined {
    return this.#byId.get(uuidToString(id))
  }

  /** Whether a topic with this id was deleted, as far as the log still tells. */
  wasRemoved(id: Uint8Array): boolean {
    return this.#removed.has(uuidToString(id))
  }

  replay(record: MetadataRecord): void {
    switch (record.kind) {
      case 'TopicRecord': {
        const { name, topicId } = record.value
        const topic = { name, id: topicId, partitions: 0, configs: new Map<string, string>() }
        this.topics.set(name, topic)
        this.#byId.set(uuidToString(topicId), topic)
        return
      }
      case 'PartitionRecord': {
        const topic = this.topicById(record.value.topicId)
        if (topic) topic.partitions = Math.max(topic.partitions, record.value.partitionId + 1)
        return
      }
      case 'ConfigRecord': {
        const { resourceType, resourceName, name, value } = record.value
        if (resourceType !== resourceTypes.topic) return
        const configs = this.topics.get(resourceName)?.configs
        if (value === null) configs?.delete(name)
        else configs?.set(name, value)
        return
      }
      case 'RemoveTopicRecord': {
        const topic = this.topicById(record.value.topicId)
        if (!topic) return
        this.#byId.delete(uuidToString(topic.id))
        this.#removed.add(uuidToString(topic.id))
        this.topics.delete(topic.name)
        return
      }
      case 'ProducerIdsRecord':
        this.nextProducerId = record.value.nextProducerId
        return
      case 'FeatureLevelRecord': {
        const { name, featureLevel } = record.value
        if (featureLevel === 0) this.features.delete(name)
        else this.features.set(name, featureLevel)
        return
      }
    }
  }

  /** The fewest records whose replay yields this image. */
  *snapshot(nodeId: number): Generator<MetadataRecordInput> {
    for (const [name, level] of this.features) yield featureRecord(name, level)
    for (const topic of this.topics.values()) {
      yield* topicRecords(topic, nodeId)
    }
    if (this.nextProducerId > 0) yield producerIdsRecord(nodeId, this.nextProducerId)
  }
}

export function featureRecord(name: string, featureLevel: number): MetadataRecordInput {
  return { kind: 'FeatureLevelRecord', value: { name, featureLevel } }
}

/** The records that create a topic. */
export function* topicRecords(
  { name, id, partitions, configs }: TopicImage,
  nodeId: number,
): Generator<MetadataRecordInput> {
  yield { kind: 'TopicRecord', value: { name, topicId: id } }
  for (const [key, value] of configs) {
    yield { kind: 'ConfigRecord', value: { resourceType: resourceTypes.topic, resourceName: name, name: key, value } }
  }
  for (let partition = 0; partition < partitions; partition++) yield partitionRecord(id, partition, nodeId)
}

export function partitionRecord(topicId: Uint8Array, partitionId: number, nodeId: number): MetadataRecordInput {
  return {
    kind: 'PartitionRecord',
    value: {
      partitionId,
      topicId,
      replicas: [nodeId],
      isr: [nodeId],
      removingReplicas: [],
      addingReplicas: [],
      leader: nodeId,
      leaderEpoch: 0,
      partitionEpoch: 0,
    },
  }
}

export function producerIdsRecord(brokerId: number, nextProducerId: number): MetadataRecordInput {
  return { kind: 'ProducerIdsRecord', value: { brokerId, nextProducerId } }
}
