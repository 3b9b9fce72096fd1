import { ProtocolError } from '../errors/protocol-error.ts'
import { type Decoder, generateDecoder } from './generate-decoder.ts'
import { type Encoder, generateEncoder } from './generate-encoder.ts'
import { Reader } from './reader.ts'
import type { DecodedStruct, Fields, InputStruct } from './types.ts'
import { Writer } from './writer.ts'

/** First and last version, both included. */
export type Versions = readonly [first: number, last: number]

/** One message in all its versions. Encoders and decoders are compiled when a version is first used, and kept. */
export class MessageSchema<F extends Fields = Fields> {
  readonly name: string
  readonly versions: Versions
  /** The first version with compact lengths and tagged fields (KIP-482); Infinity when there is none. */
  readonly flexibleFrom: number
  readonly fields: F
  private readonly encoders: Encoder[] = []
  private readonly decoders: Decoder[] = []

  constructor(name: string, versions: Versions, flexibleFrom: number, fields: F) {
    this.name = name
    this.versions = versions
    this.flexibleFrom = flexibleFrom
    this.fields = fields
  }

  supports(version: number): boolean {
    return Number.isInteger(version) && version >= this.versions[0] && version <= this.versions[1]
  }

  /** Appends a message to the frame that `writer` has begun; after an error the writer is back before it. */
  encode(writer: Writer, version: number, value: unknown): void {
    try {
      const encoder = this.encoders[version] ?? this.compileEncoder(version)
      encoder(writer, value, '')
    } catch (cause) {
      writer.abort()
      throw this.supports(version) ? this.explainEncoding(writer, version, value, cause) : cause
    }
  }

  /** Reads a message from where `reader` stands. */
  decode(reader: Reader, version: number): unknown {
    const decoder = this.decoders[version] ?? this.compileDecoder(version)
    const start = reader.position
    try {
      return decoder(reader, '')
    } catch (cause) {
      throw this.explainDecoding(reader, version, start, cause)
    }
  }

  private compileEncoder(version: number): Encoder {
    this.checkVersion(version)
    const encoder = generateEncoder(this.fields, version, version >= this.flexibleFrom, false)
    this.encoders[version] = encoder
    return encoder
  }

  private compileDecoder(version: number): Decoder {
    this.checkVersion(version)
    const decoder = generateDecoder(this.fields, version, version >= this.flexibleFrom, false)
    this.decoders[version] = decoder
    return decoder
  }

  private checkVersion(version: number): void {
    if (this.supports(version)) return
    throw new ProtocolError(
      'PROTOCOL_UNSUPPORTED_VERSION',
      `this version is unknown; ${this.versions[0]} to ${this.versions[1]} are supported`,
      { message: this.name, version },
    )
  }

  /** Encodes once more with a tracing encoder, to find the field at which it fails. */
  private explainEncoding(writer: Writer, version: number, value: unknown, cause: unknown): Error {
    const trace = generateEncoder(this.fields, version, version >= this.flexibleFrom, true)
    writer.begin()
    try {
      trace(writer, value, '')
    } catch {
      const code = cause instanceof ProtocolError ? cause.protocolCode : 'PROTOCOL_NOT_ENCODABLE'
      const problem = cause instanceof ProtocolError ? cause.problem : String(cause)
      return new ProtocolError(code, problem, { message: this.name, version, field: writer.path }, cause)
    } finally {
      writer.abort()
    }
    return cause as Error
  }

  /** Decodes once more with a tracing decoder, to find the field at which it fails. */
  private explainDecoding(reader: Reader, version: number, start: number, cause: unknown): Error {
    if (!(cause instanceof ProtocolError)) return cause as Error
    const trace = generateDecoder(this.fields, version, version >= this.flexibleFrom, true)
    reader.position = start
    reader.path = ''
    try {
      trace(reader, '')
    } catch {
      const context = { message: this.name, version, field: reader.path, position: reader.position }
      return new ProtocolError(cause.protocolCode, cause.problem, context, cause)
    }
    return cause
  }
}

/** The writer and the reader of this module's users: both directions are synchronous, so one of each is enough. */
export const sharedWriter: Writer = new Writer()
export const sharedReader: Reader = new Reader()

/** One API: its request and response in all versions. */
export interface Api<Req extends Fields = Fields, Res extends Fields = Fields> {
  /** Kafka's number of the API. */
  readonly key: number
  readonly name: string
  readonly versions: Versions
  /** What a broker announces, where that differs from what it can serve. */
  readonly advertisedVersions: Versions
  readonly flexibleFrom: number
  readonly request: MessageSchema<Req>
  readonly response: MessageSchema<Res>
}

/** What decoding a request yields. */
export type RequestOf<A extends Api> = DecodedStruct<A['request']['fields']>
/** What encoding a request accepts. */
export type RequestInputOf<A extends Api> = InputStruct<A['request']['fields']>
/** What decoding a response yields. */
export type ResponseOf<A extends Api> = DecodedStruct<A['response']['fields']>
/** What encoding a response accepts. */
export type ResponseInputOf<A extends Api> = InputStruct<A['response']['fields']>

export interface ApiDefinition<Req extends Fields, Res extends Fields> {
  readonly key: number
  readonly name: string
  readonly versions: Versions
  readonly advertisedVersions?: Versions
  /** Infinity when no version is flexible. */
  readonly flexibleFrom: number
  readonly request: Req
  readonly response: Res
}

/**
 * Defines an API once for all versions and both directions.
 *
 * @example
 * const Heartbeat = defineApi({
 *   key: 12, name: 'Heartbeat', versions: [0, 4], flexibleFrom: 4,
 *   request: { groupId: string(), generationId: int32(), memberId: string() },
 *   response: { throttleTimeMs: int32({ versions: '1+', ignorable: true }), errorCode: int16() },
 * })
 */
export function defineApi<const Req extends Fields, const Res extends Fields>({
  key,
  name,
  versions,
  advertisedVersions = versions,
  flexibleFrom,
  request,
  response,
}: ApiDefinition<Req, Res>): Api<Req, Res> {
  return {
    key,
    name,
    versions,
    advertisedVersions,
    flexibleFrom,
    request: new MessageSchema(`${name}Request`, versions, flexibleFrom, request),
    response: new MessageSchema(`${name}Response`, versions, flexibleFrom, response),
  }
}
