/**
 * Heartbeat (12): a member of a classic group is alive; it learns of a rebalance by REBALANCE_IN_PROGRESS.
 */
import { ErrorCode, Heartbeat } from '@millrace/kafka'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerHeartbeat(registry: HandlerRegistry, groups: GroupCoordinator): void {
  registry.registerSimple({
    api: Heartbeat,
    versions: [0, 4],
    handle: async (request) => ({ errorCode: ErrorCode[await coordinate(groups.heartbeat(request))] }),
    errorResponse: (_request, errorCode) => ({ errorCode }),
  })
}
