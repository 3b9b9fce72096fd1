/**
 * ConsumerGroupHeartbeat (68): the one request of members of KIP-848 groups, by which they join, stay, change their subscription,
 * learn their assignment and leave.
 *
 * Version 0: the coordinator chooses the member id. Version 1: the member does (KIP-1082), and may subscribe by a regular
 * expression, which is of RE2's syntax and is resolved here.
 */
import { ConsumerGroupHeartbeat, type ConsumerGroupHeartbeatRequest, ErrorCode } from '@millrace/kafka'
import { uuidFromString, uuidToString } from '@millrace/std'
import type { ServerConfig } from '../config/server-config.ts'
import type { Partitions } from '../groups/assignors/assignor.ts'
import { leaveEpoch, leaveStaticEpoch, type OwnedPartitions } from '../groups/consumer/consumer-member.ts'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import type { Refusal } from '../groups/refused.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerConsumerGroupHeartbeat(
  registry: HandlerRegistry,
  groups: GroupCoordinator,
  { server, metadata }: { server: ServerConfig; metadata: MetadataManager },
): void {
  registry.registerSimple({
    api: ConsumerGroupHeartbeat,
    versions: [0, 1],
    async handle(request, { version, clientId, client }) {
      if (!metadata.servesConsumerGroups) {
        return refused({ error: 'UNSUPPORTED_VERSION', message: null })
      }
      const invalid = check(request, version, server['group.consumer.assignors'])
      if (invalid) return refused(invalid)
      const { topicPartitions, ...rest } = request
      const answer = await coordinate(
        groups.consumerHeartbeat({
          ...rest,
          owned: topicPartitions && ownedIn(topicPartitions),
          clientId: clientId ?? '',
          clientHost: client.host,
        }),
      )
      if ('error' in answer) return refused(answer)
      const { assignment, ...told } = answer
      return { ...told, assignment: assignment && { topicPartitions: partitionsOf(assignment) } }
    },
    errorResponse: (_request, errorCode) => ({ errorCode, memberEpoch: 0, heartbeatIntervalMs: 0 }),
  })
}

function refused({ error, message }: Pick<Refusal, 'error'> & { message: string | null }) {
  return { errorCode: ErrorCode[error], errorMessage: message, memberEpoch: 0, heartbeatIntervalMs: 0 }
}

function check(
  request: ConsumerGroupHeartbeatRequest,
  version: number,
  assignors: readonly string[],
): Refusal | undefined {
  const invalid = (message: string): Refusal => ({ error: 'INVALID_REQUEST', message })
  const { memberEpoch, serverAssignor } = request
  const hasToNameItself = version >= 1 || memberEpoch > 0 || memberEpoch === leaveEpoch
  if (hasToNameItself && isBlank(request.memberId)) return invalid("MemberId can't be empty.")
  if (isBlank(request.groupId)) return invalid("GroupId can't be empty.")
  if (isBlank(request.instanceId)) return invalid("InstanceId can't be empty.")
  if (isBlank(request.rackId)) return invalid("RackId can't be empty.")
  if (memberEpoch === 0) {
    if (request.rebalanceTimeoutMs === -1) return invalid('RebalanceTimeoutMs must be provided in first request.')
    if (request.topicPartitions?.length !== 0) return invalid('TopicPartitions must be empty when (re-)joining.')
    if (request.subscribedTopicNames === null && request.subscribedTopicRegex === null) {
      return invalid('Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.')
    }
  } else if (memberEpoch === leaveStaticEpoch) {
    if (request.instanceId === null) return invalid("InstanceId can't be null.")
  } else if (memberEpoch < leaveStaticEpoch) return invalid('MemberEpoch is invalid.')
  if (serverAssignor === null || assignors.includes(serverAssignor)) return undefined
  return {
    error: 'UNSUPPORTED_ASSIGNOR',
    message: `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ${assignors.join(', ')}.`,
  }
}

function isBlank(text: string | null): boolean {
  return text !== null && text.trim() === ''
}

function ownedIn(topicPartitions: readonly { topicId: Uint8Array; partitions: readonly number[] }[]): Partitions {
  const owned = new Map<string, readonly number[]>()
  for (const { topicId, partitions } of topicPartitions) {
    const key = uuidToString(topicId)
    owned.set(key, [...(owned.get(key) ?? []), ...partitions])
  }
  return owned
}

function partitionsOf(assignment: OwnedPartitions) {
  return Array.from(assignment, ([key, partitions]) => ({
    topicId: uuidFromString(key),
    partitions: [...partitions.keys()],
  }))
}
