import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, int16, int32, int8, string } from '../codec/types.ts'

/**
 * Elects leaders of partitions: the preferred replica (0) or, when none is in sync, the first that lives (1). `topicPartitions`
 * null means all (KIP-183).
 *
 * Versions: 1 adds the type of election and an error for the whole (KIP-460); 2 is flexible.
 */
export const ElectLeaders = defineApi({
  key: 43,
  name: 'ElectLeaders',
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    electionType: int8({ versions: '1+' }),
    topicPartitions: array(
      {
        topic: string(),
        partitions: array(int32()),
      },
      { nullable: true },
    ),
    timeoutMs: int32({ default: 60000 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ versions: '1+' }),
    replicaElectionResults: array({
      topic: string(),
      partitionResult: array({
        partitionId: int32(),
        errorCode: int16({ default: 0 }),
        errorMessage: string({ nullable: true, default: null }),
      }),
    }),
  },
})

export type ElectLeadersRequest = RequestOf<typeof ElectLeaders>
export type ElectLeadersRequestInput = RequestInputOf<typeof ElectLeaders>
export type ElectLeadersResponse = ResponseOf<typeof ElectLeaders>
export type ElectLeadersResponseInput = ResponseInputOf<typeof ElectLeaders>
