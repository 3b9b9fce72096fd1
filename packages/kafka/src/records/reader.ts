import { bytesToString } from '@millrace/std'
import { BatchCheck, batchSize, isControl, readInt16, validateBatch } from './batch.ts'
import { CorruptBatchError } from './errors.ts'
import { indexRecords, RecordIndex } from './record-index.ts'
import { readVarint, varintEnd } from './varint.ts'

/** A named value beside a record's key and value (KIP-82). Names may repeat; the order is kept. */
export interface RecordHeader {
  readonly key: string
  readonly value: Uint8Array | null
}

const NO_HEADERS: readonly RecordHeader[] = []

/** The headers whose count stands at `at`, a position that `indexRecords` has checked. */
export function readHeaders(data: Uint8Array, at: number): readonly RecordHeader[] {
  if (data[at] === 0) return NO_HEADERS
  const end = data.byteLength
  const count = readVarint(data, at, end)
  let p = varintEnd
  const headers: RecordHeader[] = []
  for (let i = 0; i < count; i++) {
    const keyLength = readVarint(data, p, end)
    const keyStart = varintEnd
    const valueLength = readVarint(data, keyStart + keyLength, end)
    const valueStart = varintEnd
    p = valueLength > 0 ? valueStart + valueLength : valueStart
    headers.push({
      key: bytesToString(data.subarray(keyStart, keyStart + keyLength)),
      value: valueLength < 0 ? null : data.subarray(valueStart, valueStart + valueLength),
    })
  }
  return headers
}

/** One record as an object. Key, value and headers are cut out of the batch when they are asked for. */
export class LogRecord {
  readonly offset: number
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  readonly #data: Uint8Array
  readonly #keyStart: number
  readonly #keyLength: number
  readonly #valueStart: number
  readonly #valueLength: number
  readonly #headersStart: number

  constructor(index: RecordIndex, at: number) {
    this.offset = index.offsets[at] as number
    this.timestamp = index.timestamps[at] as number
    this.#data = index.data
    this.#keyStart = index.keyStart[at] as number
    this.#keyLength = index.keyLength[at] as number
    this.#valueStart = index.valueStart[at] as number
    this.#valueLength = index.valueLength[at] as number
    this.#headersStart = index.headersStart[at] as number
  }

  /** A view of the batch's bytes, not a copy. */
  get key(): Uint8Array | null {
    return this.#keyLength < 0 ? null : this.#data.subarray(this.#keyStart, this.#keyStart + this.#keyLength)
  }

  /** A view of the batch's bytes, not a copy. */
  get value(): Uint8Array | null {
    return this.#valueLength < 0 ? null : this.#data.subarray(this.#valueStart, this.#valueStart + this.#valueLength)
  }

  get headers(): readonly RecordHeader[] {
    return readHeaders(this.#data, this.#headersStart)
  }
}

/**
 * The records of one batch or of several in a row, as objects; transaction markers are left out. For tools and tests:
 * hot paths use `indexRecords`.
 *
 * @throws {CorruptBatchError} at the first batch that is not sound
 * @example
 * for (const record of iterateRecords(bytes)) console.log(record.offset, record.value)
 */
export function* iterateRecords(bytes: Uint8Array, at = 0, end = bytes.byteLength): Generator<LogRecord> {
  const index = new RecordIndex(64)
  while (at < end) {
    let check = validateBatch(bytes, at, end)
    if (check !== BatchCheck.ok) throw new CorruptBatchError(check)
    if (!isControl(bytes, at)) {
      check = indexRecords(bytes, at, index)
      if (check !== BatchCheck.ok) throw new CorruptBatchError(check)
      // Objects are made before the first is handed out: the caller may start another walk in between.
      const records: LogRecord[] = []
      for (let i = 0; i < index.count; i++) records.push(new LogRecord(index, i))
      yield* records
    }
    at += batchSize(bytes, at)
  }
}

/** What a control batch says about its producer's transaction. */
export type ControlType = 'abort' | 'commit' | 'other'

/** The marker of a control batch that was indexed into `index` (its key: int16 version, int16 type). */
export function controlType(index: RecordIndex): ControlType {
  if (index.count === 0 || (index.keyLength[0] as number) < 4) return 'other'
  const type = readInt16(index.data, (index.keyStart[0] as number) + 2)
  return type === 0 ? 'abort' : type === 1 ? 'commit' : 'other'
}
