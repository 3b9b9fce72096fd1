import {
  ErrorCode,
  baseSequence,
  baseTimestamp,
  BatchCheck,
  batchSize,
  describeBatchCheck,
  indexRecords,
  isControl,
  isLogAppendTime,
  isTransactional,
  lastOffsetDelta,
  maxTimestamp,
  NO_PRODUCER_ID,
  NO_TIMESTAMP,
  producerId,
  RecordIndex,
  recordCount,
  validateBatch,
} from '@millrace/kafka'
import type { LogConfig } from './log-config.ts'

/**
 * `client`: from outside, all rules apply. `coordinator`: the broker's own records, sound by construction; they need no
 * sequence numbers.
 */
export type AppendOrigin = 'client' | 'coordinator'

export interface AppendOptions {
  /** Stamped into the batch. */
  readonly leaderEpoch: number
  /** `client` by default. */
  readonly origin?: AppendOrigin
  /**
   * What the transaction of the batches is under, 0 by default. From 2 on (KIP-890) an epoch belongs to one transaction: the
   * first batch that a partition gets of it has sequence 0, and its marker the epoch after it.
   */
  readonly transactionVersion?: number
}

/** A record for which its batch was refused. */
export interface RecordError {
  /** Its place in the batch. */
  readonly index: number
  readonly message: string
}

/** What became of a batch. Offsets are -1 when it was rejected. */
export interface AppendResult {
  readonly errorCode: number
  readonly baseOffset: number
  readonly lastOffset: number
  /** Milliseconds, or -1 when records keep their own timestamps. */
  readonly logAppendTime: number
  /** The batch was in the log already; the offsets are those of the first time. */
  readonly duplicate: boolean
  /** Why it was rejected, a sentence; undefined otherwise. */
  readonly message: string | undefined
  /** Which of its records it was rejected for, where it was for some (KIP-467). */
  readonly recordErrors?: readonly RecordError[] | undefined
}

export function rejected(errorCode: number, message: string, recordErrors: readonly RecordError[] = []): AppendResult {
  return { errorCode, baseOffset: -1, lastOffset: -1, logAppendTime: -1, duplicate: false, message, recordErrors }
}

/** A refusal for what is wrong with some of the records; the message names the first ones. */
function rejectedRecords(errorCode: number, recordErrors: readonly RecordError[]): AppendResult {
  const shown = recordErrors.slice(0, 3).map(({ index, message }) => `record ${index}: ${message}`)
  const more = recordErrors.length > shown.length ? ` … and ${recordErrors.length - shown.length} more` : ''
  return rejected(errorCode, `The batch was refused for ${shown.join(' ')}${more}`, recordErrors)
}

const records = new RecordIndex()

/**
 * Judges the bytes that a producer sent for one partition, `bytes[start, end)`: exactly one sound batch that the topic's
 * rules allow. Returns why not, or undefined. Changes nothing.
 */
export function checkRecords(
  bytes: Uint8Array,
  start: number,
  end: number,
  config: LogConfig,
  origin: AppendOrigin,
  now: number,
): AppendResult | undefined {
  const check = validateBatch(bytes, start, end)
  if (check !== BatchCheck.ok) {
    // Sent again, these would fail again: unlike CORRUPT_MESSAGE, INVALID_RECORD tells clients not to try.
    const isFinal = check === BatchCheck.truncated || check === BatchCheck.badCount
    return rejected(isFinal ? ErrorCode.INVALID_RECORD : ErrorCode.CORRUPT_MESSAGE, `${describeBatchCheck(check)}.`)
  }
  const size = end - start
  if (batchSize(bytes, start) !== size) {
    return rejected(ErrorCode.INVALID_RECORD, 'A produce request has exactly one record batch per partition.')
  }
  if (size > config.maxMessageBytes && origin === 'client') {
    return rejected(
      ErrorCode.MESSAGE_TOO_LARGE,
      `The record batch takes ${size} bytes, max.message.bytes is ${config.maxMessageBytes}.`,
    )
  }
  if (size > config.segmentBytes) {
    return rejected(
      ErrorCode.RECORD_LIST_TOO_LARGE,
      `The record batch takes ${size} bytes, segment.bytes is ${config.segmentBytes}.`,
    )
  }
  return origin === 'client' ? checkClientRecords(bytes, start, config, now) : undefined
}

function checkClientRecords(bytes: Uint8Array, at: number, config: LogConfig, now: number): AppendResult | undefined {
  const count = recordCount(bytes, at)
  if (count === 0 || lastOffsetDelta(bytes, at) !== count - 1) {
    return rejected(ErrorCode.INVALID_RECORD, `The record count ${count} and the offsets of the batch do not agree.`)
  }
  if (isControl(bytes, at)) return rejected(ErrorCode.INVALID_RECORD, 'Clients do not write control records.')
  if (isTransactional(bytes, at) && producerId(bytes, at) === NO_PRODUCER_ID) {
    return rejected(ErrorCode.INVALID_RECORD, 'A transactional batch needs a producer id.')
  }
  if (producerId(bytes, at) !== NO_PRODUCER_ID && baseSequence(bytes, at) < 0) {
    return rejected(ErrorCode.INVALID_RECORD, 'A batch with a producer id needs a sequence number.')
  }
  if (isLogAppendTime(bytes, at)) {
    return rejected(ErrorCode.INVALID_TIMESTAMP, 'A log append time is set by the broker, not by the producer.')
  }
  return checkEachRecord(bytes, at, config, now)
}

/**
 * What Kafka looks for in each record. Compaction keeps the newest record of a key: without one there is nothing to keep.
 * Times have bounds (KIP-937). The header holds the latest time; the records are looked at only where something can be wrong
 * with one of them.
 */
function checkEachRecord(bytes: Uint8Array, at: number, config: LogConfig, now: number): AppendResult | undefined {
  const needsKeys = config.cleanupPolicy.includes('compact')
  const hasTimes = config.messageTimestampType === 'CreateTime'
  const earliest = now - config.messageTimestampBeforeMaxMs
  const latest = now + config.messageTimestampAfterMaxMs
  const mayBeWrong = hasTimes && (maxTimestamp(bytes, at) > latest || mayBeEarlier(bytes, at, earliest))
  if (!needsKeys && !mayBeWrong) return undefined
  const check = indexRecords(bytes, at, records)
  if (check !== BatchCheck.ok) return rejected(ErrorCode.CORRUPT_MESSAGE, `${describeBatchCheck(check)}.`)
  const errors: RecordError[] = []
  let errorCode: number = ErrorCode.INVALID_RECORD
  for (let i = 0; i < records.count; i++) {
    const timestamp = records.timestamps[i] as number
    if (needsKeys && (records.keyLength[i] as number) < 0) {
      errors.push({ index: i, message: 'A compacted topic takes no record without a key.' })
    } else if (hasTimes && timestamp !== NO_TIMESTAMP && (timestamp > latest || timestamp < earliest)) {
      errorCode = ErrorCode.INVALID_TIMESTAMP
      errors.push({ index: i, message: timestampProblem(timestamp, now, config) })
    }
  }
  if (errors.length > 0) return rejectedRecords(errorCode, errors)
  // No record has it, but consumers would look records up by it.
  if (hasTimes && maxTimestamp(bytes, at) > latest) {
    return rejected(ErrorCode.INVALID_TIMESTAMP, timestampProblem(maxTimestamp(bytes, at), now, config))
  }
  return undefined
}

/** May a record be older than `earliest`? The header tells the time of the first one only. */
function mayBeEarlier(bytes: Uint8Array, at: number, earliest: number): boolean {
  return earliest > 0 && (recordCount(bytes, at) > 1 || baseTimestamp(bytes, at) < earliest)
}

function timestampProblem(timestamp: number, now: number, config: LogConfig): string {
  return timestamp > now
    ? `Its timestamp ${timestamp} is ${timestamp - now} ms ahead, message.timestamp.after.max.ms is ${config.messageTimestampAfterMaxMs}.`
    : `Its timestamp ${timestamp} is ${now - timestamp} ms old, message.timestamp.before.max.ms is ${config.messageTimestampBeforeMaxMs}.`
}
