/**
 * FindCoordinator (10): which broker coordinates a group or a transactional id: this one, always.
 *
 * Up to version 3 one key, from 4 on many (KIP-699). Share groups (key type 2) are not served.
 */
import { ErrorCode, FindCoordinator } from '@millrace/kafka'
import type { BrokerAddress } from '../net/broker-address.ts'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts'

const keyTypes = { group: 0, transaction: 1 } as const

export function registerFindCoordinator(
  registry: HandlerRegistry,
  groups: GroupCoordinator,
  transactions: TransactionCoordinator,
  address: () => BrokerAddress,
): void {
  registry.registerSimple({
    api: FindCoordinator,
    versions: [0, 6],
    async handle({ keyType, coordinatorKeys }, { version }) {
      const known = keyType === keyTypes.group || keyType === keyTypes.transaction
      // The first member or producer asks: the time to make the coordinator's topic.
      if (keyType === keyTypes.group) await coordinate(groups.ready() ?? Promise.resolve())
      if (keyType === keyTypes.transaction) await coordinate(transactions.ready() ?? Promise.resolve())
      const answer = known
        ? { errorCode: ErrorCode.NONE, errorMessage: null, ...address() }
        : { ...nobody(ErrorCode.INVALID_REQUEST), errorMessage: `Coordinators of type ${keyType} are not supported.` }
      return version < 4 ? answer : { coordinators: coordinatorKeys.map((each) => ({ key: each, ...answer })) }
    },
    errorResponse: ({ coordinatorKeys }, errorCode, version) =>
      version < 4
        ? nobody(errorCode)
        : { coordinators: coordinatorKeys.map((each) => ({ key: each, ...nobody(errorCode) })) },
  })
}

function nobody(errorCode: number) {
  return { errorCode, errorMessage: null, nodeId: -1, host: '', port: -1 }
}
