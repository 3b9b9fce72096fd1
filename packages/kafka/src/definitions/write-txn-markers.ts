import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, boolean, int16, int32, int64, int8, string } from '../codec/types.ts'

/**
 * Asks the leaders of partitions to append the markers that end transactions. Sent between brokers, and by an administrator who
 * aborts a hanging transaction (KIP-664).
 *
 * Versions: 1 is flexible; 2 says which version of the transactions protocol the marker belongs to (KIP-1228).
 */
export const WriteTxnMarkers = defineApi({
  key: 27,
  name: 'WriteTxnMarkers',
  versions: [1, 2],
  flexibleFrom: 1,
  request: {
    markers: array({
      producerId: int64(),
      producerEpoch: int16(),
      transactionResult: boolean(),
      topics: array({
        name: string(),
        partitionIndexes: array(int32()),
      }),
      coordinatorEpoch: int32(),
      transactionVersion: int8({ versions: '2+', default: 0, ignorable: true }),
    }),
  },
  response: {
    markers: array({
      producerId: int64(),
      topics: array({
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          errorCode: int16({ default: 0 }),
        }),
      }),
    }),
  },
})

export type WriteTxnMarkersRequest = RequestOf<typeof WriteTxnMarkers>
export type WriteTxnMarkersRequestInput = RequestInputOf<typeof WriteTxnMarkers>
export type WriteTxnMarkersResponse = ResponseOf<typeof WriteTxnMarkers>
export type WriteTxnMarkersResponseInput = ResponseInputOf<typeof WriteTxnMarkers>
