/**
 * ListGroups (16): the groups of the broker, optionally those in some states (from version 4, KIP-518) or of some types
 * (from version 5, KIP-848). All groups here are classic.
 */
import { ListGroups } from '@millrace/kafka'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'

const groupType = 'classic'

export function registerListGroups(registry: HandlerRegistry, groups: GroupCoordinator): void {
  registry.registerSimple({
    api: ListGroups,
    versions: [0, 5],
    async handle({ statesFilter, typesFilter }) {
      const states = new Set(statesFilter.map((state) => state.toLowerCase()))
      const types = new Set(typesFilter.map((type) => type.toLowerCase()))
      if (types.size > 0 && !types.has(groupType)) return { groups: [] }
      const listed = await coordinate(groups.list())
      return {
        groups: listed
          .filter(({ state }) => states.size === 0 || states.has(state.toLowerCase()))
          .map(({ groupId, protocolType, state }) => ({ groupId, protocolType, groupState: state, groupType })),
      }
    },
    errorResponse: (_request, errorCode) => ({ errorCode, groups: [] }),
  })
}
