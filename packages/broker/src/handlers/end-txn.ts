/**
 * EndTxn (26): commits or aborts a producer's transaction. Answered when the decision is durable; the markers follow.
 *
 * It may be asked again, from any connection and after any restart, with the ids that the producer had. From version 5 on
 * the answer brings the id and epoch of the next transaction (KIP-890).
 */
import { EndTxn } from '@millrace/kafka'
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'
import { transactionErrorCode } from './transaction-error.ts'

const fencedFrom = 2
const epochBumpFrom = 5

export function registerEndTxn(registry: HandlerRegistry, transactions: TransactionCoordinator): void {
  registry.registerSimple({
    api: EndTxn,
    versions: [0, 5],
    async handle({ transactionalId, producerId, producerEpoch, committed }, { version }) {
      const clientVersion = version >= epochBumpFrom ? 2 : 0
      const { error, ...identity } = await coordinate(
        transactions.endTransaction({ transactionalId, producerId, producerEpoch, commit: committed, clientVersion }),
      )
      return { errorCode: transactionErrorCode(error, version, fencedFrom), ...identity }
    },
    errorResponse: (_request, errorCode) => ({ errorCode }),
  })
}
