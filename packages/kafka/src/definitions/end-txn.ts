import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { boolean, int16, int32, int64, string } from '../codec/types.ts'

/**
 * Commits or aborts a transaction (KIP-98). It is answered once the decision is stored; the markers follow.
 *
 * Versions: 1 throttles after the response (KIP-219); 2 may answer PRODUCER_FENCED (KIP-588); 3 is flexible; 4 may answer
 * TRANSACTION_ABORTABLE; 5 belongs to transactions v2: every transaction ends with a new epoch, which the response carries
 * together with the id, a new one when the epochs of the old are used up (KIP-890).
 */
export const EndTxn = defineApi({
  key: 26,
  name: 'EndTxn',
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    committed: boolean(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    producerId: int64({ versions: '5+', default: -1, ignorable: true }),
    producerEpoch: int16({ versions: '5+', default: -1, ignorable: true }),
  },
})

export type EndTxnRequest = RequestOf<typeof EndTxn>
export type EndTxnRequestInput = RequestInputOf<typeof EndTxn>
export type EndTxnResponse = ResponseOf<typeof EndTxn>
export type EndTxnResponseInput = ResponseInputOf<typeof EndTxn>
