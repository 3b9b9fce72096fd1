/**
 * All of Millrace under one name: write jobs, run them, talk to Kafka, embed a broker.
 *
 * @example
 * import { job, kafkaSource, text } from 'millrace'
 */
export {
  type Broker,
  type BrokerMetrics,
  type BrokerOptions,
  type Logger,
  silentLogger,
  startBroker,
} from '@millrace/broker'
export * from '@millrace/connectors'
export * from '@millrace/engine'
export {
  type ClientOptions,
  type ConsumerRecord,
  ErrorCode,
  KafkaAdmin,
  type KafkaAdminOptions,
  KafkaConsumer,
  type KafkaConsumerOptions,
  KafkaError,
  KafkaProducer,
  type KafkaProducerOptions,
  type ProducerRecord,
  type RecordMetadata,
  type TopicPartition,
} from '@millrace/kafka'
export { hostSystem, MillraceError, type System } from '@millrace/std'
