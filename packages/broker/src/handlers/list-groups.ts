/**
 * ListGroups (16): the groups of the broker, optionally those in some states (from version 4, KIP-518) or of some types
 * (from version 5, KIP-848).
 */
import { ListGroups } from '@millrace/kafka'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerListGroups(registry: HandlerRegistry, groups: GroupCoordinator): void {
  registry.registerSimple({
    api: ListGroups,
    versions: [0, 5],
    async handle({ statesFilter, typesFilter }) {
      const states = new Set(statesFilter.map((state) => state.toLowerCase().trim()))
      const types = new Set(typesFilter.map((type) => type.toLowerCase()))
      const listed = await coordinate(groups.list())
      return {
        groups: listed
          .filter(({ type }) => types.size === 0 || types.has(type))
          .filter(({ state }) => states.size === 0 || states.has(state.toLowerCase()))
          .map(({ groupId, protocolType, state, type }) => ({
            groupId,
            protocolType,
            groupState: state,
            groupType: type,
          })),
      }
    },
    errorResponse: (_request, errorCode) => ({ errorCode, groups: [] }),
  })
}
