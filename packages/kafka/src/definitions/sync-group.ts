import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, bytes, int16, int32, string } from '../codec/types.ts'

/**
 * Hands the leader's assignment to the members of a classic group, the second half of a rebalance.
 *
 * Versions: 3 adds static members (KIP-345); 4 is flexible; 5 carries the protocol's type and name (KIP-559).
 */
export const SyncGroup = defineApi({
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ versions: '3+', nullable: true, default: null }),
    protocolType: string({ versions: '5+', nullable: true, default: null, ignorable: true }),
    protocolName: string({ versions: '5+', nullable: true, default: null, ignorable: true }),
    assignments: array({
      memberId: string(),
      assignment: bytes(),
    }),
  },
  response: {
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    errorCode: int16({ default: 0 }),
    protocolType: string({ versions: '5+', nullable: true, default: null, ignorable: true }),
    protocolName: string({ versions: '5+', nullable: true, default: null, ignorable: true }),
    assignment: bytes(),
  },
})

export type SyncGroupRequest = RequestOf<typeof SyncGroup>
export type SyncGroupRequestInput = RequestInputOf<typeof SyncGroup>
export type SyncGroupResponse = ResponseOf<typeof SyncGroup>
export type SyncGroupResponseInput = ResponseInputOf<typeof SyncGroup>
