import type { ResponseOf } from '../../codec/schema.ts'
import { DeleteGroups, DescribeGroups, ListGroups } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { GroupDescription, GroupListing } from './admin-types.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { GroupCoordinator } from '../group/group-coordinator.ts'
import { CONSUMER_PROTOCOL_TYPE, decodeAssignment } from '../group/group-protocol.ts'

/** Each broker knows the groups that it coordinates. */
export async function listGroups(cluster: Cluster): Promise<GroupListing[]> {
  await cluster.refresh()
  const groups: GroupListing[] = []
  for (const nodeId of cluster.metadata.brokers.keys()) {
    const response = await cluster.send(nodeId, ListGroups, {})
    if (response.errorCode !== ErrorCode.NONE) throw new KafkaError(response.errorCode, 'Listing groups')
    for (const { groupId, protocolType, groupState } of response.groups) {
      groups.push({ groupId, protocolType, state: groupState })
    }
  }
  return groups.sort((a, b) => (a.groupId < b.groupId ? -1 : 1))
}

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

export async function deleteGroup(coordinator: GroupCoordinator, what: string): Promise<void> {
  const errorOf = (answer: ResponseOf<typeof DeleteGroups>) => answer.results[0]?.errorCode ?? ErrorCode.NONE
  const groupsNames = [coordinator.groupId]
  const response = await coordinator.send(DeleteGroups, { groupsNames }, errorOf, { lane: 'common' })
  const code = errorOf(response)
  if (code !== ErrorCode.NONE) throw new KafkaError(code, what)
}
