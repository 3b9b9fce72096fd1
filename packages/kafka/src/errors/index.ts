export { type ErrorCategory, ErrorCode, type ErrorName } from './codes.ts'
export { type ErrorInfo, errorByCode, KafkaError } from './kafka-error.ts'
export { ProtocolError, type ProtocolErrorCode, type ProtocolErrorContext } from './protocol-error.ts'
