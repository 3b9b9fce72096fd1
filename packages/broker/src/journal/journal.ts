import { ErrorCode } from '@millrace/kafka'

/** A record of a state machine's log. A value of null deletes what the key names. */
export interface JournalRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}

/** Whose transaction a record belongs to: it counts once a marker of that producer commits it. */
export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
}

/** A record with the transaction that it is part of, if any. */
export interface JournalEntry extends JournalRecord {
  readonly transaction?: ProducerIdentity | undefined
}

/** The end of a producer's transaction in one partition (KIP-98). */
export interface TransactionMarker extends ProducerIdentity {
  readonly coordinatorEpoch: number
  readonly commit: boolean
  /** 2: the epoch is one more than that of the records (KIP-890); 0 for older clients: it is the same. */
  readonly transactionVersion: number
}

/** What a journal tells when it is replayed, in the order in which it was appended. */
export interface JournalVisitor {
  record(record: JournalRecord, transaction: ProducerIdentity | undefined): void
  marker?(marker: Omit<TransactionMarker, 'transactionVersion'>): void
}

/** The log of a replayed state machine: what it appends is all that a restart finds. */
export interface Journal {
  /**
   * All records in the order in which they were appended, those that a compaction replaced left out or not. Throws
   * MillraceError BROKER_DATA_DAMAGED.
   */
  replay(visitor: JournalVisitor): void
  /**
   * Writes records as one unit, as part of a producer's transaction when one is given. Throws JournalError when the log
   * does not take them; then none of them is in it.
   */
  append(records: readonly JournalRecord[], transaction?: ProducerIdentity): void
  /** Writes the marker that ends a producer's transaction. Throws JournalError when the log does not take it. */
  appendMarker(marker: TransactionMarker): void
  /** Calls back when everything appended so far is on the device (true), or may never be (false). At once when it is. */
  whenDurable(callback: (ok: boolean) => void): void
  /**
   * Keeps the log bounded: when it has grown far beyond what `snapshot` yields, writes that and lets go of what was
   * before. To be called between appends, with the snapshot of the state after the last one.
   */
  compactIfLarge(snapshot: () => Iterable<JournalEntry>): void
}

/** The log did not take what was to be appended. */
export class JournalError extends Error {
  override name = 'JournalError'
  /** Kafka's error code for it; that of a storage error where there is none. */
  readonly errorCode: number

  constructor(message: string, errorCode: number = ErrorCode.KAFKA_STORAGE_ERROR) {
    super(message)
    this.errorCode = errorCode
  }
}
