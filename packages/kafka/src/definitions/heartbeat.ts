import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { int16, int32, string } from '../codec/types.ts'

/**
 * Keeps a member of a classic group alive and learns of a rebalance.
 *
 * Versions: 3 adds static members (KIP-345); 4 is flexible.
 */
export const Heartbeat = defineApi({
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexibleFrom: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ versions: '3+', nullable: true, default: null }),
  },
  response: {
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    errorCode: int16({ default: 0 }),
  },
})

export type HeartbeatRequest = RequestOf<typeof Heartbeat>
export type HeartbeatRequestInput = RequestInputOf<typeof Heartbeat>
export type HeartbeatResponse = ResponseOf<typeof Heartbeat>
export type HeartbeatResponseInput = ResponseInputOf<typeof Heartbeat>
