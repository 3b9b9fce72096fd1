import {
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataKey,
  ConsumerGroupMetadataValue,
  ConsumerGroupPartitionMetadataKey,
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
  decodeStruct,
  encodeStruct,
  type StructInputOf,
  type StructOf,
} from '@millrace/kafka'
import { uuidFromString, uuidToString } from '@millrace/std'
import type { Partitions } from '../assignors/assignor.ts'
import { type MemberState, memberStates, type OwnedPartitions } from './consumer-member.ts'
import {
  assignmentRecord,
  type ConsumerGroupRecord,
  consumerGroupRecord,
  memberRecord,
  memberTargetRecord,
  regexRecord,
  targetRecord,
} from './consumer-records.ts'

/** All values are of version 0; the version of a key tells the kind. */
const valueVersion = 0

export interface EncodedRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

export function encodeConsumerGroupRecord(record: ConsumerGroupRecord): EncodedRecord {
  const groupId = record.group
  switch (record.kind) {
    case 'consumer-group':
      return {
        key: encodeStruct(ConsumerGroupMetadataKey, 3, { groupId }),
        value: record.value && encodeStruct(ConsumerGroupMetadataValue, valueVersion, record.value),
      }
    case 'partition-metadata':
      // Only its tombstone is ever written.
      return { key: encodeStruct(ConsumerGroupPartitionMetadataKey, 4, { groupId }), value: null }
    case 'member':
      return {
        key: encodeStruct(ConsumerGroupMemberMetadataKey, 5, { groupId, memberId: record.memberId }),
        value:
          record.value && encodeStruct(ConsumerGroupMemberMetadataValue, valueVersion, encodeDescription(record.value)),
      }
    case 'target':
      return {
        key: encodeStruct(ConsumerGroupTargetAssignmentMetadataKey, 6, { groupId }),
        value:
          record.value &&
          encodeStruct(ConsumerGroupTargetAssignmentMetadataValue, valueVersion, {
            assignmentEpoch: record.value.epoch,
            assignmentTimestamp: record.value.timestamp,
          }),
      }
    case 'member-target':
      return {
        key: encodeStruct(ConsumerGroupTargetAssignmentMemberKey, 7, { groupId, memberId: record.memberId }),
        value:
          record.value &&
          encodeStruct(ConsumerGroupTargetAssignmentMemberValue, valueVersion, {
            topicPartitions: encodePartitions(record.value),
          }),
      }
    case 'member-assignment':
      return {
        key: encodeStruct(ConsumerGroupCurrentMemberAssignmentKey, 8, { groupId, memberId: record.memberId }),
        value:
          record.value &&
          encodeStruct(ConsumerGroupCurrentMemberAssignmentValue, valueVersion, {
            memberEpoch: record.value.memberEpoch,
            previousMemberEpoch: record.value.previousMemberEpoch,
            state: record.value.state,
            assignedPartitions: encodeOwned(record.value.assigned),
            partitionsPendingRevocation: encodeOwned(record.value.revoking),
          }),
      }
    case 'regex':
      return {
        key: encodeStruct(ConsumerGroupRegularExpressionKey, 16, { groupId, regularExpression: record.regex }),
        value: record.value && encodeStruct(ConsumerGroupRegularExpressionValue, valueVersion, record.value),
      }
  }
}

/** Undefined for a kind of record that is not known here. Throws ProtocolError for bytes that are not what they claim. */
export function decodeConsumerGroupRecord(
  keyVersion: number,
  key: Uint8Array,
  value: Uint8Array | null,
): ConsumerGroupRecord | undefined {
  switch (keyVersion) {
    case 3: {
      const { groupId } = decodeStruct(ConsumerGroupMetadataKey, key).value
      return consumerGroupRecord(groupId, value && decodeStruct(ConsumerGroupMetadataValue, value).value)
    }
    case 4: {
      const { groupId } = decodeStruct(ConsumerGroupPartitionMetadataKey, key).value
      return { kind: 'partition-metadata', group: groupId, value: value && 'present' }
    }
    case 5: {
      const { groupId, memberId } = decodeStruct(ConsumerGroupMemberMetadataKey, key).value
      return memberRecord(groupId, memberId, value && decodeDescription(value))
    }
    case 6: {
      const { groupId } = decodeStruct(ConsumerGroupTargetAssignmentMetadataKey, key).value
      if (!value) return targetRecord(groupId, null)
      const target = decodeStruct(ConsumerGroupTargetAssignmentMetadataValue, value).value
      return targetRecord(groupId, { epoch: target.assignmentEpoch, timestamp: target.assignmentTimestamp })
    }
    case 7: {
      const { groupId, memberId } = decodeStruct(ConsumerGroupTargetAssignmentMemberKey, key).value
      return memberTargetRecord(groupId, memberId, value && decodePartitions(value))
    }
    case 8: {
      const { groupId, memberId } = decodeStruct(ConsumerGroupCurrentMemberAssignmentKey, key).value
      return assignmentRecord(groupId, memberId, value && decodeAssignment(value))
    }
    case 16: {
      const { groupId, regularExpression } = decodeStruct(ConsumerGroupRegularExpressionKey, key).value
      return regexRecord(
        groupId,
        regularExpression,
        value && decodeStruct(ConsumerGroupRegularExpressionValue, value).value,
      )
    }
    default:
      return undefined
  }
}

type DescriptionInput = StructInputOf<typeof ConsumerGroupMemberMetadataValue>
type Description = Extract<ConsumerGroupRecord, { kind: 'member' }>['value'] & {}

function encodeDescription({ classic, ...description }: Description): DescriptionInput {
  return {
    ...description,
    classicMemberMetadata: classic && {
      sessionTimeoutMs: classic.sessionTimeoutMs,
      supportedProtocols: classic.protocols,
    },
  }
}

function decodeDescription(bytes: Uint8Array): Description {
  const { classicMemberMetadata, ...description } = decodeStruct(ConsumerGroupMemberMetadataValue, bytes).value
  return {
    ...description,
    classic: classicMemberMetadata && {
      sessionTimeoutMs: classicMemberMetadata.sessionTimeoutMs,
      protocols: classicMemberMetadata.supportedProtocols,
    },
  }
}

function encodePartitions(partitions: Partitions) {
  return Array.from(partitions, ([topic, indexes]) => ({ topicId: uuidFromString(topic), partitions: indexes }))
}

function decodePartitions(bytes: Uint8Array): Partitions {
  const { topicPartitions } = decodeStruct(ConsumerGroupTargetAssignmentMemberValue, bytes).value
  return new Map(
    topicPartitions.map(({ topicId, partitions }) => [uuidToString(topicId), partitions.toSorted((a, b) => a - b)]),
  )
}

function encodeOwned(owned: OwnedPartitions) {
  return Array.from(owned, ([topic, epochs]) => ({
    topicId: uuidFromString(topic),
    partitions: [...epochs.keys()],
    assignmentEpochs: [...epochs.values()],
  }))
}

type OwnedInRecord = StructOf<typeof ConsumerGroupCurrentMemberAssignmentValue>['assignedPartitions']

function decodeAssignment(bytes: Uint8Array) {
  const value = decodeStruct(ConsumerGroupCurrentMemberAssignmentValue, bytes).value
  const { memberEpoch, previousMemberEpoch, state } = value
  return {
    memberEpoch,
    previousMemberEpoch,
    state: isMemberState(state) ? state : memberStates.unknown,
    assigned: decodeOwned(value.assignedPartitions, memberEpoch),
    revoking: decodeOwned(value.partitionsPendingRevocation, memberEpoch),
  }
}

function isMemberState(state: number): state is MemberState {
  return state >= memberStates.stable && state <= memberStates.unreleasedPartitions
}

/** Before KIP-1251 partitions had no epochs: then those of the member stand for them. A static member that is away is at -2. */
function decodeOwned(topics: OwnedInRecord, memberEpoch: number): OwnedPartitions {
  const fallback = Math.max(memberEpoch, 0)
  return new Map(
    topics.map(({ topicId, partitions, assignmentEpochs }) => {
      const epochs = assignmentEpochs?.length === partitions.length ? assignmentEpochs : undefined
      const entries = partitions.map((partition, i) => [partition, epochs?.[i] ?? fallback] as const)
      return [uuidToString(topicId), new Map(entries.sort(([a], [b]) => a - b))]
    }),
  )
}
