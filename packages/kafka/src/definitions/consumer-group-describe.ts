import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, boolean, int16, int32, int8, string, struct, uuid } from '../codec/types.ts'

const assignment = struct({
  topicPartitions: array({
    topicId: uuid(),
    topicName: string(),
    partitions: array(int32()),
  }),
})

/**
 * Describes KIP-848 groups: their members with present and target assignments.
 *
 * Versions: 1 says whether a member speaks the classic (0) or the consumer (1) protocol (KIP-1099).
 */
export const ConsumerGroupDescribe = defineApi({
  key: 69,
  name: 'ConsumerGroupDescribe',
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    groupIds: array(string()),
    includeAuthorizedOperations: boolean(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    groups: array({
      errorCode: int16({ default: 0 }),
      errorMessage: string({ nullable: true, default: null }),
      groupId: string(),
      groupState: string(),
      groupEpoch: int32(),
      assignmentEpoch: int32(),
      assignorName: string(),
      members: array({
        memberId: string(),
        instanceId: string({ nullable: true, default: null }),
        rackId: string({ nullable: true, default: null }),
        memberEpoch: int32(),
        clientId: string(),
        clientHost: string(),
        subscribedTopicNames: array(string()),
        subscribedTopicRegex: string({ nullable: true, default: null }),
        assignment,
        targetAssignment: assignment,
        memberType: int8({ versions: '1+', default: -1, ignorable: true }),
      }),
      authorizedOperations: int32({ default: -2147483648 }),
    }),
  },
})

export type ConsumerGroupDescribeRequest = RequestOf<typeof ConsumerGroupDescribe>
export type ConsumerGroupDescribeRequestInput = RequestInputOf<typeof ConsumerGroupDescribe>
export type ConsumerGroupDescribeResponse = ResponseOf<typeof ConsumerGroupDescribe>
export type ConsumerGroupDescribeResponseInput = ResponseInputOf<typeof ConsumerGroupDescribe>
