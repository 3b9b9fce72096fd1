import {
  BatchCheck,
  batchSize,
  ControlRecordTypeSchema,
  decodeStruct,
  describeBatchCheck,
  EndTxnMarker,
  ErrorCode,
  errorByCode,
  indexRecords,
  isControl,
  isTransactional,
  lastOffset,
  producerEpoch,
  producerId,
  RecordBatchBuilder,
  RecordIndex,
  validateBatch,
} from '@millrace/kafka'
import { type Clock, FileSystemError, MillraceError } from '@millrace/std'
import type { AppendResult } from '../log/append.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import {
  type Journal,
  type JournalEntry,
  JournalError,
  type JournalRecord,
  type JournalVisitor,
  type ProducerIdentity,
  type TransactionMarker,
} from '../journal/journal.ts'

const readBytes = 1_048_576
/** Snapshots are written in batches of about this size. */
const snapshotBatchBytes = 65_536
/** A log below this size is not worth a snapshot. */
const smallBytes = 4_194_304
/** A snapshot is due when the log is this many times as large as the last one. */
const growthFactor = 4
/** Kinds of control records. */
const markerTypes = { abort: 0, commit: 1 } as const

/** A journal in a partition's log, in record batches that Kafka's tools can read. */
export class LogJournal implements Journal {
  readonly #log: PartitionLog
  readonly #clock: Clock
  readonly #builder = new RecordBatchBuilder({ capacity: 4_096 })
  /** From this size on a snapshot is due, bytes. */
  #dueBytes = smallBytes
  #compacting = false

  constructor(log: PartitionLog, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  replay(visitor: JournalVisitor): void {
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
          visitBatch(part, at, index, visitor)
          offset = lastOffset(part, at) + 1
        }
      }
    }
  }

  append(records: readonly JournalRecord[], transaction?: ProducerIdentity): void {
    const now = this.#clock.now()
    for (const { key, value } of records) this.#builder.append(key, value, now)
    this.#appendBuilt(transaction)
  }

  appendMarker(marker: TransactionMarker): void {
    this.#require(this.#log.appendEndTxnMarker(marker))
  }

  whenDurable(callback: (ok: boolean) => void): void {
    this.#log.whenFlushed(this.#log.endOffset, { flushed: (errorCode) => callback(errorCode === ErrorCode.NONE) })
  }

  compactIfLarge(snapshot: () => Iterable<JournalEntry>): void {
    if (this.#compacting || this.#log.sizeInBytes < this.#dueBytes) return
    try {
      this.#compact(snapshot())
    } catch (cause) {
      if (!(cause instanceof JournalError || cause instanceof FileSystemError)) throw cause
      // The log has said why. It holds all as it did; tried again at once, this would only fill what room is left.
      this.#dueBytes = this.#log.sizeInBytes + smallBytes
    }
  }

  #compact(snapshot: Iterable<JournalEntry>): void {
    this.#log.roll()
    const start = this.#log.endOffset
    const sizeBefore = this.#log.sizeInBytes
    const now = this.#clock.now()
    let current: ProducerIdentity | undefined
    const flush = () => {
      if (this.#builder.recordCount > 0) this.#appendBuilt(current)
    }
    for (const { key, value, transaction } of snapshot) {
      if (!isSame(current, transaction) || this.#builder.sizeInBytes >= snapshotBatchBytes) flush()
      current = transaction
      this.#builder.append(key, value, now)
    }
    flush()
    this.#dueBytes = Math.max(smallBytes, growthFactor * (this.#log.sizeInBytes - sizeBefore))
    this.#compacting = true
    // Until the snapshot is on the device, a restart needs what it replaces. Replaying both yields the same state.
    this.whenDurable((ok) => {
      this.#compacting = false
      if (ok) this.#log.deleteRecordsBefore(start)
    })
  }

  #appendBuilt(transaction: ProducerIdentity | undefined): void {
    const batch = this.#builder.finish(transaction && { ...transaction, transactional: true })
    const leaderEpoch = this.#log.leaderEpochs.at(-1)?.epoch ?? 0
    const result = this.#log.append(batch, { leaderEpoch, origin: 'coordinator' })
    this.#builder.reset()
    this.#require(result)
  }

  #require({ errorCode, message }: AppendResult): void {
    if (errorCode === ErrorCode.NONE) return
    throw new JournalError(`${this.#log.folder}: ${message ?? errorByCode(errorCode).message}`, errorCode)
  }

  #unreadable(offset: number, reason: string): MillraceError {
    return new MillraceError('BROKER_DATA_DAMAGED', {
      message: `${this.#log.folder} cannot be read at offset ${offset}: ${reason}`,
      fix: 'Restore the folder from a copy. Moved away, it is begun anew: the topics, or the offsets of groups, that it held are forgotten then.',
    })
  }
}

function visitBatch(bytes: Uint8Array, at: number, index: RecordIndex, visitor: JournalVisitor): void {
  const identity = isTransactional(bytes, at)
    ? { producerId: producerId(bytes, at), producerEpoch: producerEpoch(bytes, at) }
    : undefined
  const control = isControl(bytes, at)
  for (let i = 0; i < index.count; i++) {
    const key = slice(index.data, index.keyStart[i] as number, index.keyLength[i] as number)
    const value = slice(index.data, index.valueStart[i] as number, index.valueLength[i] as number)
    if (!control) visitor.record({ key, value }, identity)
    else if (identity && key && value) visitMarker(key, value, identity, visitor)
  }
}

function visitMarker(key: Uint8Array, value: Uint8Array, identity: ProducerIdentity, visitor: JournalVisitor): void {
  const { type } = decodeStruct(ControlRecordTypeSchema, key).value
  if (type !== markerTypes.abort && type !== markerTypes.commit) return
  const { coordinatorEpoch } = decodeStruct(EndTxnMarker, value).value
  visitor.marker?.({ ...identity, coordinatorEpoch, commit: type === markerTypes.commit })
}

function isSame(a: ProducerIdentity | undefined, b: ProducerIdentity | undefined): boolean {
  return a?.producerId === b?.producerId && a?.producerEpoch === b?.producerEpoch
}

/** A copy: what is replayed outlives the memory that it was read into. */
function slice(data: Uint8Array, start: number, length: number): Uint8Array | null {
  return length < 0 ? null : new Uint8Array(data.subarray(start, start + length))
}
