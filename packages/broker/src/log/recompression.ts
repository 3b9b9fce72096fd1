import {
  assembleBatch,
  BATCH_HEADER_BYTES,
  BatchCheck,
  batchSize,
  COMPRESSION_TYPES,
  type CompressionType,
  compress,
  compressionCode,
  describeBatchCheck,
  ErrorCode,
  indexRecords,
  isControl,
  RecordIndex,
  recordCount,
} from '@millrace/kafka'
import { type AppendResult, rejected } from './append.ts'
import type { LogConfig } from './log-config.ts'

const records = new RecordIndex()

/** Whether the topic keeps the batch at `at` in another compression than it came in (`compression.type`). */
export function mustRecompress(bytes: Uint8Array, at: number, config: LogConfig): boolean {
  if (config.compressionType === 'producer' || isControl(bytes, at)) return false
  return COMPRESSION_TYPES[compressionCode(bytes, at)] !== config.compressionType
}

/**
 * The batch at `at`, which has been judged, in the topic's compression: all else in it stays, and the checksum is renewed.
 * Or why it may not be kept so: `max.message.bytes` and `segment.bytes` count for the result too, as in Kafka.
 */
export function recompress(bytes: Uint8Array, at: number, config: LogConfig): Uint8Array | AppendResult {
  const compression = config.compressionType as CompressionType
  const check = indexRecords(bytes, at, records)
  if (check !== BatchCheck.ok) return rejected(ErrorCode.CORRUPT_MESSAGE, `${describeBatchCheck(check)}.`)
  const plain =
    compressionCode(bytes, at) === 0 ? bytes.subarray(at + BATCH_HEADER_BYTES, at + batchSize(bytes, at)) : records.data
  const batch = assembleBatch(bytes, at, compress(compression, plain, config.compressionLevel), {
    compression,
    recordCount: recordCount(bytes, at),
  })
  const size = batch.byteLength
  if (size > config.maxMessageBytes) {
    return rejected(
      ErrorCode.MESSAGE_TOO_LARGE,
      `The record batch takes ${size} bytes as ${compression}, max.message.bytes is ${config.maxMessageBytes}.`,
    )
  }
  if (size > config.segmentBytes) {
    return rejected(
      ErrorCode.RECORD_LIST_TOO_LARGE,
      `The record batch takes ${size} bytes as ${compression}, segment.bytes is ${config.segmentBytes}.`,
    )
  }
  return batch
}
