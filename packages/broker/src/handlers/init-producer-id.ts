/**
 * InitProducerId (22): gives an idempotent producer its id and epoch 0. Ids come from blocks that are durable before they
 * are used, so that none is given out twice.
 *
 * Transactional ids are refused: transactions are not served.
 */
import { ErrorCode, InitProducerId } from '@millrace/kafka'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerInitProducerId(registry: HandlerRegistry, metadata: MetadataManager): void {
  registry.registerSimple({
    api: InitProducerId,
    versions: [0, 5],
    notes: 'Idempotent producers only; a transactional id is answered with TRANSACTIONAL_ID_AUTHORIZATION_FAILED.',
    async handle({ transactionalId }) {
      // Of the errors that all clients know for this request, the one that makes them stop at once.
      if (transactionalId !== null) return failed(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
      return { producerId: await metadata.nextProducerId(), producerEpoch: 0 }
    },
    errorResponse: (_request, errorCode) => failed(errorCode),
  })
}

function failed(errorCode: number) {
  return { errorCode, producerId: -1, producerEpoch: -1 }
}
