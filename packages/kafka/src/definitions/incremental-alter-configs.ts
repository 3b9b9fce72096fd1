import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, boolean, int16, int32, int8, string } from '../codec/types.ts'

/**
 * Changes some configuration values of resources (KIP-339). Operations: 0 sets, 1 deletes, 2 appends to and 3 subtracts from a
 * list. Resource types are those of DescribeConfigs.
 *
 * Versions: 1 is flexible.
 */
export const IncrementalAlterConfigs = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexibleFrom: 1,
  request: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        configOperation: int8(),
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

export type IncrementalAlterConfigsRequest = RequestOf<typeof IncrementalAlterConfigs>
export type IncrementalAlterConfigsRequestInput = RequestInputOf<typeof IncrementalAlterConfigs>
export type IncrementalAlterConfigsResponse = ResponseOf<typeof IncrementalAlterConfigs>
export type IncrementalAlterConfigsResponseInput = ResponseInputOf<typeof IncrementalAlterConfigs>
