import { array, int32, int8, string, uuid } from '../codec/types.ts'
import { defineMetadataRecord } from './metadata-record-type.ts'

// The records of `__cluster_metadata` about topics (KIP-631).

export const TopicRecord = defineMetadataRecord({
  key: 2,
  name: 'TopicRecord',
  newest: 0,
  fields: {
    name: string(),
    topicId: uuid(),
  },
})

/** A partition as it was made, or in a snapshot as it is. Version 1 adds log directories (KIP-858), 2 eligible leaders (KIP-966). */
export const PartitionRecord = defineMetadataRecord({
  key: 3,
  name: 'PartitionRecord',
  newest: 2,
  fields: {
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
    directories: array(uuid(), { versions: '1+' }),
    eligibleLeaderReplicas: array(int32(), { versions: '2+', nullable: true, tag: 1, default: null }),
    lastKnownElr: array(int32(), { versions: '2+', nullable: true, tag: 2, default: null }),
  },
})

/** What changed in a partition: what is null, -2 as the leader or -1 as the recovery state, did not. Versions as above. */
export const PartitionChangeRecord = defineMetadataRecord({
  key: 5,
  name: 'PartitionChangeRecord',
  newest: 2,
  fields: {
    partitionId: int32({ default: -1 }),
    topicId: uuid(),
    isr: array(int32(), { nullable: true, tag: 0, default: null }),
    leader: int32({ tag: 1, default: -2 }),
    replicas: array(int32(), { nullable: true, tag: 2, default: null }),
    removingReplicas: array(int32(), { nullable: true, tag: 3, default: null }),
    addingReplicas: array(int32(), { nullable: true, tag: 4, default: null }),
    leaderRecoveryState: int8({ tag: 5, default: -1 }),
    directories: array(uuid(), { versions: '1+', nullable: true, tag: 8, default: null }),
    eligibleLeaderReplicas: array(int32(), { versions: '2+', nullable: true, tag: 6, default: null }),
    lastKnownElr: array(int32(), { versions: '2+', nullable: true, tag: 7, default: null }),
  },
})

/** Removes a topic with its partitions and its configuration. */
export const RemoveTopicRecord = defineMetadataRecord({
  key: 9,
  name: 'RemoveTopicRecord',
  newest: 0,
  fields: {
    topicId: uuid(),
  },
})

/** A configuration value of a topic (resource type 2) or broker (4); null removes it. */
export const ConfigRecord = defineMetadataRecord({
  key: 4,
  name: 'ConfigRecord',
  newest: 0,
  fields: {
    resourceType: int8(),
    resourceName: string(),
    name: string(),
    value: string({ nullable: true }),
  },
})

/** Forgets the eligible leaders of a topic, or of all when the name is empty (KIP-966). */
export const ClearElrRecord = defineMetadataRecord({
  key: 28,
  name: 'ClearElrRecord',
  newest: 0,
  fields: {
    topicName: string(),
  },
})
