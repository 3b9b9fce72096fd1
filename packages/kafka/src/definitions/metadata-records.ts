import { MessageSchema, sharedReader, sharedWriter } from '../codec/schema.ts'
import {
  array,
  type DecodedStruct,
  type Fields,
  type InputStruct,
  int16,
  int32,
  int64,
  int8,
  string,
  uuid,
} from '../codec/types.ts'
import { ProtocolError } from '../errors/protocol-error.ts'

// The records of `__cluster_metadata` that a single node needs (KIP-500, KIP-631). A value is led by three unsigned
// varints: the frame's version (1), the kind of record, its version. The record's key is null. All versions are flexible.

export interface MetadataRecordType<F extends Fields = Fields, N extends string = string> {
  readonly key: number
  readonly name: N
  /** The version that is written, and the newest that is read. */
  readonly version: number
  readonly schema: MessageSchema<F>
}

function defineMetadataRecord<const F extends Fields, const N extends string>(
  key: number,
  name: N,
  version: number,
  fields: F,
): MetadataRecordType<F, N> {
  return { key, name, version, schema: new MessageSchema(name, [0, version], 0, fields) }
}

export const TopicRecord = defineMetadataRecord(2, 'TopicRecord', 0, { name: string(), topicId: uuid() })

export const PartitionRecord = defineMetadataRecord(3, 'PartitionRecord', 0, {
  partitionId: int32({ default: -1 }),
  topicId: uuid(),
  replicas: array(int32()),
  isr: array(int32()),
  removingReplicas: array(int32()),
  addingReplicas: array(int32()),
  leader: int32({ default: -1 }),
  leaderRecoveryState: int8({ tag: 0, default: 0 }),
  leaderEpoch: int32({ default: -1 }),
  partitionEpoch: int32({ default: -1 }),
})

/** A configuration value of a topic (resource type 2) or broker (4); null removes it. */
export const ConfigRecord = defineMetadataRecord(4, 'ConfigRecord', 0, {
  resourceType: int8(),
  resourceName: string(),
  name: string(),
  value: string({ nullable: true }),
})

export const RemoveTopicRecord = defineMetadataRecord(9, 'RemoveTopicRecord', 0, { topicId: uuid() })

export const FeatureLevelRecord = defineMetadataRecord(12, 'FeatureLevelRecord', 0, {
  name: string(),
  featureLevel: int16(),
})

/** All producer ids below `nextProducerId` were handed out to brokers. */
export const ProducerIdsRecord = defineMetadataRecord(15, 'ProducerIdsRecord', 0, {
  brokerId: int32(),
  brokerEpoch: int64({ default: -1 }),
  nextProducerId: int64(),
})

const types = [
  TopicRecord,
  PartitionRecord,
  ConfigRecord,
  RemoveTopicRecord,
  FeatureLevelRecord,
  ProducerIdsRecord,
] as const

type Types = (typeof types)[number]
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

/** The value of a metadata record, in memory of its own. */
export function encodeMetadataRecord({ kind, value }: MetadataRecordInput): Uint8Array {
  const type = types.find(({ name }) => name === kind) as MetadataRecordType
  const writer = sharedWriter
  writer.begin()
  writer.writeUvarint(frameVersion)
  writer.writeUvarint(type.key)
  writer.writeUvarint(type.version)
  type.schema.encode(writer, type.version, value)
  return writer.finishCopy()
}

/**
 * A metadata record from its value; undefined for a kind that is not known here.
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
    const type = types.find((candidate) => candidate.key === key)
    if (!type) return undefined
    return { kind: type.name, value: type.schema.decode(reader, version) } as MetadataRecord
  } finally {
    reader.release()
  }
}
