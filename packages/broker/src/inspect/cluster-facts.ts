import type { MetadataRecord } from '@millrace/kafka'
import { uuidToString } from '@millrace/std'
import { resourceTypes } from '../metadata/resource-configs.ts'

export interface PartitionPlace {
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  /** Those that stopped with everything, and may lead again (KIP-966). */
  readonly eligible: readonly number[]
  readonly leaderEpoch: number
}

export interface TopicFacts {
  readonly name: string
  readonly id: Uint8Array
  readonly partitions: Map<number, PartitionPlace>
  readonly configs: Map<string, string>
}

/** What a metadata log of any cluster says about topics, their places and configurations. */
export class ClusterFacts {
  readonly topics = new Map<string, TopicFacts>()
  readonly #byId = new Map<string, TopicFacts>()
  /** Dynamic configuration of brokers, by broker id; '' for all of them. */
  readonly brokerConfigs = new Map<string, Map<string, string>>()
  /** Of groups and client metrics: kinds of resources by Kafka's number, then names. */
  readonly otherConfigs: { type: number; name: string; key: string; value: string }[] = []
  readonly features = new Map<string, number>()
  nextProducerId = 0

  replay(record: MetadataRecord): void {
    switch (record.kind) {
      case 'TopicRecord': {
        const { name, topicId } = record.value
        const topic: TopicFacts = { name, id: topicId, partitions: new Map(), configs: new Map() }
        this.topics.set(name, topic)
        this.#byId.set(uuidToString(topicId), topic)
        return
      }
      case 'PartitionRecord': {
        const { eligibleLeaderReplicas, isr, leaderEpoch, partitionId, replicas, topicId } = record.value
        this.#topic(topicId)?.partitions.set(partitionId, {
          replicas,
          isr,
          eligible: eligibleLeaderReplicas ?? [],
          leaderEpoch,
        })
        return
      }
      case 'PartitionChangeRecord': {
        const { eligibleLeaderReplicas, isr, leader, partitionId, replicas, topicId } = record.value
        const partitions = this.#topic(topicId)?.partitions
        const before = partitions?.get(partitionId)
        if (!partitions || !before) return
        partitions.set(partitionId, {
          replicas: replicas ?? before.replicas,
          isr: isr ?? before.isr,
          eligible: eligibleLeaderReplicas ?? before.eligible,
          // A new leader, also none, begins a new epoch.
          leaderEpoch: leader === -2 ? before.leaderEpoch : before.leaderEpoch + 1,
        })
        return
      }
      case 'RemoveTopicRecord': {
        const topic = this.#topic(record.value.topicId)
        if (!topic) return
        this.#byId.delete(uuidToString(topic.id))
        this.topics.delete(topic.name)
        return
      }
      case 'ConfigRecord': {
        const { name, resourceName, resourceType, value } = record.value
        this.#configure(resourceType, resourceName, name, value)
        return
      }
      case 'ProducerIdsRecord':
        this.nextProducerId = record.value.nextProducerId
        return
      case 'FeatureLevelRecord':
        this.features.set(record.value.name, record.value.featureLevel)
        return
      default:
    }
  }

  #topic(id: Uint8Array): TopicFacts | undefined {
    return this.#byId.get(uuidToString(id))
  }

  #configure(type: number, resource: string, key: string, value: string | null): void {
    if (type === resourceTypes.topic || type === resourceTypes.broker) {
      let configs = type === resourceTypes.topic ? this.topics.get(resource)?.configs : this.brokerConfigs.get(resource)
      if (!configs && type === resourceTypes.broker) {
        configs = new Map()
        this.brokerConfigs.set(resource, configs)
      }
      if (value === null) configs?.delete(key)
      else configs?.set(key, value)
      return
    }
    const at = this.otherConfigs.findIndex((one) => one.type === type && one.name === resource && one.key === key)
    if (at >= 0) this.otherConfigs.splice(at, 1)
    if (value !== null) this.otherConfigs.push({ type, name: resource, key, value })
  }
}
