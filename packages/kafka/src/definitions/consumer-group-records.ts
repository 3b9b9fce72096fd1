import { defineStruct, type StructInputOf, type StructOf } from '../codec/struct.ts'
import { array, bigint64, bytes, int32, int64, int8, string, struct, uuid } from '../codec/types.ts'

// The records of `__consumer_offsets` that hold KIP-848 groups. As with the keys of classic groups (offsets-topic.ts), the version
// that leads a key tells the kind of record; a record without a value deletes what its key names.

export const ConsumerGroupMetadataKey = defineStruct({
  name: 'ConsumerGroupMetadataKey',
  versions: [3, 3],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: { groupId: string() },
})

export type ConsumerGroupMetadataKey = StructOf<typeof ConsumerGroupMetadataKey>
export type ConsumerGroupMetadataKeyInput = StructInputOf<typeof ConsumerGroupMetadataKey>

/** A group. Its epoch grows when the members, their subscriptions or the topics change; the hash covers the topics (KIP-1101). */
export const ConsumerGroupMetadataValue = defineStruct({
  name: 'ConsumerGroupMetadataValue',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: {
    epoch: int32(),
    metadataHash: bigint64({ tag: 0, default: 0n }),
  },
})

export type ConsumerGroupMetadataValue = StructOf<typeof ConsumerGroupMetadataValue>
export type ConsumerGroupMetadataValueInput = StructInputOf<typeof ConsumerGroupMetadataValue>

export const ConsumerGroupPartitionMetadataKey = defineStruct({
  name: 'ConsumerGroupPartitionMetadataKey',
  versions: [4, 4],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: { groupId: string() },
})

export type ConsumerGroupPartitionMetadataKey = StructOf<typeof ConsumerGroupPartitionMetadataKey>
export type ConsumerGroupPartitionMetadataKeyInput = StructInputOf<typeof ConsumerGroupPartitionMetadataKey>

/** The topics that a group is subscribed to. Kafka wrote it before 4.1 (KIP-1101). */
export const ConsumerGroupPartitionMetadataValue = defineStruct({
  name: 'ConsumerGroupPartitionMetadataValue',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: {
    topics: array({
      topicId: uuid(),
      topicName: string(),
      numPartitions: int32(),
      partitionMetadata: array({
        partition: int32(),
        racks: array(string()),
      }),
    }),
  },
})

export type ConsumerGroupPartitionMetadataValue = StructOf<typeof ConsumerGroupPartitionMetadataValue>
export type ConsumerGroupPartitionMetadataValueInput = StructInputOf<typeof ConsumerGroupPartitionMetadataValue>

export const ConsumerGroupMemberMetadataKey = defineStruct({
  name: 'ConsumerGroupMemberMetadataKey',
  versions: [5, 5],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: { groupId: string(), memberId: string() },
})

export type ConsumerGroupMemberMetadataKey = StructOf<typeof ConsumerGroupMemberMetadataKey>
export type ConsumerGroupMemberMetadataKeyInput = StructInputOf<typeof ConsumerGroupMemberMetadataKey>

/**
 * A member as it described itself. `classicMemberMetadata` is null unless it speaks the classic protocol. Null must be given: what is
 * left out is a struct of defaults, as in Kafka's classes, and so a classic member.
 */
export const ConsumerGroupMemberMetadataValue = defineStruct({
  name: 'ConsumerGroupMemberMetadataValue',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: {
    instanceId: string({ nullable: true }),
    rackId: string({ nullable: true }),
    clientId: string(),
    clientHost: string(),
    subscribedTopicNames: array(string()),
    subscribedTopicRegex: string({ nullable: true }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    serverAssignor: string({ nullable: true }),
    classicMemberMetadata: struct(
      {
        sessionTimeoutMs: int32(),
        supportedProtocols: array({
          name: string(),
          metadata: bytes(),
        }),
      },
      { nullable: true, tag: 0 },
    ),
  },
})

export type ConsumerGroupMemberMetadataValue = StructOf<typeof ConsumerGroupMemberMetadataValue>
export type ConsumerGroupMemberMetadataValueInput = StructInputOf<typeof ConsumerGroupMemberMetadataValue>

export const ConsumerGroupTargetAssignmentMetadataKey = defineStruct({
  name: 'ConsumerGroupTargetAssignmentMetadataKey',
  versions: [6, 6],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: { groupId: string() },
})

export type ConsumerGroupTargetAssignmentMetadataKey = StructOf<typeof ConsumerGroupTargetAssignmentMetadataKey>
export type ConsumerGroupTargetAssignmentMetadataKeyInput = StructInputOf<
  typeof ConsumerGroupTargetAssignmentMetadataKey
>

/** The group epoch that the target assignment was computed for, and since 4.3 when (ms; 0: not known; KIP-1263). */
export const ConsumerGroupTargetAssignmentMetadataValue = defineStruct({
  name: 'ConsumerGroupTargetAssignmentMetadataValue',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: {
    assignmentEpoch: int32(),
    assignmentTimestamp: int64({ tag: 0, default: 0, ignorable: true }),
  },
})

export type ConsumerGroupTargetAssignmentMetadataValue = StructOf<typeof ConsumerGroupTargetAssignmentMetadataValue>
export type ConsumerGroupTargetAssignmentMetadataValueInput = StructInputOf<
  typeof ConsumerGroupTargetAssignmentMetadataValue
>

export const ConsumerGroupTargetAssignmentMemberKey = defineStruct({
  name: 'ConsumerGroupTargetAssignmentMemberKey',
  versions: [7, 7],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: { groupId: string(), memberId: string() },
})

export type ConsumerGroupTargetAssignmentMemberKey = StructOf<typeof ConsumerGroupTargetAssignmentMemberKey>
export type ConsumerGroupTargetAssignmentMemberKeyInput = StructInputOf<typeof ConsumerGroupTargetAssignmentMemberKey>

/** What a member is to have. */
export const ConsumerGroupTargetAssignmentMemberValue = defineStruct({
  name: 'ConsumerGroupTargetAssignmentMemberValue',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: {
    topicPartitions: array({
      topicId: uuid(),
      partitions: array(int32()),
    }),
  },
})

export type ConsumerGroupTargetAssignmentMemberValue = StructOf<typeof ConsumerGroupTargetAssignmentMemberValue>
export type ConsumerGroupTargetAssignmentMemberValueInput = StructInputOf<
  typeof ConsumerGroupTargetAssignmentMemberValue
>

export const ConsumerGroupCurrentMemberAssignmentKey = defineStruct({
  name: 'ConsumerGroupCurrentMemberAssignmentKey',
  versions: [8, 8],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: { groupId: string(), memberId: string() },
})

export type ConsumerGroupCurrentMemberAssignmentKey = StructOf<typeof ConsumerGroupCurrentMemberAssignmentKey>
export type ConsumerGroupCurrentMemberAssignmentKeyInput = StructInputOf<typeof ConsumerGroupCurrentMemberAssignmentKey>

/** `assignmentEpochs`, one for each partition: the member epoch at which it was assigned, to fence late commits (KIP-1251). */
const memberPartitions = array({
  topicId: uuid(),
  partitions: array(int32()),
  assignmentEpochs: array(int32(), { nullable: true, tag: 0 }),
})

/** What a member has. `state`: 0 stable, 1 has partitions to give up, 2 waits for others to do so. */
export const ConsumerGroupCurrentMemberAssignmentValue = defineStruct({
  name: 'ConsumerGroupCurrentMemberAssignmentValue',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: {
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    state: int8(),
    assignedPartitions: memberPartitions,
    partitionsPendingRevocation: memberPartitions,
  },
})

export type ConsumerGroupCurrentMemberAssignmentValue = StructOf<typeof ConsumerGroupCurrentMemberAssignmentValue>
export type ConsumerGroupCurrentMemberAssignmentValueInput = StructInputOf<
  typeof ConsumerGroupCurrentMemberAssignmentValue
>

export const ConsumerGroupRegularExpressionKey = defineStruct({
  name: 'ConsumerGroupRegularExpressionKey',
  versions: [16, 16],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: { groupId: string(), regularExpression: string() },
})

export type ConsumerGroupRegularExpressionKey = StructOf<typeof ConsumerGroupRegularExpressionKey>
export type ConsumerGroupRegularExpressionKeyInput = StructInputOf<typeof ConsumerGroupRegularExpressionKey>

/** The topics that a regular expression stood for, at a version (an offset) of the metadata and a time (ms). */
export const ConsumerGroupRegularExpressionValue = defineStruct({
  name: 'ConsumerGroupRegularExpressionValue',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: {
    topics: array(string()),
    version: int64(),
    timestamp: int64(),
  },
})

export type ConsumerGroupRegularExpressionValue = StructOf<typeof ConsumerGroupRegularExpressionValue>
export type ConsumerGroupRegularExpressionValueInput = StructInputOf<typeof ConsumerGroupRegularExpressionValue>
