import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, boolean, int16, int32, string, struct, uuid } from '../codec/types.ts'

const cursor = struct(
  {
    topicName: string(),
    partitionIndex: int32(),
  },
  { nullable: true, default: null },
)

/**
 * Describes topics, at most so many partitions in one response: `nextCursor` is where to go on, null at the end (KIP-966).
 */
export const DescribeTopicPartitions = defineApi({
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    topics: array({
      name: string(),
    }),
    responsePartitionLimit: int32({ default: 2000 }),
    cursor,
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: array({
      errorCode: int16({ default: 0 }),
      name: string({ nullable: true }),
      topicId: uuid(),
      isInternal: boolean({ default: false }),
      partitions: array({
        errorCode: int16({ default: 0 }),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ default: -1 }),
        replicaNodes: array(int32()),
        isrNodes: array(int32()),
        eligibleLeaderReplicas: array(int32(), { nullable: true, default: null }),
        lastKnownElr: array(int32(), { nullable: true, default: null }),
        offlineReplicas: array(int32()),
      }),
      topicAuthorizedOperations: int32({ default: -2147483648 }),
    }),
    nextCursor: cursor,
  },
})

export type DescribeTopicPartitionsRequest = RequestOf<typeof DescribeTopicPartitions>
export type DescribeTopicPartitionsRequestInput = RequestInputOf<typeof DescribeTopicPartitions>
export type DescribeTopicPartitionsResponse = ResponseOf<typeof DescribeTopicPartitions>
export type DescribeTopicPartitionsResponseInput = ResponseInputOf<typeof DescribeTopicPartitions>
