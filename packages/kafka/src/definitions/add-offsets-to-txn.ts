import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { int16, int32, int64, string } from '../codec/types.ts'

/**
 * Announces that a transaction will commit offsets of a group: adds the partition of `__consumer_offsets` that holds the group
 * to the transaction. TxnOffsetCommit follows. With transactions v2 clients no longer send this (KIP-890).
 *
 * Versions: 1 throttles after the response (KIP-219); 2 may answer PRODUCER_FENCED (KIP-588); 3 is flexible; 4 may answer
 * TRANSACTION_ABORTABLE (KIP-890).
 */
export const AddOffsetsToTxn = defineApi({
  key: 25,
  name: 'AddOffsetsToTxn',
  versions: [0, 4],
  flexibleFrom: 3,
  request: {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    groupId: string(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
  },
})

export type AddOffsetsToTxnRequest = RequestOf<typeof AddOffsetsToTxn>
export type AddOffsetsToTxnRequestInput = RequestInputOf<typeof AddOffsetsToTxn>
export type AddOffsetsToTxnResponse = ResponseOf<typeof AddOffsetsToTxn>
export type AddOffsetsToTxnResponseInput = ResponseInputOf<typeof AddOffsetsToTxn>
