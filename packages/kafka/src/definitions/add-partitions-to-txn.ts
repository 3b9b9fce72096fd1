import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, boolean, int16, int32, int64, string } from '../codec/types.ts'

const topics = {
  name: string(),
  partitions: array(int32()),
}

const topicResults = {
  name: string(),
  resultsByPartition: array({
    partitionIndex: int32(),
    partitionErrorCode: int16({ default: 0 }),
  }),
}

/**
 * Adds partitions to a transaction before a producer writes to them. Clients speak versions up to 3, for one transaction each;
 * brokers speak 4 and up, for many, and with `verifyOnly` only ask whether the partitions are in the transaction (KIP-890).
 * With transactions v2 the broker that is written to adds the partition itself, so clients no longer send this.
 *
 * Versions: 1 throttles after the response (KIP-219); 2 may answer PRODUCER_FENCED (KIP-588); 3 is flexible; 4 has many
 * transactions; 5 may answer TRANSACTION_ABORTABLE (KIP-890).
 */
export const AddPartitionsToTxn = defineApi({
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    transactions: array(
      {
        transactionalId: string(),
        producerId: int64(),
        producerEpoch: int16(),
        verifyOnly: boolean({ default: false }),
        topics: array(topics),
      },
      { versions: '4+' },
    ),
    v3AndBelowTransactionalId: string({ versions: '0-3' }),
    v3AndBelowProducerId: int64({ versions: '0-3' }),
    v3AndBelowProducerEpoch: int16({ versions: '0-3' }),
    v3AndBelowTopics: array(topics, { versions: '0-3' }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ versions: '4+', ignorable: true }),
    resultsByTransaction: array(
      {
        transactionalId: string(),
        topicResults: array(topicResults),
      },
      { versions: '4+' },
    ),
    resultsByTopicV3AndBelow: array(topicResults, { versions: '0-3' }),
  },
})

export type AddPartitionsToTxnRequest = RequestOf<typeof AddPartitionsToTxn>
export type AddPartitionsToTxnRequestInput = RequestInputOf<typeof AddPartitionsToTxn>
export type AddPartitionsToTxnResponse = ResponseOf<typeof AddPartitionsToTxn>
export type AddPartitionsToTxnResponseInput = ResponseInputOf<typeof AddPartitionsToTxn>
