import {
  BatchCheck,
  batchSize,
  describeBatchCheck,
  ErrorCode,
  errorByCode,
  indexRecords,
  RecordBatchBuilder,
  RecordIndex,
  validateBatch,
} from '@millrace/kafka'
import { type Clock, MillraceError } from '@millrace/std'
import type { PartitionLog } from '../log/partition-log.ts'
import { type Journal, JournalError, type JournalRecord } from '../journal/journal.ts'

const readBytes = 1_048_576
/** Snapshots are written in batches of about this size. */
const snapshotBatchBytes = 65_536
/** A log below this size is not worth a snapshot. */
const smallBytes = 4_194_304
/** A snapshot is due when the log is this many times as large as the last one. */
const growthFactor = 4

/** A journal in a partition's log, in record batches that Kafka's tools can read. */
export class LogJournal implements Journal {
  readonly #log: PartitionLog
  readonly #clock: Clock
  readonly #builder = new RecordBatchBuilder({ capacity: 4_096 })
  /** Bytes of the last snapshot. */
  #snapshotBytes = 0
  #compacting = false

  constructor(log: PartitionLog, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  replay(visit: (record: JournalRecord) => void): void {
    const index = new RecordIndex()
    let offset = this.#log.logStartOffset
    while (offset < this.#log.endOffset) {
      const { errorCode, parts, size } = this.#log.read(offset, readBytes, { upTo: this.#log.endOffset })
      if (errorCode !== ErrorCode.NONE || size === 0) throw this.#unreadable(offset, errorByCode(errorCode).message)
      for (const part of parts) {
        for (let at = 0; at < part.byteLength; at += batchSize(part, at)) {
          // After a clean shutdown nobody has looked at the bytes yet, and state must not be made of damaged ones.
          const check = validateBatch(part, at, part.byteLength) || indexRecords(part, at, index)
          if (check !== BatchCheck.ok) throw this.#unreadable(offset, describeBatchCheck(check))
          for (let i = 0; i < index.count; i++) {
            offset = (index.offsets[i] as number) + 1
            visit({
              key: slice(index.data, index.keyStart[i] as number, index.keyLength[i] as number),
              value: slice(index.data, index.valueStart[i] as number, index.valueLength[i] as number),
            })
          }
        }
      }
    }
  }

  append(records: readonly JournalRecord[]): void {
    const now = this.#clock.now()
    for (const { key, value } of records) this.#builder.append(key, value, now)
    this.#appendBuilt()
  }

  whenDurable(callback: (ok: boolean) => void): void {
    this.#log.whenFlushed(this.#log.endOffset, { flushed: (errorCode) => callback(errorCode === ErrorCode.NONE) })
  }

  compactIfLarge(snapshot: () => Iterable<JournalRecord>): void {
    if (this.#compacting || this.#log.sizeInBytes < Math.max(smallBytes, growthFactor * this.#snapshotBytes)) return
    this.#log.roll()
    const start = this.#log.endOffset
    const sizeBefore = this.#log.sizeInBytes
    const now = this.#clock.now()
    for (const { key, value } of snapshot()) {
      this.#builder.append(key, value, now)
      if (this.#builder.sizeInBytes >= snapshotBatchBytes) this.#appendBuilt()
    }
    if (this.#builder.recordCount > 0) this.#appendBuilt()
    this.#snapshotBytes = this.#log.sizeInBytes - sizeBefore
    this.#compacting = true
    // Until the snapshot is on the device, a restart needs what it replaces. Replaying both yields the same state.
    this.whenDurable((ok) => {
      this.#compacting = false
      if (ok) this.#log.deleteRecordsBefore(start)
    })
  }

  #appendBuilt(): void {
    const { errorCode, message } = this.#log.append(this.#builder.finish(), { leaderEpoch: 0, origin: 'coordinator' })
    this.#builder.reset()
    if (errorCode !== ErrorCode.NONE) {
      throw new JournalError(`${this.#log.folder}: ${message ?? errorByCode(errorCode).message}`)
    }
  }

  #unreadable(offset: number, reason: string): MillraceError {
    return new MillraceError('BROKER_DATA_DAMAGED', {
      message: `${this.#log.folder} cannot be read at offset ${offset}: ${reason}`,
      fix: 'Restore the folder from a copy. Moved away, it is begun anew: the topics, or the offsets of groups, that it held are forgotten then.',
    })
  }
}

/** A copy: what is replayed outlives the memory that it was read into. */
function slice(data: Uint8Array, start: number, length: number): Uint8Array | null {
  return length < 0 ? null : new Uint8Array(data.subarray(start, start + length))
}
