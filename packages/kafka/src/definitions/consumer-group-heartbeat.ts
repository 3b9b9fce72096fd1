import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, int16, int32, string, struct, uuid } from '../codec/types.ts'

/**
 * The one request of members of KIP-848 groups: joins (`memberEpoch` 0), stays, leaves (-1) or leaves for a while as a static
 * member (-2), tells what changed in the subscription and which partitions are owned, and is told the assignment. In the
 * request null, and -1 as the timeout, mean "as before"; in the response a null assignment does.
 *
 * Versions: 1 adds subscriptions by regular expression, and the member chooses its own id (KIP-1082).
 */
export const ConsumerGroupHeartbeat = defineApi({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    instanceId: string({ nullable: true, default: null }),
    rackId: string({ nullable: true, default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    subscribedTopicNames: array(string(), { nullable: true, default: null }),
    subscribedTopicRegex: string({ versions: '1+', nullable: true, default: null }),
    serverAssignor: string({ nullable: true, default: null }),
    topicPartitions: array(
      {
        topicId: uuid(),
        partitions: array(int32()),
      },
      { nullable: true, default: null },
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    errorMessage: string({ nullable: true, default: null }),
    memberId: string({ nullable: true, default: null }),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: struct(
      {
        topicPartitions: array({
          topicId: uuid(),
          partitions: array(int32()),
        }),
      },
      { nullable: true, default: null },
    ),
  },
})

export type ConsumerGroupHeartbeatRequest = RequestOf<typeof ConsumerGroupHeartbeat>
export type ConsumerGroupHeartbeatRequestInput = RequestInputOf<typeof ConsumerGroupHeartbeat>
export type ConsumerGroupHeartbeatResponse = ResponseOf<typeof ConsumerGroupHeartbeat>
export type ConsumerGroupHeartbeatResponseInput = ResponseInputOf<typeof ConsumerGroupHeartbeat>
