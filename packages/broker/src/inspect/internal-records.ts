import {
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
  decodeMetadataRecord,
  decodeStruct,
  GroupMetadataKey,
  GroupMetadataValue,
  OffsetCommitKey,
  OffsetCommitValue,
  ProtocolError,
  structVersion,
  TransactionLogKey,
  TransactionLogValue,
  type VersionedStruct,
} from '@millrace/kafka'
import { uuidToString } from '@millrace/std'
import { metadataTopicName, offsetsTopicName, transactionsTopicName } from '../metadata/topic-name.ts'

/** A record of one of the broker's own topics, decoded. `value` is null for a tombstone. */
export interface InternalRecord {
  readonly type: string
  readonly key: object | null
  readonly value: object | null
}

/** Kinds of records in `__consumer_offsets`, by the version that leads their keys. */
const groupRecords: ReadonlyMap<number, readonly [VersionedStruct, VersionedStruct]> = new Map<
  number,
  readonly [VersionedStruct, VersionedStruct]
>([
  [0, [OffsetCommitKey, OffsetCommitValue]],
  [1, [OffsetCommitKey, OffsetCommitValue]],
  [2, [GroupMetadataKey, GroupMetadataValue]],
  [3, [ConsumerGroupMetadataKey, ConsumerGroupMetadataValue]],
  [4, [ConsumerGroupPartitionMetadataKey, ConsumerGroupPartitionMetadataValue]],
  [5, [ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue]],
  [6, [ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue]],
  [7, [ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue]],
  [8, [ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue]],
  [16, [ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue]],
] as unknown as [number, readonly [VersionedStruct, VersionedStruct]][])

/**
 * Decodes a record of `__consumer_offsets`, `__transaction_state` or `__cluster_metadata`; undefined for one of another
 * topic, or of a kind that is not known here. A record whose bytes are not what they claim comes back as `undecodable`.
 */
export function decodeInternalRecord(
  topic: string,
  key: Uint8Array | null,
  value: Uint8Array | null,
): InternalRecord | undefined {
  try {
    if (topic === metadataTopicName) {
      const record = value && decodeMetadataRecord(value)
      return record ? { type: record.kind, key: null, value: readable(record.value) } : undefined
    }
    if (key === null || (topic !== offsetsTopicName && topic !== transactionsTopicName)) return undefined
    const version = structVersion(key)
    const structs =
      topic === offsetsTopicName
        ? groupRecords.get(version)
        : version === 0
          ? ([TransactionLogKey, TransactionLogValue] as const)
          : undefined
    if (!structs) return undefined
    return {
      type: structs[1].name.replace(/Value$/, ''),
      key: readable(decodeStruct(structs[0], key).value),
      value: value && readable(decodeStruct(structs[1], value).value),
    }
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    return { type: 'undecodable', key: null, value: { problem: cause.message } }
  }
}

/** With ids as Kafka's tools write them. */
function readable(value: object): object {
  return JSON.parse(
    JSON.stringify(value, (name, item: unknown) => {
      if (typeof item === 'bigint') return item.toString()
      return item instanceof Uint8Array ? bytesText(name, item) : item
    }),
  )
}

function bytesText(name: string, bytes: Uint8Array): string {
  // What is in a list of ids has its place as its name.
  const isId = bytes.byteLength === 16 && /^\d+$|[iI]d$/.test(name)
  return isId ? uuidToString(bytes) : Buffer.from(bytes).toString('base64')
}
