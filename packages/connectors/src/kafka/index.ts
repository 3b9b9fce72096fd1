export type { BadRecordPolicy, KafkaRecord } from './record.ts'
export { kafkaSink, type KafkaSinkOptions } from './sink.ts'
export {
  kafkaSource,
  type KafkaRecordSourceOptions,
  type KafkaSourceCommonOptions,
  type KafkaValueSourceOptions,
  type OffsetsByPartition,
  type StartOffsets,
  type StopOffsets,
} from './source.ts'
export type { KafkaPartitionSplit } from './split.ts'
