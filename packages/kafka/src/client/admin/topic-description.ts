import { uuidToString } from '@millrace/std'
import { isZeroUuid } from '../../codec/defaults.ts'
import type { DescribeTopicPartitionsResponse, MetadataResponse } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { PartitionDescription, TopicDescription } from './admin-types.ts'

/** For whoever manages topics, a topic that is not there is an answer. */
export function isMissingTopic(error: unknown): boolean {
  return error instanceof KafkaError && error.kafkaCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
}

/** @throws {KafkaError} UNKNOWN_TOPIC_OR_PARTITION and others */
export function describeTopic(topic: MetadataResponse['topics'][number]): TopicDescription {
  const name = topic.name ?? ''
  if (topic.errorCode !== ErrorCode.NONE && topic.errorCode !== ErrorCode.LEADER_NOT_AVAILABLE) {
    throw new KafkaError(topic.errorCode, `Describing topic ${name}`)
  }
  const partitions = topic.partitions.map((p) => ({
    partition: p.partitionIndex,
    leader: p.leaderId,
    leaderEpoch: p.leaderEpoch,
    replicas: p.replicaNodes,
    isr: p.isrNodes,
  }))
  return {
    topic: name,
    topicId: isZeroUuid(topic.topicId) ? undefined : uuidToString(topic.topicId),
    isInternal: topic.isInternal,
    partitions: partitions.sort((a, b) => a.partition - b.partition),
  }
}

export function describePartitions(topic: DescribeTopicPartitionsResponse['topics'][number]): PartitionDescription[] {
  return topic.partitions.map((p) => ({
    topic: topic.name ?? '',
    topicId: uuidToString(topic.topicId),
    partition: p.partitionIndex,
    leader: p.leaderId,
    leaderEpoch: p.leaderEpoch,
    replicas: p.replicaNodes,
    isr: p.isrNodes,
    eligibleLeaderReplicas: p.eligibleLeaderReplicas ?? [],
    lastKnownEligibleLeaderReplicas: p.lastKnownElr ?? [],
    offlineReplicas: p.offlineReplicas,
  }))
}
