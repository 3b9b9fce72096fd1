/** What governs compaction. The names in brackets are Kafka's broker properties. */
export interface CleanerConfig {
  /** [log.cleaner.enable] */
  readonly enabled: boolean
  /** Milliseconds until logs are looked at again when there was nothing to compact. [log.cleaner.backoff.ms] */
  readonly backoffMs: number
  /** Memory for the last offsets of keys, 24 bytes each: as many keys fit a round. [log.cleaner.dedupe.buffer.size] */
  readonly dedupeBufferBytes: number
  /** The share of that memory that is used: a fuller table is slower. [log.cleaner.io.buffer.load.factor] */
  readonly loadFactor: number
  /** [log.cleaner.io.buffer.size] */
  readonly ioBufferBytes: number
  /** Read and written together. [log.cleaner.io.max.bytes.per.second] */
  readonly maxBytesPerSecond: number
}

/** Kafka's defaults. */
export const defaultCleanerConfig: CleanerConfig = {
  enabled: true,
  backoffMs: 15_000,
  dedupeBufferBytes: 134_217_728,
  loadFactor: 0.9,
  ioBufferBytes: 524_288,
  maxBytesPerSecond: Number.MAX_VALUE,
}
