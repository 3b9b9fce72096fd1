export { KafkaAdmin } from './admin/admin.ts'
export type {
  AdminCallOptions,
  ClusterDescription,
  ConfigChange,
  ConfigEntry,
  ConfigResource,
  ConfigResourceType,
  ConfigSource,
  ConsumerGroupDescription,
  ConsumerGroupMemberDescription,
  FeatureDescription,
  GroupDescription,
  GroupFilter,
  GroupListing,
  GroupMemberDescription,
  GroupType,
  HangingTransaction,
  KafkaAdminOptions,
  LogDirDescription,
  NewTopic,
  PartitionDescription,
  PartitionReassignment,
  PartitionResult,
  ProducerState,
  QuorumDescription,
  QuorumReplica,
  TopicDescription,
  TopicListing,
  TransactionDescription,
  TransactionFilter,
  TransactionListing,
} from './admin/admin-types.ts'
export type {
  Assignment,
  AssignmentInput,
  GroupMember,
  PartitionAssignor,
  RebalanceProtocol,
  TopicPartition,
} from './group/assignors/assignor.ts'
export { cooperativeStickyAssignor } from './group/assignors/cooperative-sticky.ts'
export { rangeAssignor } from './group/assignors/range.ts'
export { roundRobinAssignor } from './group/assignors/round-robin.ts'
export { type CallOptions, KafkaConsumer } from './consumer/consumer.ts'
export type {
  AssignorName,
  AutoOffsetReset,
  IsolationLevel,
  KafkaConsumerOptions,
} from './consumer/consumer-options.ts'
export { ConsumerRecord, type PartitionBatches } from './consumer/consumer-record.ts'
export {
  ClientClosedError,
  ClientTimeoutError,
  ConnectionError,
  isAbortable,
  isFatal,
  isRetriable,
  ProduceError,
  type Verdict,
} from './cluster/errors.ts'
export type { CommittedOffset, ConsumerGroupMetadata } from './group/group-coordinator.ts'
export type { RebalanceListener } from './group/membership.ts'
export type { BrokerNode, PartitionMetadata, TopicMetadata } from './cluster/metadata.ts'
export type { FoundOffset, OffsetQuery } from './consumer/offset-lookup.ts'
export type { ClientOptions, ClientSystem } from './cluster/options.ts'
export { murmur2, type Partitioner, partitionForKey } from './producer/partitioner.ts'
export { KafkaProducer, type TransactionOptions } from './producer/producer.ts'
export type { Acks, KafkaProducerOptions } from './producer/producer-options.ts'
export type { ColumnBatch, ProducedRange, ProducerRecord, RecordMetadata } from './producer/producer-record.ts'
export type { PreparedTransaction } from './transactions/prepared-transaction.ts'
export { ResumedTransaction } from './transactions/resumed-transaction.ts'
export { TransactionError } from './transactions/transaction-errors.ts'
export type { SubscriptionPattern, TopicSubscription } from './consumer/topic-selection.ts'
export { LogTruncationError } from './consumer/position-validation.ts'
