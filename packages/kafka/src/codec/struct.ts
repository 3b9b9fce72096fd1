import { ProtocolError } from '../errors/protocol-error.ts'
import { MessageSchema, sharedReader, sharedWriter, type Versions } from './schema.ts'
import type { DecodedStruct, Fields, InputStruct } from './types.ts'

/** A message of its own, led by its version as an int16: payloads of group protocols, records of `__consumer_offsets`. */
export interface VersionedStruct<F extends Fields = Fields> {
  readonly name: string
  readonly versions: Versions
  readonly schema: MessageSchema<F>
  /** Newer versions only append fields, so one that is not known is read as the newest that is. */
  readonly readsNewer: boolean
}

export type StructOf<S extends VersionedStruct> = DecodedStruct<S['schema']['fields']>
export type StructInputOf<S extends VersionedStruct> = InputStruct<S['schema']['fields']>

export interface StructDefinition<F extends Fields> {
  readonly name: string
  readonly versions: Versions
  /** Infinity when no version is flexible. */
  readonly flexibleFrom: number
  readonly readsNewer?: boolean
  readonly fields: F
}

/**
 * Defines a versioned struct.
 *
 * @example
 * const GroupMetadataKey = defineStruct({
 *   name: 'GroupMetadataKey', versions: [2, 2], flexibleFrom: Infinity, fields: { group: string() },
 * })
 */
export function defineStruct<const F extends Fields>({
  name,
  versions,
  flexibleFrom,
  readsNewer = false,
  fields,
}: StructDefinition<F>): VersionedStruct<F> {
  return { name, versions, schema: new MessageSchema(name, versions, flexibleFrom, fields), readsNewer }
}

/**
 * The bytes of a struct, its leading version included, in memory of their own.
 *
 * @throws ProtocolError `PROTOCOL_NOT_ENCODABLE`, `PROTOCOL_UNSUPPORTED_VERSION`
 */
export function encodeStruct<S extends VersionedStruct>(
  struct: S,
  version: number,
  value: StructInputOf<S>,
): Uint8Array {
  const writer = sharedWriter
  writer.begin()
  writer.reserve(2)
  writer.putInt16(version)
  struct.schema.encode(writer, version, value)
  return writer.finishCopy()
}

/**
 * A struct and the version that led it.
 *
 * @throws ProtocolError when the bytes are not what the version says, or the version is unknown
 */
export function decodeStruct<S extends VersionedStruct>(
  struct: S,
  bytes: Uint8Array,
): { version: number; value: StructOf<S> } {
  const version = structVersion(bytes, struct.name)
  const readAs = struct.readsNewer ? Math.min(version, struct.versions[1]) : version
  const reader = sharedReader
  reader.reset(bytes, 2)
  try {
    return { version, value: struct.schema.decode(reader, readAs) as StructOf<S> }
  } finally {
    reader.release()
  }
}

/** The version that leads a struct; among the keys of `__consumer_offsets` it tells which kind of record it is. */
export function structVersion(bytes: Uint8Array, name = 'struct'): number {
  if (bytes.byteLength < 2) {
    throw new ProtocolError('PROTOCOL_TRUNCATED', 'the leading version is missing', { message: name, position: 0 })
  }
  return (((bytes[0] as number) << 24) >> 16) | (bytes[1] as number)
}
