export { KafkaAdmin } from './admin.ts'
export type {
  AdminCallOptions,
  ClusterDescription,
  ConfigEntry,
  ConfigResourceType,
  GroupDescription,
  GroupListing,
  GroupMemberDescription,
  KafkaAdminOptions,
  NewTopic,
  TopicDescription,
  TopicListing,
} from './admin-types.ts'
export type {
  Assignment,
  AssignmentInput,
  GroupMember,
  PartitionAssignor,
  RebalanceProtocol,
  TopicPartition,
} from './assignors/assignor.ts'
export { cooperativeStickyAssignor } from './assignors/cooperative-sticky.ts'
export { rangeAssignor } from './assignors/range.ts'
export { roundRobinAssignor } from './assignors/round-robin.ts'
export { type CallOptions, KafkaConsumer } from './consumer.ts'
export type { AssignorName, AutoOffsetReset, IsolationLevel, KafkaConsumerOptions } from './consumer-options.ts'
export { ConsumerRecord, type PartitionBatches } from './consumer-record.ts'
export {
  ClientClosedError,
  ClientTimeoutError,
  ConnectionError,
  isRetriable,
  ProduceError,
} from './errors.ts'
export type { CommittedOffset } from './group-coordinator.ts'
export type { RebalanceListener } from './group-member.ts'
export type { BrokerNode, PartitionMetadata, TopicMetadata } from './metadata.ts'
export type { FoundOffset, OffsetQuery } from './offset-lookup.ts'
export type { ClientOptions, ClientSystem } from './options.ts'
export { murmur2, type Partitioner, partitionForKey } from './partitioner.ts'
export { KafkaProducer } from './producer.ts'
export type { Acks, KafkaProducerOptions } from './producer-options.ts'
export type { ColumnBatch, ProducedRange, ProducerRecord, RecordMetadata } from './producer-record.ts'
