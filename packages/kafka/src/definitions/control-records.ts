import { defineStruct, type StructInputOf, type StructOf } from '../codec/struct.ts'
import { int16, int32 } from '../codec/types.ts'

// The records of control batches (KIP-98): the key tells the kind, the value depends on it. What is newer only appends fields, so
// that unknown versions are read as the newest that is known.

/**
 * The key of a control record. `type`: 0 abort and 1 commit, both with the value {@link EndTxnMarker}; the others occur in
 * `__cluster_metadata` only: 2 leader change, 3 snapshot header, 4 snapshot footer, 5 KRaft version, 6 voters.
 */
export const ControlRecordTypeSchema = defineStruct({
  name: 'ControlRecordTypeSchema',
  versions: [0, 0],
  flexibleFrom: Number.POSITIVE_INFINITY,
  readsNewer: true,
  fields: { type: int16() },
})

export type ControlRecordTypeSchema = StructOf<typeof ControlRecordTypeSchema>
export type ControlRecordTypeSchemaInput = StructInputOf<typeof ControlRecordTypeSchema>

/** The value of the marker that ends a transaction. `coordinatorEpoch` fences the markers of older coordinators. */
export const EndTxnMarker = defineStruct({
  name: 'EndTxnMarker',
  versions: [0, 0],
  flexibleFrom: Number.POSITIVE_INFINITY,
  readsNewer: true,
  fields: { coordinatorEpoch: int32() },
})

export type EndTxnMarker = StructOf<typeof EndTxnMarker>
export type EndTxnMarkerInput = StructInputOf<typeof EndTxnMarker>
