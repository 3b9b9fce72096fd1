import { defineStruct, type StructInputOf, type StructOf } from '../codec/struct.ts'
import { array, bytes, int32, int64, string, uuid } from '../codec/types.ts'

// The records of `__consumer_offsets`. The version that leads a key tells the kind of record: 0 and 1 an offset commit,
// 2 the metadata of a classic group. A record without a value deletes what its key names.

export const OffsetCommitKey = defineStruct({
  name: 'OffsetCommitKey',
  versions: [0, 1],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: { group: string(), topic: string(), partition: int32() },
})

export type OffsetCommitKey = StructOf<typeof OffsetCommitKey>
export type OffsetCommitKeyInput = StructInputOf<typeof OffsetCommitKey>

/** Kafka writes version 1 when the commit has a retention time of its own, otherwise 3, and 4 when it knows the topic id. */
export const OffsetCommitValue = defineStruct({
  name: 'OffsetCommitValue',
  versions: [0, 4],
  flexibleFrom: 4,
  fields: {
    offset: int64(),
    leaderEpoch: int32({ versions: '3+', default: -1, ignorable: true }),
    metadata: string(),
    commitTimestamp: int64(),
    expireTimestamp: int64({ versions: '1', default: -1, ignorable: true }),
    topicId: uuid({ versions: '4+', tag: 0, ignorable: true }),
  },
})

export type OffsetCommitValue = StructOf<typeof OffsetCommitValue>
export type OffsetCommitValueInput = StructInputOf<typeof OffsetCommitValue>

export const GroupMetadataKey = defineStruct({
  name: 'GroupMetadataKey',
  versions: [2, 2],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: { group: string() },
})

export type GroupMetadataKey = StructOf<typeof GroupMetadataKey>
export type GroupMetadataKeyInput = StructInputOf<typeof GroupMetadataKey>

/** A classic group as it was after its last rebalance. Kafka writes version 3. */
export const GroupMetadataValue = defineStruct({
  name: 'GroupMetadataValue',
  versions: [0, 4],
  flexibleFrom: 4,
  fields: {
    protocolType: string(),
    generation: int32(),
    protocol: string({ nullable: true }),
    leader: string({ nullable: true }),
    currentStateTimestamp: int64({ versions: '2+', default: -1, ignorable: true }),
    members: array({
      memberId: string(),
      groupInstanceId: string({ versions: '3+', nullable: true, default: null, ignorable: true }),
      clientId: string(),
      clientHost: string(),
      rebalanceTimeout: int32({ versions: '1+', default: -1, ignorable: true }),
      sessionTimeout: int32(),
      subscription: bytes(),
      assignment: bytes(),
    }),
  },
})

export type GroupMetadataValue = StructOf<typeof GroupMetadataValue>
export type GroupMetadataValueInput = StructInputOf<typeof GroupMetadataValue>
