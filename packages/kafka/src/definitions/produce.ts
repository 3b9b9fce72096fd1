import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, int16, int32, int64, records, string, struct, uuid } from '../codec/types.ts'

/**
 * Appends record batches to partitions. With `acks` 0 there is no response at all.
 *
 * Versions: 3 needs batches of magic 2; 4 allows KAFKA_STORAGE_ERROR; 5 adds `logStartOffset`; 7 allows zstd; 8 adds record
 * errors (KIP-467); 9 is flexible; 10 names the new leader (KIP-951); 11 and 12 stand for transactions v2 (KIP-890); 13 uses
 * topic ids. Versions 0 to 2 are announced but refused: librdkafka before 2.11.1 disables compression otherwise (KAFKA-18659).
 */
export const Produce = defineApi({
  key: 0,
  name: 'Produce',
  versions: [3, 13],
  advertisedVersions: [0, 13],
  flexibleFrom: 9,
  request: {
    transactionalId: string({ nullable: true, default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: array({
      name: string({ versions: '3-12', ignorable: true }),
      topicId: uuid({ versions: '13+', ignorable: true }),
      partitionData: array({
        index: int32(),
        records: records({ nullable: true }),
      }),
    }),
  },
  response: {
    responses: array({
      name: string({ versions: '3-12', ignorable: true }),
      topicId: uuid({ versions: '13+', ignorable: true }),
      partitionResponses: array({
        index: int32(),
        errorCode: int16({ default: 0 }),
        baseOffset: int64(),
        logAppendTimeMs: int64({ default: -1 }),
        logStartOffset: int64({ versions: '5+', default: -1, ignorable: true }),
        recordErrors: array(
          {
            batchIndex: int32(),
            batchIndexErrorMessage: string({ nullable: true, default: null }),
          },
          { versions: '8+', ignorable: true },
        ),
        errorMessage: string({ versions: '8+', nullable: true, default: null, ignorable: true }),
        currentLeader: struct(
          {
            leaderId: int32({ default: -1 }),
            leaderEpoch: int32({ default: -1 }),
          },
          { versions: '10+', tag: 0 },
        ),
      }),
    }),
    throttleTimeMs: int32({ default: 0 }),
    nodeEndpoints: array(
      {
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullable: true, default: null }),
      },
      { versions: '10+', tag: 0 },
    ),
  },
})

export type ProduceRequest = RequestOf<typeof Produce>
export type ProduceRequestInput = RequestInputOf<typeof Produce>
export type ProduceResponse = ResponseOf<typeof Produce>
export type ProduceResponseInput = ResponseInputOf<typeof Produce>
