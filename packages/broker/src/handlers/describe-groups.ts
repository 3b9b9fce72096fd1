/**
 * DescribeGroups (15): state, protocol and members of classic groups.
 *
 * An unknown group, or one of the consumer protocol, is Dead without an error; from version 6 on it is GROUP_ID_NOT_FOUND
 * (KIP-1043).
 */
import { DescribeGroups, ErrorCode } from '@millrace/kafka'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import { groupOperations, operationsNotAsked } from './authorized-operations.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerDescribeGroups(registry: HandlerRegistry, groups: GroupCoordinator): void {
  registry.registerSimple({
    api: DescribeGroups,
    versions: [0, 6],
    async handle(request, { version }) {
      const authorizedOperations = request.includeAuthorizedOperations ? groupOperations : operationsNotAsked
      const described = await coordinate(
        Promise.all(
          request.groups.map(async (groupId) => {
            const group = await groups.describe(groupId)
            if ('error' in group) return { ...noGroup(groupId, group.message, version), authorizedOperations }
            return {
              groupId,
              groupState: group.state,
              protocolType: group.protocolType,
              protocolData: group.protocol,
              members: group.members.map(({ metadata, assignment, ...member }) => ({
                ...member,
                memberMetadata: metadata,
                memberAssignment: assignment,
              })),
              authorizedOperations,
            }
          }),
        ),
      )
      return { groups: described }
    },
    errorResponse: (request, errorCode) => ({
      groups: request.groups.map((groupId) => ({ ...emptyGroup(groupId), errorCode })),
    }),
  })
}

function noGroup(groupId: string, errorMessage: string, version: number) {
  if (version < 6) return emptyGroup(groupId)
  return {
    ...emptyGroup(groupId),
    errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
    errorMessage,
  }
}

function emptyGroup(groupId: string) {
  return { groupId, groupState: 'Dead', protocolType: '', protocolData: '', members: [] }
}
