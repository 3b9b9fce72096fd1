import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, int16, int32, int64, int8, string } from '../codec/types.ts'

/**
 * Finds offsets by timestamp. Special timestamps: -1 latest, -2 earliest, -3 the largest timestamp (KIP-734, from version 7),
 * -4 earliest local (8), -5 latest tiered (9, KIP-1005), -6 earliest pending upload (11, KIP-1023). No match: offset and timestamp -1.
 *
 * Versions: 2 adds the isolation level; 4 leader epochs (KIP-320); 6 is flexible; 10 adds `timeoutMs`.
 */
export const ListOffsets = defineApi({
  key: 2,
  name: 'ListOffsets',
  versions: [1, 11],
  flexibleFrom: 6,
  request: {
    replicaId: int32(),
    isolationLevel: int8({ versions: '2+' }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        currentLeaderEpoch: int32({ versions: '4+', default: -1, ignorable: true }),
        timestamp: int64(),
      }),
    }),
    timeoutMs: int32({ versions: '10+', ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ versions: '2+', ignorable: true }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16({ default: 0 }),
        timestamp: int64({ default: -1 }),
        offset: int64({ default: -1 }),
        leaderEpoch: int32({ versions: '4+', default: -1 }),
      }),
    }),
  },
})

export type ListOffsetsRequest = RequestOf<typeof ListOffsets>
export type ListOffsetsRequestInput = RequestInputOf<typeof ListOffsets>
export type ListOffsetsResponse = ResponseOf<typeof ListOffsets>
export type ListOffsetsResponseInput = ResponseInputOf<typeof ListOffsets>
