export {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type RequestHeader,
  type RequestHeaderInput,
  responseCorrelationId,
} from './codec/frame.ts'
export type { Api, RequestInputOf, RequestOf, ResponseInputOf, ResponseOf, Versions } from './codec/schema.ts'
export {
  decodeStruct,
  encodeStruct,
  type StructInputOf,
  type StructOf,
  structVersion,
  type VersionedStruct,
} from './codec/struct.ts'
export type { RecordsInput } from './codec/types.ts'
export * from './definitions/index.ts'
export {
  type ErrorCategory,
  ErrorCode,
  type ErrorInfo,
  type ErrorName,
  errorByCode,
  KafkaError,
  ProtocolError,
  type ProtocolErrorCode,
  type ProtocolErrorContext,
} from './errors/index.ts'
export * from './records/index.ts'
export * from './client/index.ts'
