import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, boolean, int16, int32, int8, string } from '../codec/types.ts'

/**
 * Finalizes features at a level (KIP-584); a level below 1 disables one. `upgradeType`: 1 only up, 2 down where nothing is lost,
 * 3 down anyway.
 *
 * Versions: 1 adds the type and `validateOnly` (KIP-778); 2 has no results of single features (KIP-1022).
 */
export const UpdateFeatures = defineApi({
  key: 57,
  name: 'UpdateFeatures',
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    timeoutMs: int32({ default: 60000 }),
    featureUpdates: array({
      feature: string(),
      maxVersionLevel: int16(),
      allowDowngrade: boolean({ versions: '0' }),
      upgradeType: int8({ versions: '1+', default: 1 }),
    }),
    validateOnly: boolean({ versions: '1+', default: false }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    errorMessage: string({ nullable: true, default: null }),
    results: array(
      {
        feature: string(),
        errorCode: int16({ default: 0 }),
        errorMessage: string({ nullable: true, default: null }),
      },
      { versions: '0-1', ignorable: true },
    ),
  },
})

export type UpdateFeaturesRequest = RequestOf<typeof UpdateFeatures>
export type UpdateFeaturesRequestInput = RequestInputOf<typeof UpdateFeatures>
export type UpdateFeaturesResponse = ResponseOf<typeof UpdateFeatures>
export type UpdateFeaturesResponseInput = ResponseInputOf<typeof UpdateFeatures>
