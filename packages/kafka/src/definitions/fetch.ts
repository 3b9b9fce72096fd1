import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, bigint64, int16, int32, int64, int8, records, string, struct, uuid } from '../codec/types.ts'

/**
 * Reads record batches, waiting up to `maxWaitMs` for `minBytes`.
 *
 * Versions: 5 adds `logStartOffset`; 7 sessions (KIP-227); 9 leader epochs (KIP-320); 11 the rack (KIP-392); 12 is flexible and
 * reports divergence (KIP-595); 13 uses topic ids (KIP-516); 15 moves the replica's id (KIP-903); 16 names new leaders (KIP-951);
 * 17 directories (KIP-853); 18 the follower's high watermark (KIP-1166), whose default is the largest int64, hence a bigint.
 */
export const Fetch = defineApi({
  key: 1,
  name: 'Fetch',
  versions: [4, 18],
  flexibleFrom: 12,
  request: {
    clusterId: string({ versions: '12+', nullable: true, tag: 0, default: null, ignorable: true }),
    replicaId: int32({ versions: '4-14', default: -1 }),
    replicaState: struct(
      {
        replicaId: int32({ default: -1 }),
        replicaEpoch: int64({ default: -1 }),
      },
      { versions: '15+', tag: 1 },
    ),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ default: 0x7fff_ffff }),
    isolationLevel: int8({ default: 0 }),
    sessionId: int32({ versions: '7+', default: 0, ignorable: true }),
    sessionEpoch: int32({ versions: '7+', default: -1, ignorable: true }),
    topics: array({
      topic: string({ versions: '4-12', ignorable: true }),
      topicId: uuid({ versions: '13+', ignorable: true }),
      partitions: array({
        partition: int32(),
        currentLeaderEpoch: int32({ versions: '9+', default: -1, ignorable: true }),
        fetchOffset: int64(),
        lastFetchedEpoch: int32({ versions: '12+', default: -1 }),
        logStartOffset: int64({ versions: '5+', default: -1, ignorable: true }),
        partitionMaxBytes: int32(),
        replicaDirectoryId: uuid({ versions: '17+', tag: 0, ignorable: true }),
        highWatermark: bigint64({ versions: '18+', tag: 1, default: 9_223_372_036_854_775_807n, ignorable: true }),
      }),
    }),
    forgottenTopicsData: array(
      {
        topic: string({ versions: '7-12', ignorable: true }),
        topicId: uuid({ versions: '13+', ignorable: true }),
        partitions: array(int32()),
      },
      { versions: '7+' },
    ),
    rackId: string({ versions: '11+', ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ versions: '7+', ignorable: true }),
    sessionId: int32({ versions: '7+', default: 0 }),
    responses: array({
      topic: string({ versions: '4-12', ignorable: true }),
      topicId: uuid({ versions: '13+', ignorable: true }),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16({ default: 0 }),
        highWatermark: int64(),
        lastStableOffset: int64({ default: -1 }),
        logStartOffset: int64({ versions: '5+', default: -1, ignorable: true }),
        divergingEpoch: struct(
          {
            epoch: int32({ default: -1 }),
            endOffset: int64({ default: -1 }),
          },
          { versions: '12+', tag: 0 },
        ),
        currentLeader: struct(
          {
            leaderId: int32({ default: -1 }),
            leaderEpoch: int32({ default: -1 }),
          },
          { versions: '12+', tag: 1 },
        ),
        snapshotId: struct(
          {
            endOffset: int64({ default: -1 }),
            epoch: int32({ default: -1 }),
          },
          { versions: '12+', tag: 2 },
        ),
        abortedTransactions: array(
          {
            producerId: int64(),
            firstOffset: int64(),
          },
          { nullable: true },
        ),
        preferredReadReplica: int32({ versions: '11+', default: -1 }),
        records: records({ nullable: true }),
      }),
    }),
    nodeEndpoints: array(
      {
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullable: true, default: null }),
      },
      { versions: '16+', tag: 0 },
    ),
  },
})

export type FetchRequest = RequestOf<typeof Fetch>
export type FetchRequestInput = RequestInputOf<typeof Fetch>
export type FetchResponse = ResponseOf<typeof Fetch>
export type FetchResponseInput = ResponseInputOf<typeof Fetch>
