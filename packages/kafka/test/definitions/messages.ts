import type { MessageSchema } from '../../src/codec/schema.ts'
import { decodeStruct, encodeStruct, type VersionedStruct } from '../../src/codec/struct.ts'
import { Writer } from '../../src/codec/writer.ts'
import {
  apis,
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataKey,
  ConsumerGroupMetadataValue,
  ConsumerGroupPartitionMetadataKey,
  ConsumerGroupPartitionMetadataValue,
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  ControlRecordTypeSchema,
  decodeMetadataRecord,
  encodeMetadataRecord,
  EndTxnMarker,
  GroupMetadataKey,
  GroupMetadataValue,
  KRaftVersionRecord,
  LeaderChangeMessage,
  type MetadataRecordInput,
  type MetadataRecordType,
  metadataRecordTypes,
  OffsetCommitKey,
  OffsetCommitValue,
  SnapshotFooterRecord,
  SnapshotHeaderRecord,
  TransactionLogKey,
  TransactionLogValue,
  VotersRecord,
} from '../../src/definitions/index.ts'

/** A message under test, with what leads it where it is sent or kept. */
export interface TestedMessage {
  /** Kafka's name. */
  readonly name: string
  readonly schema: MessageSchema
  /** Kafka's versions. */
  readonly versions: readonly number[]
  /** Our number of a version of Kafka's. */
  version(kafkaVersion: number): number
  /** How many bytes lead the message. */
  readonly lead: number
  encode(version: number, value: Record<string, unknown>): Uint8Array
  /** By what users call; undefined where that has no lead to read. */
  decode?(bytes: Uint8Array): unknown
}

function versionsOf({ versions: [first, last] }: MessageSchema): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

const same = (version: number) => version

function plain(schema: MessageSchema): TestedMessage {
  const encode = (version: number, value: unknown) => {
    const writer = new Writer()
    writer.begin()
    schema.encode(writer, version, value)
    return writer.finishCopy()
  }
  return { name: schema.name, schema, versions: versionsOf(schema), version: same, lead: 0, encode }
}

function struct(definition: VersionedStruct): TestedMessage {
  const { name, schema } = definition
  return {
    name,
    schema,
    versions: versionsOf(schema),
    version: same,
    lead: 2,
    encode: (version, value) => encodeStruct(definition, version, value),
    decode: (bytes) => decodeStruct(definition, bytes).value,
  }
}

/** A key of a coordinator's topic: the kind of record is what leads it and our version; Kafka's is always 0. */
function key(definition: VersionedStruct, kind: number, name = definition.name): TestedMessage {
  return { ...struct(definition), name, versions: [0], version: () => kind }
}

function metadataRecord({ name, schema }: MetadataRecordType): TestedMessage {
  return {
    name,
    schema,
    versions: versionsOf(schema),
    version: same,
    lead: 3,
    encode: (version, value) => encodeMetadataRecord({ kind: name, value } as unknown as MetadataRecordInput, version),
    decode: (bytes) => {
      const record = decodeMetadataRecord(bytes)
      return record?.kind === name ? record.value : undefined
    },
  }
}

const structs: readonly VersionedStruct[] = [
  ConsumerProtocolSubscription,
  ConsumerProtocolAssignment,
  OffsetCommitValue,
  GroupMetadataValue,
  ConsumerGroupMetadataValue,
  ConsumerGroupPartitionMetadataValue,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupTargetAssignmentMetadataValue,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupRegularExpressionValue,
  TransactionLogKey,
  TransactionLogValue,
  ControlRecordTypeSchema,
  EndTxnMarker,
  LeaderChangeMessage,
  SnapshotHeaderRecord,
  SnapshotFooterRecord,
  KRaftVersionRecord,
  VotersRecord,
]

const keys = [
  key(OffsetCommitKey, 0, 'LegacyOffsetCommitKey'),
  key(OffsetCommitKey, 1),
  key(GroupMetadataKey, 2),
  key(ConsumerGroupMetadataKey, 3),
  key(ConsumerGroupPartitionMetadataKey, 4),
  key(ConsumerGroupMemberMetadataKey, 5),
  key(ConsumerGroupTargetAssignmentMetadataKey, 6),
  key(ConsumerGroupTargetAssignmentMemberKey, 7),
  key(ConsumerGroupCurrentMemberAssignmentKey, 8),
  key(ConsumerGroupRegularExpressionKey, 16),
]

/** Every message under test. */
export const messages: readonly TestedMessage[] = [
  ...apis.flatMap((api) => [plain(api.request), plain(api.response)]),
  ...structs.map(struct),
  ...keys,
  ...metadataRecordTypes.map(metadataRecord),
]
