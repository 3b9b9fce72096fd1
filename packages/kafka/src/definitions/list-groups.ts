import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, int16, int32, string } from '../codec/types.ts'

/**
 * Lists the groups of a broker, optionally those in some states (version 4, KIP-518) or of some types (5, KIP-848).
 *
 * Versions: 3 is flexible.
 */
export const ListGroups = defineApi({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    statesFilter: array(string(), { versions: '4+' }),
    typesFilter: array(string(), { versions: '5+' }),
  },
  response: {
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    errorCode: int16({ default: 0 }),
    groups: array({
      groupId: string(),
      protocolType: string(),
      groupState: string({ versions: '4+', ignorable: true }),
      groupType: string({ versions: '5+', ignorable: true }),
    }),
  },
})

export type ListGroupsRequest = RequestOf<typeof ListGroups>
export type ListGroupsRequestInput = RequestInputOf<typeof ListGroups>
export type ListGroupsResponse = ResponseOf<typeof ListGroups>
export type ListGroupsResponseInput = ResponseInputOf<typeof ListGroups>
