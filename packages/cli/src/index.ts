/**
 * All of Millrace under one name: write jobs, run them, talk to Kafka, embed a broker.
 *
 * @example
 * import { job, kafkaSource, text } from 'millrace'
 */
export type { Broker, BrokerMetrics, BrokerOptions, Logger } from '@millrace/broker'
export { silentLogger, startBroker } from '@millrace/broker'
export * from '@millrace/connectors'
export type * from '@millrace/engine'
export {
  // Jobs
  describePlan,
  executeJob,
  explain,
  job,
  UserFunctionError,
  // Streams
  field,
  outputTag,
  schema,
  type,
  WatermarkStrategy,
  // Windows
  globalWindows,
  session,
  sliding,
  tumbling,
  // Triggers and evictors
  continuousEventTimeTrigger,
  continuousProcessingTimeTrigger,
  countEvictor,
  countTrigger,
  customTrigger,
  deltaEvictor,
  deltaTrigger,
  endOfStreamTrigger,
  eventTimeTrigger,
  processingTimeoutTrigger,
  processingTimeTrigger,
  purgingTrigger,
  timeEvictor,
  // State
  aggregatingState,
  listState,
  mapState,
  reducingState,
  valueState,
  // For sources and sinks of one's own
  columnBatch,
  MAX_TIMESTAMP,
  MIN_TIMESTAMP,
  NO_TIMESTAMP,
  objectBatch,
} from '@millrace/engine'
export type {
  ClientOptions,
  ColumnBatch,
  CommittedOffset,
  ConsumerGroupMetadata,
  ConsumerRecord,
  KafkaAdminOptions,
  KafkaConsumerOptions,
  KafkaProducerOptions,
  PartitionBatches,
  PreparedTransaction,
  ProducerRecord,
  RebalanceListener,
  RecordMetadata,
  ResumedTransaction,
  SubscriptionPattern,
  TopicPartition,
  Verdict,
} from '@millrace/kafka'
export {
  ErrorCode,
  isAbortable,
  isFatal,
  isRetriable,
  KafkaAdmin,
  KafkaConsumer,
  KafkaError,
  KafkaProducer,
  LogTruncationError,
  ProduceError,
  TransactionError,
} from '@millrace/kafka'
export type { System } from '@millrace/std'
export { hostSystem, MillraceError } from '@millrace/std'
