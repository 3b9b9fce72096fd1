import { ProtocolError } from '../errors/protocol-error.ts'
import {
  type Api,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
  sharedReader,
  sharedWriter,
} from './schema.ts'

/** ApiVersions: its response header stays at version 0, since a client reads it before it knows the broker's versions (KIP-511). */
const API_VERSIONS_KEY = 18

export interface RequestHeaderInput {
  /** The response carries it back. */
  readonly correlationId: number
  readonly clientId: string | null
}

export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
  /** Where the body begins in the frame. */
  readonly bodyOffset: number
}

/**
 * A request as it goes over the wire, its 4-byte size included. The parts are to be sent in order; they belong to the
 * caller and stay valid. Large `records` are among them as they are, without a copy.
 *
 * @throws ProtocolError `PROTOCOL_NOT_ENCODABLE`, `PROTOCOL_UNSUPPORTED_VERSION`
 */
export function encodeRequest<A extends Api>(
  api: A,
  version: number,
  { correlationId, clientId }: RequestHeaderInput,
  body: RequestInputOf<A>,
): Uint8Array[] {
  const writer = sharedWriter
  writer.begin()
  writer.reserve(14)
  writer.putInt32(0)
  writer.putInt16(api.key)
  writer.putInt16(version)
  writer.putInt32(correlationId)
  // The client id is never compact: a broker reads it before it knows whether it supports the version.
  if (clientId === null) writer.putInt16(-1)
  else writer.writeString(clientId)
  if (version >= api.flexibleFrom) writer.writeUvarint(0)
  api.request.encode(writer, version, body)
  return writer.finishFrame()
}

/**
 * A response as it goes over the wire, its 4-byte size included. `records` may be given as several pieces, such as slices
 * of a file.
 *
 * @throws ProtocolError `PROTOCOL_NOT_ENCODABLE`, `PROTOCOL_UNSUPPORTED_VERSION`
 */
export function encodeResponse<A extends Api>(
  api: A,
  version: number,
  correlationId: number,
  body: ResponseInputOf<A>,
): Uint8Array[] {
  const writer = sharedWriter
  writer.begin()
  writer.reserve(9)
  writer.putInt32(0)
  writer.putInt32(correlationId)
  if (hasFlexibleResponseHeader(api, version)) writer.putUvarint(0)
  api.response.encode(writer, version, body)
  return writer.finishFrame()
}

/** Where the body of a request begins depends on the API and version, so the caller says how to look that up. */
export function readRequestHeader(frame: Uint8Array, flexibleFromOf: (apiKey: number) => number): RequestHeader {
  const reader = sharedReader
  reader.reset(frame, 0)
  try {
    reader.need(8)
    const apiKey = reader.getInt16()
    const apiVersion = reader.getInt16()
    const correlationId = reader.getInt32()
    const length = reader.readLength16()
    const clientId = length < 0 ? null : reader.readText(length)
    if (apiVersion >= flexibleFromOf(apiKey)) reader.skipTags()
    return { apiKey, apiVersion, correlationId, clientId, bodyOffset: reader.position }
  } catch (cause) {
    if (!(cause instanceof ProtocolError) || cause.position !== undefined) throw cause
    const context = { message: 'RequestHeader', position: reader.position }
    throw new ProtocolError(cause.protocolCode, cause.problem, context, cause)
  } finally {
    reader.release()
  }
}

/**
 * The body of a request. `frame` comes without its size prefix; `bodyOffset` is what the header's decoding said. Bytes after
 * the body are ignored, as Kafka does.
 * `records` in the result are views of the frame.
 *
 * @throws ProtocolError when the frame is not what the version says, or the version is unknown
 */
export function decodeRequest<A extends Api>(
  api: A,
  version: number,
  frame: Uint8Array,
  bodyOffset: number,
): RequestOf<A> {
  const reader = sharedReader
  reader.reset(frame, bodyOffset)
  try {
    return api.request.decode(reader, version) as RequestOf<A>
  } finally {
    reader.release()
  }
}

/**
 * A response, `frame` without its size prefix. `records` in the result are views of the frame.
 *
 * @throws ProtocolError when the frame is not what the version says, or the version is unknown
 */
export function decodeResponse<A extends Api>(
  api: A,
  version: number,
  frame: Uint8Array,
): { correlationId: number; body: ResponseOf<A> } {
  const correlationId = responseCorrelationId(frame)
  const reader = sharedReader
  reader.reset(frame, 4)
  try {
    if (hasFlexibleResponseHeader(api, version)) reader.skipTags()
    return { correlationId, body: api.response.decode(reader, version) as ResponseOf<A> }
  } finally {
    reader.release()
  }
}

/** Which request a response (without its size prefix) answers. */
export function responseCorrelationId(frame: Uint8Array): number {
  const reader = sharedReader
  reader.reset(frame, 0)
  try {
    reader.need(4)
    return reader.getInt32()
  } finally {
    reader.release()
  }
}

function hasFlexibleResponseHeader(api: Api, version: number): boolean {
  return version >= api.flexibleFrom && api.key !== API_VERSIONS_KEY
}
