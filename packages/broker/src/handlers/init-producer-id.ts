/**
 * InitProducerId (22): gives a producer its id and epoch. Without a transactional id they are new, and never given out
 * twice: ids come from blocks that are durable before they are used.
 *
 * With a transactional id the epoch is the next one, so that older producers are fenced; their transaction is aborted
 * first, and CONCURRENT_TRANSACTIONS answered meanwhile. From version 3 on a producer may say who it is, to go on after an
 * error without fencing a newer one (KIP-360).
 */
import { ErrorCode, InitProducerId } from '@millrace/kafka'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'
import { transactionErrorCode } from './transaction-error.ts'

const fencedFrom = 4

export function registerInitProducerId(
  registry: HandlerRegistry,
  metadata: MetadataManager,
  transactions: TransactionCoordinator,
): void {
  registry.registerSimple({
    api: InitProducerId,
    versions: [0, 5],
    async handle({ transactionalId, transactionTimeoutMs, producerId, producerEpoch }, { version }) {
      const isNamed = producerId !== -1
      if (isNamed !== (producerEpoch !== -1)) return failed(ErrorCode.INVALID_REQUEST)
      if (transactionalId === null) return { producerId: await metadata.nextProducerId(), producerEpoch: 0 }
      const { error, ...identity } = await coordinate(
        transactions.initProducer({
          transactionalId,
          timeoutMs: transactionTimeoutMs,
          expected: isNamed ? { producerId, producerEpoch } : undefined,
        }),
      )
      return { errorCode: transactionErrorCode(error, version, fencedFrom), ...identity }
    },
    errorResponse: (_request, errorCode) => failed(errorCode),
  })
}

function failed(errorCode: number) {
  return { errorCode, producerId: -1, producerEpoch: -1 }
}
