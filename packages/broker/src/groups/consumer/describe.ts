import { uuidFromString } from '@millrace/std'
import type { Partitions } from '../assignors/assignor.ts'
import type { TopicsImage } from '../topics-image.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { type ConsumerMember, heldBy } from './consumer-member.ts'

/** Kinds of members, by Kafka's numbers (KIP-1099). */
const memberTypes = { classic: 0, consumer: 1 } as const

/** A consumer group as ConsumerGroupDescribe tells it. Topics that are gone are left out. */
export function describeConsumerGroup(group: ConsumerGroup, topics: TopicsImage, defaultAssignor: string) {
  return {
    groupId: group.id,
    groupState: group.state,
    groupEpoch: group.epoch,
    assignmentEpoch: group.target.epoch,
    assignorName: group.preferredAssignor(undefined, undefined) ?? defaultAssignor,
    members: Array.from(group.members.values(), (member) => describeMember(group, member, topics)),
  }
}

export type ConsumerGroupDescription = ReturnType<typeof describeConsumerGroup>

function describeMember(group: ConsumerGroup, member: ConsumerMember, topics: TopicsImage) {
  return {
    memberId: member.memberId,
    instanceId: member.instanceId,
    rackId: member.rackId,
    memberEpoch: member.memberEpoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: member.subscribedTopicNames,
    subscribedTopicRegex: member.subscribedTopicRegex,
    assignment: { topicPartitions: topicPartitions(heldBy(member), topics) },
    targetAssignment: { topicPartitions: topicPartitions(group.targetOf(member.memberId), topics) },
    memberType: member.classic ? memberTypes.classic : memberTypes.consumer,
  }
}

function topicPartitions(partitions: Partitions, topics: TopicsImage) {
  return [...partitions].flatMap(([key, indexes]) => {
    const topic = topics.getByKey(key)
    return topic ? [{ topicId: uuidFromString(key), topicName: topic.name, partitions: indexes }] : []
  })
}
