import type { MessageSchema } from '../../src/codec/schema.ts'
import type { VersionedStruct } from '../../src/codec/struct.ts'
import {
  apis,
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  GroupMetadataValue,
  OffsetCommitValue,
} from '../../src/definitions/index.ts'

const structs: readonly VersionedStruct[] = [
  ConsumerProtocolSubscription,
  ConsumerProtocolAssignment,
  OffsetCommitValue,
  GroupMetadataValue,
]

/** Every message under test. Kafka numbers its schemas of offset keys differently, so these have tests of their own. */
export const messages: readonly MessageSchema[] = [
  ...apis.flatMap((api) => [api.request, api.response]),
  ...structs.map((struct) => struct.schema),
]
