import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, boolean, bytes, int16, int32, string } from '../codec/types.ts'

/**
 * Joins a classic group, the first half of a rebalance. The answer comes when the members have gathered.
 *
 * Versions: 1 adds the rebalance timeout (KIP-62); 4 requires a member id (KIP-394); 5 adds static members (KIP-345); 6 is flexible;
 * 7 returns the protocol type (KIP-559); 8 carries a reason (KIP-800); 9 may tell a leader to skip the assignment (KIP-814).
 */
export const JoinGroup = defineApi({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexibleFrom: 6,
  request: {
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32({ versions: '1+', default: -1, ignorable: true }),
    memberId: string(),
    groupInstanceId: string({ versions: '5+', nullable: true, default: null }),
    protocolType: string(),
    protocols: array({
      name: string(),
      metadata: bytes(),
    }),
    reason: string({ versions: '8+', nullable: true, default: null, ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ versions: '2+', ignorable: true }),
    errorCode: int16({ default: 0 }),
    generationId: int32({ default: -1 }),
    protocolType: string({ versions: '7+', nullable: true, default: null, ignorable: true }),
    protocolName: string({ nullable: '7+' }),
    leader: string(),
    skipAssignment: boolean({ versions: '9+', default: false }),
    memberId: string(),
    members: array({
      memberId: string(),
      groupInstanceId: string({ versions: '5+', nullable: true, default: null, ignorable: true }),
      metadata: bytes(),
    }),
  },
})

export type JoinGroupRequest = RequestOf<typeof JoinGroup>
export type JoinGroupRequestInput = RequestInputOf<typeof JoinGroup>
export type JoinGroupResponse = ResponseOf<typeof JoinGroup>
export type JoinGroupResponseInput = ResponseInputOf<typeof JoinGroup>
