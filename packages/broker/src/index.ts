export type { BrokerNode } from './broker-node.ts'
export { type Broker, type BrokerMetrics, type BrokerOptions, startBroker } from './broker.ts'
export type { InterceptedRequest, Interception, RequestInterceptor } from './handlers/interception.ts'
export { namesTopics } from './handlers/partial-answer.ts'
export { importKafka, type ImportOptions, type ImportSummary } from './import/import-kafka.ts'
export {
  type DumpEntry,
  type DumpOptions,
  dumpLog,
  type InternalRecord,
  type Problem,
  verifyDataFolder,
  type VerifySummary,
} from './inspect/index.ts'
export { type Logger, silentLogger } from './logger.ts'
