/**
 * FindCoordinator (10): which broker coordinates a group or a transactional id: the leader of its partition.
 *
 * Up to version 3 one key, from 4 on many (KIP-699). Share groups (key type 2) are not served.
 */
import { ErrorCode, FindCoordinator } from '@millrace/kafka'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import { coordinate } from './coordinate.ts'
import type { Coordinators } from './coordinators.ts'
import type { HandlerRegistry } from './registry.ts'
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts'

const keyTypes = { group: 0, transaction: 1 } as const

export function registerFindCoordinator(
  registry: HandlerRegistry,
  groups: GroupCoordinator,
  transactions: TransactionCoordinator,
  coordinators: Coordinators,
): void {
  registry.registerSimple({
    api: FindCoordinator,
    versions: [0, 6],
    async handle({ key, keyType, coordinatorKeys }, { version }) {
      // The first member or producer asks: the time to make the coordinator's topic.
      if (keyType === keyTypes.group) await coordinate(groups.ready() ?? Promise.resolve())
      if (keyType === keyTypes.transaction) await coordinate(transactions.ready() ?? Promise.resolve())
      return version < 4
        ? find(keyType, key)
        : { coordinators: coordinatorKeys.map((each) => ({ key: each, ...find(keyType, each) })) }
    },
    errorResponse: ({ coordinatorKeys }, errorCode, version) =>
      version < 4
        ? nobody(errorCode)
        : { coordinators: coordinatorKeys.map((each) => ({ key: each, ...nobody(errorCode) })) },
  })

  function find(keyType: number, key: string) {
    if (keyType !== keyTypes.group && keyType !== keyTypes.transaction) {
      const errorMessage = `Coordinators of type ${keyType} are not supported.`
      return { ...nobody(ErrorCode.INVALID_REQUEST), errorMessage }
    }
    const kind = keyType === keyTypes.group ? 'group' : 'transaction'
    const address = coordinators.brokers.addressOf(coordinators.idOf(kind, key))
    return address
      ? { errorCode: ErrorCode.NONE, errorMessage: null, ...address }
      : nobody(ErrorCode.COORDINATOR_NOT_AVAILABLE)
  }
}

function nobody(errorCode: number) {
  return { errorCode, errorMessage: null, nodeId: -1, host: '', port: -1 }
}
