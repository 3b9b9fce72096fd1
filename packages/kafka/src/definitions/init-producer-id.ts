import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { int16, int32, int64, string } from '../codec/types.ts'

/**
 * Gives a producer its id and epoch. With a transactional id it also fences older producers and ends their transaction.
 *
 * Versions: 2 is flexible; 3 may name the producer's present id and epoch (KIP-360); 4 may answer PRODUCER_FENCED (KIP-588);
 * 5 belongs to transactions v2 (KIP-890).
 */
export const InitProducerId = defineApi({
  key: 22,
  name: 'InitProducerId',
  versions: [0, 5],
  flexibleFrom: 2,
  request: {
    transactionalId: string({ nullable: true }),
    transactionTimeoutMs: int32(),
    producerId: int64({ versions: '3+', default: -1 }),
    producerEpoch: int16({ versions: '3+', default: -1 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    producerId: int64({ default: -1 }),
    producerEpoch: int16(),
  },
})

export type InitProducerIdRequest = RequestOf<typeof InitProducerId>
export type InitProducerIdRequestInput = RequestInputOf<typeof InitProducerId>
export type InitProducerIdResponse = ResponseOf<typeof InitProducerId>
export type InitProducerIdResponseInput = ResponseInputOf<typeof InitProducerId>
