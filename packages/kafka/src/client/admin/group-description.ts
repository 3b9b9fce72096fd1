import type { ResponseOf } from '../../codec/schema.ts'
import { ConsumerGroupDescribe, type ConsumerGroupDescribeResponse, DescribeGroups } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import { throwError } from './admin-context.ts'
import type { ConsumerGroupDescription, GroupDescription } from './admin-types.ts'
import type { TopicPartition } from '../group/assignors/assignor.ts'
import type { GroupCoordinator } from '../group/group-coordinator.ts'
import { CONSUMER_PROTOCOL_TYPE, decodeAssignment } from '../group/group-protocol.ts'

export async function describeGroup(coordinator: GroupCoordinator, what: string): Promise<GroupDescription> {
  const { groupId } = coordinator
  const errorOf = (answer: ResponseOf<typeof DescribeGroups>) => answer.groups[0]?.errorCode ?? ErrorCode.NONE
  const response = await coordinator.send(DescribeGroups, { groups: [groupId] }, errorOf, { lane: 'common' })
  const [group] = response.groups
  // From version 6 on an unknown group is an error, before that it is dead.
  const isUnknown = group?.errorCode === ErrorCode.GROUP_ID_NOT_FOUND
  if (!group || (group.errorCode !== ErrorCode.NONE && !isUnknown)) {
    throw new KafkaError(group?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, what, group?.errorMessage)
  }
  const { protocolType, protocolData: protocol, members } = group
  return {
    groupId,
    protocolType,
    protocol,
    state: isUnknown ? 'Dead' : group.groupState,
    members: members.map(({ memberId, groupInstanceId, clientId, clientHost: host, memberAssignment }) => ({
      memberId,
      groupInstanceId,
      clientId,
      host,
      partitions: protocolType === CONSUMER_PROTOCOL_TYPE ? decodeAssignment(memberAssignment) : [],
    })),
  }
}

/**
 * A group of either protocol: asks for one of KIP-848 first. A broker that does not know such groups, or knows this one as
 * a classic one, is asked again.
 */
export async function describeConsumerGroup(
  coordinator: GroupCoordinator,
  what: string,
): Promise<ConsumerGroupDescription> {
  const { groupId } = coordinator
  const errorOf = (answer: ResponseOf<typeof ConsumerGroupDescribe>) => answer.groups[0]?.errorCode ?? ErrorCode.NONE
  const request = { groupIds: [groupId], includeAuthorizedOperations: false }
  const answer = await coordinator
    .send(ConsumerGroupDescribe, request, errorOf, { lane: 'common' })
    .catch((error: unknown) => {
      if (error instanceof KafkaError && error.kafkaCode === ErrorCode.UNSUPPORTED_VERSION) return undefined
      throw error
    })
  const group = answer?.groups[0]
  const code = group?.errorCode ?? ErrorCode.UNSUPPORTED_VERSION
  if (!group || code === ErrorCode.GROUP_ID_NOT_FOUND || code === ErrorCode.UNSUPPORTED_VERSION) {
    return { ...(await describeGroup(coordinator, what)), type: 'classic' }
  }
  throwError(what, group)
  return {
    groupId,
    type: 'consumer',
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocol: group.assignorName,
    state: group.groupState,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      host: member.clientHost,
      partitions: partitionsOf(member.assignment),
      memberEpoch: member.memberEpoch,
      rackId: member.rackId,
      subscribedTopics: member.subscribedTopicNames,
      subscribedPattern: member.subscribedTopicRegex,
      target: partitionsOf(member.targetAssignment),
      isClassic: member.memberType === CLASSIC_MEMBER,
    })),
  }
}

const CLASSIC_MEMBER = 0

type Assigned = ConsumerGroupDescribeResponse['groups'][number]['members'][number]['assignment']

function partitionsOf({ topicPartitions }: Assigned): TopicPartition[] {
  return topicPartitions.flatMap(({ topicName: topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition })),
  )
}
