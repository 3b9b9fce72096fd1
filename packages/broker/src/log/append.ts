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
}

export function rejected(errorCode: number, message: string): AppendResult {
  return { errorCode, baseOffset: -1, lastOffset: -1, logAppendTime: -1, duplicate: false, message }
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
  if (config.messageTimestampType === 'CreateTime') {
    const refusal = checkTimestamps(bytes, at, config, now)
    if (refusal) return refusal
  }
  return config.cleanupPolicy.includes('compact') ? checkKeys(bytes, at) : undefined
}

/** Compaction keeps the newest record of a key: without one there is nothing to keep. */
function checkKeys(bytes: Uint8Array, at: number): AppendResult | undefined {
  const check = indexRecords(bytes, at, records)
  if (check !== BatchCheck.ok) return rejected(ErrorCode.CORRUPT_MESSAGE, `${describeBatchCheck(check)}.`)
  for (let i = 0; i < records.count; i++) {
    if ((records.keyLength[i] as number) < 0) {
      return rejected(ErrorCode.INVALID_RECORD, 'A compacted topic takes no record without a key.')
    }
  }
  return undefined
}

/** KIP-937. The batch's header holds the latest timestamp; the earliest is looked for only where it has a bound. */
function checkTimestamps(bytes: Uint8Array, at: number, config: LogConfig, now: number): AppendResult | undefined {
  const latest = maxTimestamp(bytes, at)
  if (latest !== NO_TIMESTAMP && latest - now > config.messageTimestampAfterMaxMs) {
    return rejected(
      ErrorCode.INVALID_TIMESTAMP,
      `A record's timestamp ${latest} is ${latest - now} ms ahead, message.timestamp.after.max.ms is ${config.messageTimestampAfterMaxMs}.`,
    )
  }
  const bound = now - config.messageTimestampBeforeMaxMs
  if (bound <= 0) return undefined
  let earliest = baseTimestamp(bytes, at)
  if (earliest >= bound && recordCount(bytes, at) > 1) {
    const check = indexRecords(bytes, at, records)
    if (check !== BatchCheck.ok) return rejected(ErrorCode.CORRUPT_MESSAGE, `${describeBatchCheck(check)}.`)
    for (let i = 0; i < records.count; i++) earliest = Math.min(earliest, records.timestamps[i] as number)
  }
  if (earliest === NO_TIMESTAMP || earliest >= bound) return undefined
  return rejected(
    ErrorCode.INVALID_TIMESTAMP,
    `A record's timestamp ${earliest} is ${now - earliest} ms old, message.timestamp.before.max.ms is ${config.messageTimestampBeforeMaxMs}.`,
  )
}
