export { type Broker, type BrokerMetrics, type BrokerOptions, startBroker } from './broker.ts'
export { type Logger, silentLogger } from './logger.ts'
