/**
 * LeaveGroup (13): members leave a classic group at once, without waiting for their session to end.
 *
 * Up to version 2 one member, whose error is the error of the whole; from 3 on several, also by instance id (KIP-345).
 */
import { ErrorCode, LeaveGroup } from '@millrace/kafka'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerLeaveGroup(registry: HandlerRegistry, groups: GroupCoordinator): void {
  registry.registerSimple({
    api: LeaveGroup,
    versions: [0, 5],
    async handle(request, { version }) {
      const { groupId } = request
      const leaving = version < 3 ? [{ memberId: request.memberId, groupInstanceId: null }] : request.members
      if (groupId === '') return { errorCode: ErrorCode.INVALID_GROUP_ID }
      const { members } = await coordinate(groups.leave({ groupId, members: leaving }))
      if (version < 3) return { errorCode: ErrorCode[members[0]?.error ?? 'NONE'] }
      return {
        members: members.map(({ memberId, groupInstanceId, error }) => ({
          memberId,
          groupInstanceId,
          errorCode: ErrorCode[error],
        })),
      }
    },
    errorResponse: (_request, errorCode) => ({ errorCode }),
  })
}
