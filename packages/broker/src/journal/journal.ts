/** A record of a state machine's log. A value of null deletes what the key names. */
export interface JournalRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}

/** The log of a replayed state machine: what it appends is all that a restart finds. */
export interface Journal {
  /**
   * All records in the order in which they were appended, those that a compaction replaced left out or not. Throws
   * MillraceError BROKER_DATA_DAMAGED.
   */
  replay(visit: (record: JournalRecord) => void): void
  /** Writes records as one unit. Throws JournalError when the log does not take them; then none of them is in it. */
  append(records: readonly JournalRecord[]): void
  /** Calls back when everything appended so far is on the device (true), or may never be (false). At once when it is. */
  whenDurable(callback: (ok: boolean) => void): void
  /**
   * Keeps the log bounded: when it has grown far beyond what `snapshot` yields, writes that and lets go of what was
   * before. To be called between appends, with the snapshot of the state after the last one.
   */
  compactIfLarge(snapshot: () => Iterable<JournalRecord>): void
}

export class JournalError extends Error {
  override name = 'JournalError'
}
