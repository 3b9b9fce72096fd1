import type { MetadataRecord, MetadataRecordInput } from '@millrace/kafka'
import { uuidToString } from '@millrace/std'
import type { ConfigTexts } from '../config/server-config.ts'
import type { MetadataChanges } from './metadata-changes.ts'
import { ResourceConfigs, resourceTypes } from './resource-configs.ts'
import { collidingName } from './topic-name.ts'

/** A topic as the metadata log knows it. */
export interface TopicImage {
  readonly name: string
  readonly id: Uint8Array
  partitions: number
  /** By partition. */
  readonly replicas: (readonly number[])[]
  /** Its own configuration, by property name. */
  readonly configs: Map<string, string>
}

/** What the records of `__cluster_metadata` add up to. It changes only in {@link replay}. */
export class ClusterImage {
  readonly topics = new Map<string, TopicImage>()
  readonly #byId = new Map<string, TopicImage>()
  readonly #byCollidingName = new Map<string, string>()
  readonly #removed = new Set<string>()
  /** Producer ids below this were handed out. */
  nextProducerId = 0
  /** Finalized levels by name; a feature that is not there is at level 0. */
  readonly features = new Map<string, number>()
  /** The configuration of all that is no topic. */
  readonly configs = new ResourceConfigs()

  topicById(id: Uint8Array): TopicImage | undefined {
    return this.#byId.get(uuidToString(id))
  }

  /** Whether a topic with this id was deleted, as far as the log still tells. */
  wasRemoved(id: Uint8Array): boolean {
    return this.#removed.has(uuidToString(id))
  }

  /** The topic whose name differs from this one in nothing but '.' and '_'. */
  collision(name: string): string | undefined {
    return this.#byCollidingName.get(collidingName(name))
  }

  /** What was set for a resource. */
  configsOf(type: number, name: string): ConfigTexts {
    if (type === resourceTypes.topic) return this.topics.get(name)?.configs ?? new Map()
    return this.configs.get(type, name)
  }

  /** Takes the record in, and notes in `changes` what it is about. */
  replay(record: MetadataRecord, changes: MetadataChanges): void {
    switch (record.kind) {
      case 'TopicRecord': {
        const { name, topicId } = record.value
        const topic = { name, id: topicId, partitions: 0, replicas: [], configs: new Map<string, string>() }
        this.topics.set(name, topic)
        this.#byId.set(uuidToString(topicId), topic)
        this.#byCollidingName.set(collidingName(name), name)
        changes.topics.add(name)
        return
      }
      case 'PartitionRecord': {
        const topic = this.topicById(record.value.topicId)
        if (!topic) return
        const { partitionId, replicas } = record.value
        topic.partitions = Math.max(topic.partitions, partitionId + 1)
        topic.replicas[partitionId] = sameAs(topic.replicas[partitionId - 1], replicas)
        changes.topics.add(topic.name)
        return
      }
      case 'ConfigRecord': {
        const { resourceType, resourceName, name, value } = record.value
        if (resourceType !== resourceTypes.topic) {
          this.configs.set(resourceType, resourceName, name, value)
          if (resourceType === resourceTypes.broker) changes.broker = true
          if (resourceType === resourceTypes.group) changes.groups.add(resourceName)
          return
        }
        const configs = this.topics.get(resourceName)?.configs
        if (value === null) configs?.delete(name)
        else configs?.set(name, value)
        changes.topics.add(resourceName)
        return
      }
      case 'RemoveTopicRecord': {
        const topic = this.topicById(record.value.topicId)
        if (!topic) return
        this.#byId.delete(uuidToString(topic.id))
        this.#removed.add(uuidToString(topic.id))
        this.topics.delete(topic.name)
        this.#byCollidingName.delete(collidingName(topic.name))
        changes.topics.add(topic.name)
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
      yield* topicRecords(topic)
    }
    for (const { type, name, configs } of this.configs.all()) {
      for (const [key, value] of configs) yield configRecord(type, name, key, value)
    }
    if (this.nextProducerId > 0) yield producerIdsRecord(nodeId, this.nextProducerId)
  }
}

export function featureRecord(name: string, featureLevel: number): MetadataRecordInput {
  return { kind: 'FeatureLevelRecord', value: { name, featureLevel } }
}

/** Sets a configuration value; null takes it away. */
export function configRecord(
  resourceType: number,
  resourceName: string,
  name: string,
  value: string | null,
): MetadataRecordInput {
  return { kind: 'ConfigRecord', value: { resourceType, resourceName, name, value } }
}

/** The records that create a topic. */
export function* topicRecords({ name, id, replicas, configs }: TopicImage): Generator<MetadataRecordInput> {
  yield { kind: 'TopicRecord', value: { name, topicId: id } }
  for (const [key, value] of configs) {
    yield configRecord(resourceTypes.topic, name, key, value)
  }
  for (const [partition, brokers] of replicas.entries()) yield partitionRecord(id, partition, brokers)
}

export function partitionRecord(
  topicId: Uint8Array,
  partitionId: number,
  replicas: readonly number[],
): MetadataRecordInput {
  return {
    kind: 'PartitionRecord',
    value: {
      partitionId,
      topicId,
      replicas,
      isr: replicas,
      removingReplicas: [],
      addingReplicas: [],
      leader: replicas[0] ?? -1,
      leaderEpoch: 0,
      partitionEpoch: 0,
    },
  }
}

export function producerIdsRecord(brokerId: number, nextProducerId: number): MetadataRecordInput {
  return { kind: 'ProducerIdsRecord', value: { brokerId, nextProducerId } }
}

/** Partitions with the same replicas share one list of them: there can be very many. */
function sameAs(before: readonly number[] | undefined, replicas: readonly number[]): readonly number[] {
  return before?.length === replicas.length && before.every((id, i) => id === replicas[i]) ? before : replicas
}
