export { type ErrorCategory, ErrorCode, type ErrorName } from './codes.ts'
export { type ErrorInfo, errorByCode, KafkaError } from './kafkaError.ts'
export { ProtocolError, type ProtocolErrorCode, type ProtocolErrorContext } from './protocolError.ts'
