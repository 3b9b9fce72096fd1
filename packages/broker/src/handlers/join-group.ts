/**
 * JoinGroup (11): a member joins a classic group; the answer comes when the members have gathered.
 *
 * From version 4 on a member without an id gets one first (KIP-394). Version 0 has one timeout for session and rebalance.
 * From version 9 on a static leader may be told to keep the assignment (KIP-814).
 */
import { ErrorCode, JoinGroup } from '@millrace/kafka'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerJoinGroup(registry: HandlerRegistry, groups: GroupCoordinator): void {
  registry.registerSimple({
    api: JoinGroup,
    versions: [0, 9],
    async handle(request, { version, clientId, client }) {
      const response = await coordinate(
        groups.join({
          groupId: request.groupId,
          memberId: request.memberId,
          groupInstanceId: request.groupInstanceId,
          clientId: clientId ?? '',
          clientHost: client.host,
          sessionTimeoutMs: request.sessionTimeoutMs,
          rebalanceTimeoutMs: request.rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
          protocolType: request.protocolType,
          protocols: request.protocols,
          requiresMemberId: version >= 4,
          canSkipAssignment: version >= 9,
        }),
      )
      return {
        errorCode: ErrorCode[response.error],
        generationId: response.generationId,
        protocolType: response.protocolType,
        // Null came with version 7 (KIP-559).
        protocolName: version < 7 ? (response.protocolName ?? '') : response.protocolName,
        leader: response.leader,
        skipAssignment: response.skipAssignment,
        memberId: response.memberId,
        members: response.members,
      }
    },
    errorResponse: ({ memberId }, errorCode, version) => ({
      errorCode,
      protocolName: version < 7 ? '' : null,
      leader: '',
      memberId,
      members: [],
    }),
  })
}
