import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, int16, int32, int64, string } from '../codec/types.ts'

/**
 * Stores offsets of a group as part of a transaction: they count once it is committed.
 *
 * Versions: 1 throttles after the response (KIP-219); 2 carries leader epochs (KIP-320); 3 is flexible and names the member, so
 * that a fenced one is refused (KIP-447); 4 may answer TRANSACTION_ABORTABLE; 5 does the work of AddOffsetsToTxn too
 * (transactions v2, KIP-890).
 */
export const TxnOffsetCommit = defineApi({
  key: 28,
  name: 'TxnOffsetCommit',
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    transactionalId: string(),
    groupId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    generationId: int32({ versions: '3+', default: -1 }),
    memberId: string({ versions: '3+', default: '' }),
    groupInstanceId: string({ versions: '3+', nullable: true, default: null }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32({ versions: '2+', default: -1, ignorable: true }),
        committedMetadata: string({ nullable: true }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16({ default: 0 }),
      }),
    }),
  },
})

export type TxnOffsetCommitRequest = RequestOf<typeof TxnOffsetCommit>
export type TxnOffsetCommitRequestInput = RequestInputOf<typeof TxnOffsetCommit>
export type TxnOffsetCommitResponse = ResponseOf<typeof TxnOffsetCommit>
export type TxnOffsetCommitResponseInput = ResponseInputOf<typeof TxnOffsetCommit>
