import type { TopicPartition } from '../group/assignors/assignor.ts'
import type { PartitionMetadata } from '../cluster/metadata.ts'
import type { ClientOptions } from '../cluster/options.ts'

export interface KafkaAdminOptions extends ClientOptions {
  /** For calls that take no timeout of their own. Default 60,000. */
  defaultApiTimeoutMs?: number
}

export interface AdminCallOptions {
  timeoutMs?: number
  signal?: AbortSignal
}

export interface NewTopic {
  readonly topic: string
  /** The broker's default without it. */
  readonly partitions?: number
  readonly replicationFactor?: number
  /** Kafka's topic settings: `{ 'cleanup.policy': 'compact' }`. */
  readonly configs?: Readonly<Record<string, string | number | boolean>>
}

export interface TopicListing {
  readonly topic: string
  /** Kafka's form, 22 characters; undefined from brokers before topic ids. */
  readonly topicId: string | undefined
  readonly isInternal: boolean
}

export interface TopicDescription extends TopicListing {
  readonly partitions: readonly PartitionMetadata[]
}

export type ConfigResourceType = 'topic' | 'broker' | 'group'

export interface ConfigEntry {
  readonly name: string
  /** Null when it is secret. */
  readonly value: string | null
  readonly isReadOnly: boolean
  readonly isSensitive: boolean
  /** Not set by anybody: the default of Kafka. */
  readonly isDefault: boolean
}

export interface ClusterDescription {
  readonly clusterId: string
  readonly controllerId: number
  readonly brokers: readonly { nodeId: number; host: string; port: number; rack: string | null }[]
}

export interface GroupListing {
  readonly groupId: string
  readonly protocolType: string
  /** `Stable`, `Empty` …; empty from brokers that do not say. */
  readonly state: string
}

export interface GroupDescription extends GroupListing {
  /** The assignor in use. */
  readonly protocol: string
  readonly members: readonly GroupMemberDescription[]
}

export interface GroupMemberDescription {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly host: string
  readonly partitions: readonly TopicPartition[]
}
