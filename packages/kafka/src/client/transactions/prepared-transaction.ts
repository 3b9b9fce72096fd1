import { MillraceError } from '@millrace/std'

/**
 * A transaction whose records are all written and whose decision is still open: what the second phase of a commit in two
 * phases needs, as plain JSON. Store it with the checkpoint; commit it from any process once the checkpoint is complete.
 *
 * `transactionVersion` is part of it because the coordinator ends a transaction under the rules it was begun with: 2 gives
 * the producer a new epoch with every end (KIP-890), so that a repeated end must be told from a late one (FLINK-40689).
 */
export interface PreparedTransaction {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly transactionVersion: 1 | 2
}

const MAX_EPOCH = 0x7fff

/**
 * What was stored, checked.
 *
 * @throws {MillraceError} KAFKA_INVALID_PREPARED_TRANSACTION
 */
export function checkPrepared(stored: unknown): PreparedTransaction {
  const given = (stored ?? {}) as Partial<Record<keyof PreparedTransaction, unknown>>
  const { transactionalId, producerId, producerEpoch, transactionVersion } = given
  const isValid =
    typeof transactionalId === 'string' &&
    Number.isSafeInteger(producerId) &&
    (producerId as number) >= 0 &&
    Number.isInteger(producerEpoch) &&
    (producerEpoch as number) >= 0 &&
    (producerEpoch as number) <= MAX_EPOCH &&
    (transactionVersion === 1 || transactionVersion === 2)
  if (!isValid) {
    throw new MillraceError('KAFKA_INVALID_PREPARED_TRANSACTION', {
      message: `This is no prepared transaction: ${JSON.stringify(stored)}`,
      fix: 'Give back what prepareTransaction() returned, unchanged.',
    })
  }
  return { transactionalId, producerId, producerEpoch, transactionVersion } as PreparedTransaction
}
