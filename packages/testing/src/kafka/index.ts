/**
 * A Kafka for tests: in memory, in the process of the test, with faults and a clock that the test moves.
 *
 * @example
 * import { embeddedKafka } from 'millrace/testing'
 */
export type { BrokerNode } from '@millrace/broker'
export { ManualClock } from '../manual-clock.ts'
export {
  EmbeddedKafka,
  embeddedKafka,
  type GroupWaitOptions,
  type TestMessage,
} from './embedded-kafka.ts'
export type { ApiName, Fault, Injection } from './faults.ts'
export type { EmbeddedKafkaOptions } from './start-broker.ts'
export type { FormOf, ReadOptions, RecordForm, TestRecord, WaitOptions } from './topic-reader.ts'
