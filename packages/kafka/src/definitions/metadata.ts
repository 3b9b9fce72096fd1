import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, boolean, int16, int32, string, uuid } from '../codec/types.ts'

/**
 * Describes brokers, topics and partitions. `topics` null means all of them, empty means none; version 0 has no null, there
 * empty means all.
 *
 * Versions: 4 may forbid auto-creation; 5 adds offline replicas; 7 leader epochs; 8 authorized operations (KIP-430); 9 is flexible;
 * 10 adds topic ids (KIP-516), 12 asks by them; 13 has an error for the whole response (KIP-1102).
 */
export const Metadata = defineApi({
  key: 3,
  name: 'Metadata',
  versions: [0, 13],
  flexibleFrom: 9,
  request: {
    topics: array(
      {
        topicId: uuid({ versions: '10+', ignorable: true }),
        name: string({ nullable: '10+' }),
      },
      { nullable: '1+' },
    ),
    allowAutoTopicCreation: boolean({ versions: '4+', default: true }),
    includeClusterAuthorizedOperations: boolean({ versions: '8-10' }),
    includeTopicAuthorizedOperations: boolean({ versions: '8+' }),
  },
  response: {
    throttleTimeMs: int32({ versions: '3+', ignorable: true }),
    brokers: array({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ versions: '1+', nullable: true, default: null, ignorable: true }),
    }),
    clusterId: string({ versions: '2+', nullable: true, default: null, ignorable: true }),
    controllerId: int32({ versions: '1+', default: -1, ignorable: true }),
    topics: array({
      errorCode: int16({ default: 0 }),
      name: string({ nullable: '12+' }),
      topicId: uuid({ versions: '10+', ignorable: true }),
      isInternal: boolean({ versions: '1+', default: false, ignorable: true }),
      partitions: array({
        errorCode: int16({ default: 0 }),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ versions: '7+', default: -1, ignorable: true }),
        replicaNodes: array(int32()),
        isrNodes: array(int32()),
        offlineReplicas: array(int32(), { versions: '5+', ignorable: true }),
      }),
      topicAuthorizedOperations: int32({ versions: '8+', default: -2_147_483_648 }),
    }),
    clusterAuthorizedOperations: int32({ versions: '8-10', default: -2_147_483_648 }),
    errorCode: int16({ versions: '13+', ignorable: true }),
  },
})

export type MetadataRequest = RequestOf<typeof Metadata>
export type MetadataRequestInput = RequestInputOf<typeof Metadata>
export type MetadataResponse = ResponseOf<typeof Metadata>
export type MetadataResponseInput = ResponseInputOf<typeof Metadata>
