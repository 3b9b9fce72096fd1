/**
 * SyncGroup (14): the leader hands in the assignments, every member gets its own; the answer comes when the leader's has.
 *
 * From version 5 on the protocol's type and name are compared (KIP-559).
 */
import { ErrorCode, SyncGroup } from '@millrace/kafka'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerSyncGroup(registry: HandlerRegistry, groups: GroupCoordinator): void {
  registry.registerSimple({
    api: SyncGroup,
    versions: [0, 5],
    async handle(request) {
      const { error, protocolType, protocolName, assignment } = await coordinate(groups.sync(request))
      return { errorCode: ErrorCode[error], protocolType, protocolName, assignment }
    },
    errorResponse: (_request, errorCode) => ({ errorCode, assignment: new Uint8Array(0) }),
  })
}
