import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, boolean, int16, int32, int8, string } from '../codec/types.ts'

/**
 * Replaces the whole configuration of resources: what is not named goes back to its default. Resource types are those of
 * DescribeConfigs. IncrementalAlterConfigs took its place (KIP-339).
 *
 * Versions: 1 throttles after the response (KIP-219); 2 is flexible.
 */
export const AlterConfigs = defineApi({
  key: 33,
  name: 'AlterConfigs',
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        value: string({ nullable: true }),
      }),
    }),
    validateOnly: boolean(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    responses: array({
      errorCode: int16({ default: 0 }),
      errorMessage: string({ nullable: true, default: null }),
      resourceType: int8(),
      resourceName: string(),
    }),
  },
})

export type AlterConfigsRequest = RequestOf<typeof AlterConfigs>
export type AlterConfigsRequestInput = RequestInputOf<typeof AlterConfigs>
export type AlterConfigsResponse = ResponseOf<typeof AlterConfigs>
export type AlterConfigsResponseInput = ResponseInputOf<typeof AlterConfigs>
