import { isZeroUuid } from '../../codec/defaults.ts'
import type { MetadataResponse } from '../../definitions/index.ts'
import { ErrorCode } from '../../errors/index.ts'

export interface BrokerNode {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

export interface PartitionMetadata {
  readonly partition: number
  /** -1 when there is none. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

export interface TopicMetadata {
  readonly name: string
  /** Sixteen bytes; undefined from brokers before topic ids. */
  readonly topicId: Uint8Array | undefined
  readonly isInternal: boolean
  /** By partition number, without gaps. */
  readonly partitions: readonly PartitionMetadata[]
}

/** What is known of the cluster: the newest answer of each kind. */
export class ClusterMetadata {
  clusterId: string | null = null
  controllerId = -1
  readonly brokers = new Map<number, BrokerNode>()
  readonly topics = new Map<string, TopicMetadata>()
  /** The error codes of topics that could not be described. */
  readonly topicErrors = new Map<string, number>()

  /** `ofAllTopics`: what the response does not name does not exist. */
  update(response: MetadataResponse, { ofAllTopics = false } = {}): void {
    this.clusterId = response.clusterId
    this.controllerId = response.controllerId
    this.brokers.clear()
    for (const broker of response.brokers) this.brokers.set(broker.nodeId, broker)
    if (ofAllTopics) {
      const names = new Set(response.topics.map(({ name }) => name))
      for (const name of this.topics.keys()) if (!names.has(name)) this.forget(name)
    }
    for (const topic of response.topics) {
      const name = topic.name
      if (name === null) continue
      const { errorCode } = topic
      if (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.LEADER_NOT_AVAILABLE) {
        this.topicErrors.set(name, errorCode)
        this.forget(name)
        continue
      }
      this.topicErrors.delete(name)
      const before = this.topics.get(name)
      const topicId = isZeroUuid(topic.topicId) ? undefined : topic.topicId
      // A broker that lags behind may still name an earlier leader; a new topic of the same name starts again at 0.
      const sameTopic = before !== undefined && uuidKey(before.topicId) === uuidKey(topicId)
      const partitions = topic.partitions
        .map((p) => ({
          partition: p.partitionIndex,
          leader: p.leaderId,
          leaderEpoch: p.leaderEpoch,
          replicas: p.replicaNodes,
          isr: p.isrNodes,
        }))
        .sort((a, b) => a.partition - b.partition)
        .map((now) => {
          const known = sameTopic ? before.partitions[now.partition] : undefined
          return known && known.leaderEpoch > now.leaderEpoch ? known : now
        })
      this.topics.set(name, { name, topicId, isInternal: topic.isInternal, partitions })
    }
  }

  /** A leader that an answer named beside its error (KIP-951). False when that is no news. */
  updateLeader(topic: string, partition: number, leader: number, leaderEpoch: number): boolean {
    const known = this.topics.get(topic)
    const before = known?.partitions[partition]
    if (!known || !before || leader < 0 || leaderEpoch <= before.leaderEpoch || !this.brokers.has(leader)) return false
    const partitions = known.partitions.map((p) => (p.partition === partition ? { ...p, leader, leaderEpoch } : p))
    this.topics.set(topic, { ...known, partitions })
    return true
  }

  /** Names by {@link uuidKey} of these topic ids; those that are not known are left out. */
  namesOf(topicIds: readonly Uint8Array[]): Map<string, string> {
    const wanted = new Set(topicIds.map(uuidKey))
    const names = new Map<string, string>()
    for (const { name, topicId } of this.topics.values()) {
      if (topicId && wanted.has(uuidKey(topicId))) names.set(uuidKey(topicId), name)
    }
    return names
  }

  forget(topic: string): void {
    this.topics.delete(topic)
  }

  partition(topic: string, partition: number): PartitionMetadata | undefined {
    return this.topics.get(topic)?.partitions[partition]
  }
}

/** Sixteen bytes as a key of a map. */
export function uuidKey(topicId: Uint8Array | undefined): string {
  return topicId ? Buffer.from(topicId.buffer, topicId.byteOffset, 16).toString('latin1') : ''
}
