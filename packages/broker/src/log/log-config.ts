import type { CompressionType } from '@millrace/kafka'

/**
 * What governs one partition's log. The names are Kafka's topic properties in camel case; times are milliseconds,
 * sizes bytes. Where Kafka takes -1 for "no limit", so does this.
 */
export interface LogConfig {
  /** `segment.bytes`: a batch that would make the segment larger starts the next one. */
  readonly segmentBytes: number
  /** `segment.ms`: a segment whose first record is older, by record time, is closed. */
  readonly segmentMs: number
  /** `segment.index.bytes`: a segment whose offset index would outgrow this is closed. */
  readonly segmentIndexBytes: number
  /** `index.interval.bytes`: bytes of batches per index entry. */
  readonly indexIntervalBytes: number
  readonly retentionMs: number
  readonly retentionBytes: number
  /** `max.message.bytes`: the largest batch as sent, header included. */
  readonly maxMessageBytes: number
  /** `compression.type`: what batches are kept in. `producer`: as they were sent, and nothing is done to them. */
  readonly compressionType: CompressionType | 'producer'
  /** `compression.gzip.level` or `compression.zstd.level`; the codec's default when undefined. lz4 has but one here. */
  readonly compressionLevel: number | undefined
  readonly messageTimestampType: 'CreateTime' | 'LogAppendTime'
  readonly messageTimestampBeforeMaxMs: number
  readonly messageTimestampAfterMaxMs: number
  readonly fileDeleteDelayMs: number
  readonly cleanupPolicy: readonly ('delete' | 'compact')[]
  /** The owner of the log replaces its own records by newer ones: the cleaner leaves it alone. */
  readonly compactsItself: boolean
  /** `min.cleanable.dirty.ratio`: the share of a log that must be uncompacted before it is compacted. */
  readonly minCleanableDirtyRatio: number
  /** `min.compaction.lag.ms`: a segment with a younger record is not compacted. */
  readonly minCompactionLagMs: number
  /** `max.compaction.lag.ms`: older records are compacted whatever the dirty ratio is. */
  readonly maxCompactionLagMs: number
  /** `delete.retention.ms`: how long compaction keeps tombstones, and markers of transactions without records. */
  readonly deleteRetentionMs: number
  /** `flush.messages`: unless `flush` is `sync`, a sync is due (and acks wait for it) after so many records. */
  readonly flushMessages: number
  /** `flush.ms`: unless `flush` is `sync`, what was written is synced after this time at the latest. */
  readonly flushMs: number
  /**
   * `sync`: an ack, and what consumers may see, waits for fsync. `interval`: both follow the write to the page cache, and
   * the sync comes `flush.ms` later at the latest (1 s where that is not set). `none`: as in Kafka's own default the sync is
   * left to the operating system, but for segments that are closed. See docs/durability.md.
   */
  readonly flush: 'sync' | 'interval' | 'none'
  /** `producer.id.expiration.ms`: an idempotent producer that wrote nothing for this long is forgotten. */
  readonly producerIdExpirationMs: number
}

/** Kafka's defaults, but for `flush`. */
export const defaultLogConfig: LogConfig = {
  segmentBytes: 1024 * 1024 * 1024,
  segmentMs: 7 * 24 * 3_600_000,
  segmentIndexBytes: 10 * 1024 * 1024,
  indexIntervalBytes: 4096,
  retentionMs: 7 * 24 * 3_600_000,
  retentionBytes: -1,
  maxMessageBytes: 1_048_588,
  compressionType: 'producer',
  compressionLevel: undefined,
  messageTimestampType: 'CreateTime',
  messageTimestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  messageTimestampAfterMaxMs: 3_600_000,
  fileDeleteDelayMs: 60_000,
  cleanupPolicy: ['delete'],
  compactsItself: false,
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: 86_400_000,
  flushMessages: Number.MAX_SAFE_INTEGER,
  flushMs: Number.MAX_SAFE_INTEGER,
  flush: 'sync',
  producerIdExpirationMs: 86_400_000,
}
