import type { KafkaError } from '../../errors/index.ts'
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

/** A partition with what only KRaft knows of it (KIP-966). */
export interface PartitionDescription extends PartitionMetadata, TopicPartition {
  readonly topicId: string
  /** Not in sync, but may be elected. */
  readonly eligibleLeaderReplicas: readonly number[]
  readonly lastKnownEligibleLeaderReplicas: readonly number[]
  readonly offlineReplicas: readonly number[]
}

export type ConfigResourceType = 'topic' | 'broker' | 'brokerLogger' | 'clientMetrics' | 'group'

export interface ConfigResource {
  readonly type: ConfigResourceType
  readonly name: string
}

/** Where a value comes from: `broker` is set for one broker, `brokerDefault` for all, `static` in a broker's file. */
export type ConfigSource =
  | 'unknown'
  | 'topic'
  | 'broker'
  | 'brokerDefault'
  | 'static'
  | 'default'
  | 'brokerLogger'
  | 'clientMetrics'
  | 'group'

export interface ConfigEntry {
  readonly name: string
  /** Null when it is secret. */
  readonly value: string | null
  readonly isReadOnly: boolean
  readonly isSensitive: boolean
  /** Not set by anybody: the default of Kafka. */
  readonly isDefault: boolean
  readonly source: ConfigSource
  /** With `includeDocumentation`. */
  readonly documentation?: string | null
  /** With `includeSynonyms`: where it could be set, the first one that is counts. */
  readonly synonyms?: readonly { name: string; value: string | null; source: ConfigSource }[]
}

export interface ConfigChange {
  readonly name: string
  /** Default `set`. */
  readonly operation?: 'set' | 'delete' | 'append' | 'subtract'
  /** Not needed to delete. */
  readonly value?: string | number | boolean
}

export interface ClusterDescription {
  readonly clusterId: string
  readonly controllerId: number
  readonly brokers: readonly { nodeId: number; host: string; port: number; rack: string | null }[]
}

export type GroupType = 'classic' | 'consumer' | 'share' | 'streams'

export interface GroupListing {
  readonly groupId: string
  readonly protocolType: string
  /** `Stable`, `Empty` …; empty from brokers that do not say. */
  readonly state: string
  /** Undefined from brokers that do not say. */
  readonly type: GroupType | undefined
}

export interface GroupFilter {
  /** `Stable`, `Empty` …: groups in one of these states (KIP-518). */
  readonly states?: readonly string[]
  /** Groups of one of these types (KIP-848). */
  readonly types?: readonly GroupType[]
}

export interface GroupDescription {
  readonly groupId: string
  readonly protocolType: string
  readonly state: string
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

/** A group of consumers, of either protocol. */
export interface ConsumerGroupDescription extends GroupDescription {
  readonly type: 'classic' | 'consumer'
  /** With KIP-848: the epoch of the group, and the one that the assignment was made for. */
  readonly groupEpoch?: number
  readonly assignmentEpoch?: number
  readonly members: readonly ConsumerGroupMemberDescription[]
}

export interface ConsumerGroupMemberDescription extends GroupMemberDescription {
  /** With KIP-848: */
  readonly memberEpoch?: number
  readonly rackId?: string | null
  readonly subscribedTopics?: readonly string[]
  readonly subscribedPattern?: string | null
  /** What it is to have once all others gave up what moves. */
  readonly target?: readonly TopicPartition[]
  /** A member of the classic protocol in a group that is being upgraded. */
  readonly isClassic?: boolean
}

export interface TransactionListing {
  readonly transactionalId: string
  readonly producerId: number
  /** `Empty`, `Ongoing`, `PrepareCommit`, `CompleteCommit` … */
  readonly state: string
}

export interface TransactionFilter {
  readonly states?: readonly string[]
  readonly producerIds?: readonly number[]
  /** Only transactions that have been going on for longer, milliseconds (KIP-994). */
  readonly runningLongerThanMs?: number
  /** A regular expression in RE2/J's syntax for the transactional id (KIP-1152). */
  readonly transactionalIdPattern?: string
}

export interface TransactionDescription extends TransactionListing {
  readonly producerEpoch: number
  readonly coordinatorId: number
  readonly timeoutMs: number
  /** Milliseconds since the epoch; undefined when none is going on. */
  readonly startedAt: number | undefined
  readonly partitions: readonly TopicPartition[]
}

/** A producer as a partition knows it. */
export interface ProducerState extends TopicPartition {
  readonly producerId: number
  readonly producerEpoch: number
  readonly lastSequence: number
  /** Milliseconds since the epoch. */
  readonly lastTimestamp: number
  /** -1: it never ended a transaction here. */
  readonly coordinatorEpoch: number
  /** Where its open transaction begins; undefined when none is open. */
  readonly currentTransactionStartOffset: number | undefined
}

/** An open transaction on one partition, to be aborted there: see {@link KafkaAdmin.abortTransaction}. */
export interface HangingTransaction extends TopicPartition {
  readonly producerId: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
}

export interface LogDirDescription {
  readonly nodeId: number
  readonly path: string
  readonly totalBytes: bigint | undefined
  readonly usableBytes: bigint | undefined
  readonly replicas: readonly (TopicPartition & { sizeBytes: number; offsetLag: number; isFuture: boolean })[]
}

export interface QuorumDescription {
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly highWatermark: number
  readonly voters: readonly QuorumReplica[]
  readonly observers: readonly QuorumReplica[]
}

export interface QuorumReplica {
  readonly replicaId: number
  readonly logEndOffset: number
  /** Milliseconds since the epoch; -1 when it is not known. */
  readonly lastFetchTimestamp: number
  readonly lastCaughtUpTimestamp: number
}

export interface FeatureDescription {
  readonly name: string
  /** What the cluster has agreed on; 0: not in use. */
  readonly level: number
  readonly supported: readonly [min: number, max: number]
}

export interface PartitionReassignment extends TopicPartition {
  readonly replicas: readonly number[]
  readonly addingReplicas: readonly number[]
  readonly removingReplicas: readonly number[]
}

/** What became of one partition of a request. */
export interface PartitionResult extends TopicPartition {
  /** Undefined: it worked. */
  readonly error: KafkaError | undefined
}
