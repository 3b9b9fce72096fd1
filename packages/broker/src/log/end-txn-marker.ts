import {
  ControlRecordTypeSchema,
  encodeStruct,
  EndTxnMarker as EndTxnMarkerValue,
  BatchCheck,
  indexRecords,
  NO_SEQUENCE,
  readInt16,
  readInt32,
  RecordBatchBuilder,
  RecordIndex,
} from '@millrace/kafka'

/** What a transaction coordinator writes to every partition of a transaction to end it (KIP-98). */
export interface EndTxnMarker {
  readonly producerId: number
  /** With transaction version 2 the epoch after the bump that ends the transaction (KIP-890), else the producer's. */
  readonly producerEpoch: number
  /** Fences the markers of older coordinators. */
  readonly coordinatorEpoch: number
  /** False: abort. */
  readonly commit: boolean
  /** 0 to 2. From 2 on a marker whose epoch is not above the transaction's is one that comes late. */
  readonly transactionVersion: number
}

const abortType = 0
const commitType = 1
const minKeyBytes = 4
const minValueBytes = 6

const keys = [abortType, commitType].map((type) => encodeStruct(ControlRecordTypeSchema, 0, { type }))
const builder = new RecordBatchBuilder({ capacity: 256 })
const records = new RecordIndex(1)

/** The control batch of a marker: one record, without a sequence number. `timestamp`: milliseconds. */
export function encodeEndTxnMarker(marker: EndTxnMarker, timestamp: number): Uint8Array {
  const { commit, coordinatorEpoch, producerEpoch, producerId } = marker
  const value = encodeStruct(EndTxnMarkerValue, 0, { coordinatorEpoch })
  builder.append(keys[commit ? commitType : abortType] as Uint8Array, value, timestamp)
  const identity = { producerId, producerEpoch, baseSequence: NO_SEQUENCE, transactional: true, control: true }
  const batch = Uint8Array.from(builder.finish(identity))
  builder.reset()
  return batch
}

/**
 * What the control batch at `at` says, all of which must be there; undefined when it ends no transaction: compaction has
 * emptied it, or it is of another kind.
 */
export function readEndTxnMarker(
  bytes: Uint8Array,
  at: number,
): { readonly commit: boolean; readonly coordinatorEpoch: number } | undefined {
  if (indexRecords(bytes, at, records) !== BatchCheck.ok || records.count === 0) return undefined
  if ((records.keyLength[0] as number) < minKeyBytes || (records.valueLength[0] as number) < minValueBytes) {
    return undefined
  }
  const type = readInt16(records.data, (records.keyStart[0] as number) + 2)
  if (type !== abortType && type !== commitType) return undefined
  return {
    commit: type === commitType,
    coordinatorEpoch: readInt32(records.data, (records.valueStart[0] as number) + 2),
  }
}
