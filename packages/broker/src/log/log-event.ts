/** What a log reports besides its answers, for the broker's own log and its metrics. Positions and sizes are bytes. */
export type LogEvent =
  /** Recovery cut off an end that is no batch, as a crash leaves it; the bytes are kept in `savedAs` where there were any. */
  | {
      readonly kind: 'torn-tail'
      readonly file: string
      readonly position: number
      readonly offset: number
      readonly bytes: number
      readonly savedAs: string | undefined
    }
  /** The log ends before what is known to have been acknowledged: its files were changed by something else. */
  | { readonly kind: 'records-lost'; readonly folder: string; readonly firstOffset: number; readonly endOffset: number }
  /** The checkpoint of log start offsets is damaged: logs begin with their first segments. */
  | { readonly kind: 'log-starts-lost'; readonly file: string }
  /** A range of a segment is damaged, or missing (`bytes` 0): reads of these offsets fail, all others work. */
  | {
      readonly kind: 'quarantined'
      readonly file: string
      readonly position: number
      readonly bytes: number
      readonly firstOffset: number
      readonly endOffset: number
      readonly reason: string
    }
  /** Segments after a torn one hold nothing that was acknowledged; they were set aside under `savedAs`. */
  | {
      readonly kind: 'segment-set-aside'
      readonly file: string
      readonly offset: number
      readonly bytes: number
      readonly savedAs: string
    }
  | { readonly kind: 'index-rebuilt'; readonly file: string; readonly offset: number }
  | { readonly kind: 'recovered'; readonly folder: string; readonly endOffset: number; readonly scannedBytes: number }
  /** A batch found no room (or no file descriptor). It was undone; the log goes on. */
  | { readonly kind: 'disk-full'; readonly file: string; readonly offset: number; readonly cause: Error }
  /** A read failed, or found bytes that are no batch. Reported once for each file. */
  | { readonly kind: 'read-failed'; readonly file: string; readonly offset: number; readonly reason: string }
  /** A write or sync failed: the log takes and acknowledges nothing any more. */
  | { readonly kind: 'offline'; readonly folder: string; readonly cause: Error }
  /** The next checkpoint tries again; until then a crash means a longer recovery. */
  | { readonly kind: 'checkpoint-failed'; readonly folder: string; readonly cause: Error }
  /** Compaction brought the log up to `endOffset` into a state with one record per key. */
  | {
      readonly kind: 'compacted'
      readonly folder: string
      readonly firstOffset: number
      readonly endOffset: number
      readonly bytesRead: number
      readonly bytesWritten: number
      readonly segmentsBefore: number
      readonly segmentsAfter: number
      readonly ms: number
    }
  /** Nothing has changed. `isFinal`: the log is damaged, and is not compacted again before the next start. */
  | { readonly kind: 'compaction-failed'; readonly folder: string; readonly isFinal: boolean; readonly cause: Error }
  | {
      readonly kind: 'segment-deleted'
      readonly file: string
      readonly reason: 'time' | 'size' | 'log-start' | 'truncated'
    }

export type LogEventListener = (event: LogEvent) => void

/** Plain counters of one log or, summed, of all. */
export interface LogMetrics {
  appendedBatches: number
  appendedBytes: number
  duplicateBatches: number
  rejectedBatches: number
  flushes: number
  readBytes: number
  /** Reads that the tail cache answered, and those that went to the file. */
  cacheReads: number
  fileReads: number
  rolls: number
  deletedSegments: number
  cleanings: number
}

export function newLogMetrics(): LogMetrics {
  return {
    appendedBatches: 0,
    appendedBytes: 0,
    duplicateBatches: 0,
    rejectedBatches: 0,
    flushes: 0,
    readBytes: 0,
    cacheReads: 0,
    fileReads: 0,
    rolls: 0,
    deletedSegments: 0,
    cleanings: 0,
  }
}
