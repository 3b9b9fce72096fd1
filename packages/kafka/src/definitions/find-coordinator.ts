import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, int16, int32, int8, string } from '../codec/types.ts'

/**
 * Finds the broker that coordinates a group (`keyType` 0), a transactional id (1) or a share partition (2).
 *
 * Versions: 1 adds the key type; 3 is flexible; 4 asks for many keys at once (KIP-699); 5 belongs to transactions v2 (KIP-890);
 * 6 to share groups (KIP-932).
 */
export const FindCoordinator = defineApi({
  key: 10,
  name: 'FindCoordinator',
  versions: [0, 6],
  flexibleFrom: 3,
  request: {
    key: string({ versions: '0-3' }),
    keyType: int8({ versions: '1+', default: 0 }),
    coordinatorKeys: array(string(), { versions: '4+' }),
  },
  response: {
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    errorCode: int16({ versions: '0-3' }),
    errorMessage: string({ versions: '1-3', nullable: true, default: null, ignorable: true }),
    nodeId: int32({ versions: '0-3' }),
    host: string({ versions: '0-3' }),
    port: int32({ versions: '0-3' }),
    coordinators: array(
      {
        key: string(),
        nodeId: int32(),
        host: string(),
        port: int32(),
        errorCode: int16({ default: 0 }),
        errorMessage: string({ nullable: true, default: null }),
      },
      { versions: '4+' },
    ),
  },
})

export type FindCoordinatorRequest = RequestOf<typeof FindCoordinator>
export type FindCoordinatorRequestInput = RequestInputOf<typeof FindCoordinator>
export type FindCoordinatorResponse = ResponseOf<typeof FindCoordinator>
export type FindCoordinatorResponseInput = ResponseInputOf<typeof FindCoordinator>
