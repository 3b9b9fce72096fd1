/**
 * DeleteGroups (42): deletes groups without members, with their offsets (KIP-229).
 */
import { DeleteGroups, ErrorCode } from '@millrace/kafka'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerDeleteGroups(registry: HandlerRegistry, groups: GroupCoordinator): void {
  registry.registerSimple({
    api: DeleteGroups,
    versions: [0, 2],
    async handle(request) {
      const groupsNames = [...new Set(request.groupsNames)]
      const errors = await coordinate(Promise.all(groupsNames.map((groupId) => groups.delete(groupId))))
      return { results: groupsNames.map((groupId, i) => ({ groupId, errorCode: ErrorCode[errors[i] ?? 'NONE'] })) }
    },
    errorResponse: ({ groupsNames }, errorCode) => ({
      results: groupsNames.map((groupId) => ({ groupId, errorCode })),
    }),
  })
}
