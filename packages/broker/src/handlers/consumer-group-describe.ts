/**
 * ConsumerGroupDescribe (69): KIP-848 groups, with what their members have and are to have.
 *
 * Version 1 says which protocol a member speaks (KIP-1099). A group of another kind is GROUP_ID_NOT_FOUND.
 */
import { ConsumerGroupDescribe, ErrorCode } from '@millrace/kafka'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import { groupOperations, operationsNotAsked } from './authorized-operations.ts'
import { coordinate } from './coordinate.ts'
import { type HandlerRegistry, RequestError } from './registry.ts'

export function registerConsumerGroupDescribe(
  registry: HandlerRegistry,
  groups: GroupCoordinator,
  metadata: MetadataManager,
): void {
  registry.registerSimple({
    api: ConsumerGroupDescribe,
    versions: [0, 1],
    async handle({ groupIds, includeAuthorizedOperations }) {
      if (!metadata.servesConsumerGroups) {
        throw new RequestError(ErrorCode.UNSUPPORTED_VERSION, 'The consumer group protocol is not served.')
      }
      const authorizedOperations = includeAuthorizedOperations ? groupOperations : operationsNotAsked
      const described = groupIds.map(async (groupId) => {
        const group = await coordinate(groups.describeConsumerGroup(groupId))
        if (!('error' in group)) return { ...group, authorizedOperations }
        return { ...noGroup(groupId), errorCode: ErrorCode[group.error], errorMessage: group.message }
      })
      return { groups: await Promise.all(described) }
    },
    errorResponse: ({ groupIds }, errorCode) => ({
      groups: groupIds.map((groupId) => ({ ...noGroup(groupId), errorCode })),
    }),
  })
}

function noGroup(groupId: string) {
  return { groupId, groupState: '', groupEpoch: 0, assignmentEpoch: 0, assignorName: '', members: [] }
}
