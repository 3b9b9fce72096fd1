import {
  assembleBatch,
  BATCH_HEADER_BYTES,
  BatchCheck,
  baseTimestamp,
  batchSize,
  COMPRESSION_TYPES,
  CorruptBatchError,
  type CompressionType,
  compress,
  compressionCode,
  deleteHorizon,
  emptyBatch,
  indexRecords,
  isControl,
  isLogAppendTime,
  lastOffset,
  NO_PRODUCER_ID,
  producerEpoch,
  producerId,
  RecordIndex,
  readVarint,
  readVarlong,
  varintEnd,
  varlongSize,
  writeVarint,
  writeVarlong,
} from '@millrace/kafka'
import type { CleanedTransactions } from './cleaned-transactions.ts'
import type { OffsetMap } from './offset-map.ts'

/** The last thing that a producer wrote: its batch is kept, if need be without records, so that its sequence survives. */
export interface LastOfProducer {
  /** Last offset of its last batch of data, -1 when it has written nothing but markers. */
  readonly lastDataOffset: number
  readonly epoch: number
}

export interface FilterOptions {
  readonly map: OffsetMap
  readonly transactions: CleanedTransactions
  readonly producers: ReadonlyMap<number, LastOfProducer>
  /** Wall clock at the start of the round, milliseconds. */
  readonly now: number
  readonly deleteRetentionMs: number
  /** The batch that ends here is kept, so that the log still says how far it goes. */
  readonly roundEnd: number
}

/** Rewritten records are gathered here; compaction runs one log at a time. */
let gathered: Uint8Array = new Uint8Array(64 * 1024)

/**
 * Decides what compaction leaves of a batch (Kafka's `Cleaner` and `MemoryRecords.filterTo`): the newest record of each
 * key; tombstones and the markers of transactions without records until their delete horizon, which the first round that
 * finds them writes into the batch (KIP-534).
 */
export class BatchFilter {
  readonly #options: FilterOptions
  readonly #records = new RecordIndex()
  /** Bytes that the last batch took when decompressed. */
  decompressedBytes = 0

  constructor(options: FilterOptions) {
    this.#options = options
  }

  /**
   * What is left of the batch at `at`: the batch itself, a new one, or undefined.
   *
   * @throws {CorruptBatchError} when its records cannot be read
   */
  filter(bytes: Uint8Array, at: number): Uint8Array | undefined {
    this.decompressedBytes = 0
    return isControl(bytes, at) ? this.#filterMarker(bytes, at) : this.#filterData(bytes, at)
  }

  #filterMarker(bytes: Uint8Array, at: number): Uint8Array | undefined {
    const { deleteRetentionMs, now, transactions } = this.#options
    const isUseless = transactions.controlBatch(bytes, at, this.#records)
    const horizon = deleteHorizon(bytes, at)
    const count = this.#records.count
    if (count === 0 || (isUseless && horizon >= 0 && horizon <= now)) {
      return this.#isKeptEmpty(bytes, at) ? emptyBatch(bytes, at) : undefined
    }
    if (!isUseless || horizon >= 0) return bytes.subarray(at, at + batchSize(bytes, at))
    return this.#rebuild(bytes, at, now + deleteRetentionMs, undefined)
  }

  #filterData(bytes: Uint8Array, at: number): Uint8Array | undefined {
    const { deleteRetentionMs, map, now, transactions } = this.#options
    if (transactions.batch(bytes, at)) return this.#isKeptEmpty(bytes, at) ? emptyBatch(bytes, at) : undefined
    const records = this.#records
    const check = indexRecords(bytes, at, records)
    if (check !== BatchCheck.ok) throw new CorruptBatchError(check)
    if (compressionCode(bytes, at) !== 0) this.decompressedBytes = records.data.byteLength
    const horizon = deleteHorizon(bytes, at)
    const keepsTombstones = horizon < 0 || now < horizon
    const { keyLength, keyStart, offsets, valueLength } = records
    let kept = 0
    let hasTombstones = false
    const keep = new Uint8Array(records.count)
    for (let i = 0; i < records.count; i++) {
      const offset = offsets[i] as number
      const isTombstone = (valueLength[i] as number) < 0
      if (offset <= map.latestOffset) {
        const length = keyLength[i] as number
        if (length < 0 || (isTombstone && !keepsTombstones)) continue
        if (offset < map.get(records.data, keyStart[i] as number, length)) continue
      }
      keep[i] = 1
      kept++
      hasTombstones ||= isTombstone
    }
    if (kept === 0) return this.#isKeptEmpty(bytes, at) ? emptyBatch(bytes, at) : undefined
    const newHorizon = hasTombstones && horizon < 0 ? now + deleteRetentionMs : undefined
    if (kept === records.count && newHorizon === undefined) return bytes.subarray(at, at + batchSize(bytes, at))
    return this.#rebuild(bytes, at, newHorizon, keep)
  }

  #isKeptEmpty(bytes: Uint8Array, at: number): boolean {
    const { producers, roundEnd } = this.#options
    const last = lastOffset(bytes, at)
    if (last + 1 === roundEnd) return true
    const id = producerId(bytes, at)
    const entry = id === NO_PRODUCER_ID ? undefined : producers.get(id)
    if (!entry) return false
    if (entry.lastDataOffset >= 0) return last === entry.lastDataOffset
    return isControl(bytes, at) && producerEpoch(bytes, at) === entry.epoch
  }

  /**
   * The batch with those of its records for which `keep` is not 0 (all without it), in its own compression. A new delete
   * horizon takes the place of the base timestamp, so the records' timestamps are written anew.
   */
  #rebuild(bytes: Uint8Array, at: number, horizon: number | undefined, keep: Uint8Array | undefined): Uint8Array {
    const records = this.#records
    const { data } = records
    const isCompressed = compressionCode(bytes, at) !== 0
    const end = isCompressed ? data.byteLength : at + batchSize(bytes, at)
    const shift = horizon === undefined ? 0 : baseTimestamp(bytes, at) - horizon
    // Each record may grow by the bytes of a longer timestamp, and of its length then.
    const room = end + (horizon === undefined ? 0 : records.count * 16)
    if (gathered.byteLength < room) gathered = new Uint8Array(room)
    const out = gathered
    let target = 0
    let count = 0
    let latest = -1
    let p = isCompressed ? 0 : at + BATCH_HEADER_BYTES
    for (let i = 0; i < records.count; i++) {
      const start = p
      const length = readVarint(data, p, end)
      const body = varintEnd
      p = body + length
      if (keep?.[i] === 0) continue
      count++
      latest = Math.max(latest, records.timestamps[i] as number)
      if (horizon === undefined) {
        target = copy(data, start, p, out, target)
        continue
      }
      const delta = readVarlong(data, body + 1, p)
      const rest = varintEnd
      target = writeVarint(out, target, 1 + varlongSize(delta + shift) + p - rest)
      out[target++] = data[body] as number
      target = writeVarlong(out, target, delta + shift)
      target = copy(data, rest, p, out, target)
    }
    const compression = COMPRESSION_TYPES[compressionCode(bytes, at)] as CompressionType
    return assembleBatch(bytes, at, compress(compression, out.subarray(0, target)), {
      compression,
      recordCount: count,
      deleteHorizon: horizon,
      maxTimestamp: isLogAppendTime(bytes, at) ? undefined : latest,
    })
  }
}

function copy(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  to.set(from.subarray(start, end), at)
  return at + end - start
}
