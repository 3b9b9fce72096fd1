import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, int16, int32, int64, string, uint16, uuid } from '../codec/types.ts'

const replicas = array({
  replicaId: int32(),
  replicaDirectoryId: uuid({ versions: '2+' }),
  logEndOffset: int64(),
  lastFetchTimestamp: int64({ versions: '1+', default: -1, ignorable: true }),
  lastCaughtUpTimestamp: int64({ versions: '1+', default: -1, ignorable: true }),
})

/**
 * Describes the quorum of `__cluster_metadata` (KIP-595). Timestamps are in ms, -1 when not known.
 *
 * Versions: 1 adds the times of fetches (KIP-836); 2 directories, nodes and messages of errors (KIP-853).
 */
export const DescribeQuorum = defineApi({
  key: 55,
  name: 'DescribeQuorum',
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    topics: array({
      topicName: string(),
      partitions: array({
        partitionIndex: int32(),
      }),
    }),
  },
  response: {
    errorCode: int16({ default: 0 }),
    errorMessage: string({ versions: '2+', nullable: true, default: null, ignorable: true }),
    topics: array({
      topicName: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16({ default: 0 }),
        errorMessage: string({ versions: '2+', nullable: true, default: null, ignorable: true }),
        leaderId: int32(),
        leaderEpoch: int32(),
        highWatermark: int64(),
        currentVoters: replicas,
        observers: replicas,
      }),
    }),
    nodes: array(
      {
        nodeId: int32(),
        listeners: array({
          name: string(),
          host: string(),
          port: uint16(),
        }),
      },
      { versions: '2+' },
    ),
  },
})

export type DescribeQuorumRequest = RequestOf<typeof DescribeQuorum>
export type DescribeQuorumRequestInput = RequestInputOf<typeof DescribeQuorum>
export type DescribeQuorumResponse = ResponseOf<typeof DescribeQuorum>
export type DescribeQuorumResponseInput = ResponseInputOf<typeof DescribeQuorum>
