import { sharedReader, sharedWriter } from '../codec/schema.ts'
import type { DecodedStruct, InputStruct } from '../codec/types.ts'
import { ProtocolError } from '../errors/protocol-error.ts'
import {
  AbortTransactionRecord,
  BeginTransactionRecord,
  BrokerRegistrationChangeRecord,
  EndTransactionRecord,
  FeatureLevelRecord,
  FenceBrokerRecord,
  NoOpRecord,
  ProducerIdsRecord,
  RegisterBrokerRecord,
  RegisterControllerRecord,
  UnfenceBrokerRecord,
  UnregisterBrokerRecord,
  ZkMigrationStateRecord,
} from './metadata-cluster-records.ts'
import type { MetadataRecordType } from './metadata-record-type.ts'
import {
  ClearElrRecord,
  ConfigRecord,
  PartitionChangeRecord,
  PartitionRecord,
  RemoveTopicRecord,
  TopicRecord,
} from './metadata-topic-records.ts'

// The records of `__cluster_metadata` (KIP-500, KIP-631). A value is led by three unsigned varints: the frame's version (1), the
// kind of record, its version. The record's key is null.

/** Every kind that has a definition, by number. */
export const metadataRecordTypes = [
  RegisterBrokerRecord,
  UnregisterBrokerRecord,
  TopicRecord,
  PartitionRecord,
  ConfigRecord,
  PartitionChangeRecord,
  FenceBrokerRecord,
  UnfenceBrokerRecord,
  RemoveTopicRecord,
  FeatureLevelRecord,
  ProducerIdsRecord,
  BrokerRegistrationChangeRecord,
  NoOpRecord,
  ZkMigrationStateRecord,
  BeginTransactionRecord,
  EndTransactionRecord,
  AbortTransactionRecord,
  RegisterControllerRecord,
  ClearElrRecord,
] as const

type Types = (typeof metadataRecordTypes)[number]
type DecodedOf<T extends Types> = T extends Types
  ? { readonly kind: T['name']; readonly value: DecodedStruct<T['schema']['fields']> }
  : never
type InputOf<T extends Types> = T extends Types
  ? { readonly kind: T['name']; readonly value: InputStruct<T['schema']['fields']> }
  : never

/** A record, told apart by its kind. */
export type MetadataRecord = DecodedOf<Types>

/** What encoding accepts: fields with a default may be left out. */
export type MetadataRecordInput = InputOf<Types>

const frameVersion = 1
const byName: ReadonlyMap<string, MetadataRecordType> = new Map(metadataRecordTypes.map((type) => [type.name, type]))
const byKey: ReadonlyMap<number, MetadataRecordType> = new Map(metadataRecordTypes.map((type) => [type.key, type]))

/**
 * The value of a metadata record, in memory of its own. Version 0 is what every reader knows; newer ones hold more.
 *
 * @throws ProtocolError `PROTOCOL_NOT_ENCODABLE` when the version cannot hold the value, `PROTOCOL_UNSUPPORTED_VERSION`
 */
export function encodeMetadataRecord({ kind, value }: MetadataRecordInput, version = 0): Uint8Array {
  const type = byName.get(kind) as MetadataRecordType
  const writer = sharedWriter
  writer.begin()
  writer.writeUvarint(frameVersion)
  writer.writeUvarint(type.key)
  writer.writeUvarint(version)
  type.schema.encode(writer, version, value)
  return writer.finishCopy()
}

/**
 * A metadata record from its value; undefined for a kind that is not known here: access control, quotas, SCRAM
 * credentials and delegation tokens, and what newer versions add.
 *
 * @throws ProtocolError when the bytes are not what their version says, or the version is unknown
 */
export function decodeMetadataRecord(bytes: Uint8Array): MetadataRecord | undefined {
  const reader = sharedReader
  reader.reset(bytes, 0)
  try {
    const frame = reader.readUvarint()
    if (frame !== frameVersion) {
      throw new ProtocolError('PROTOCOL_UNSUPPORTED_VERSION', `frame version ${frame}`, { message: 'MetadataRecord' })
    }
    const key = reader.readUvarint()
    const version = reader.readUvarint()
    const type = byKey.get(key)
    if (!type) return undefined
    return { kind: type.name, value: type.schema.decode(reader, version) } as MetadataRecord
  } finally {
    reader.release()
  }
}
