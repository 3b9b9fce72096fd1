import type { ServerConfig } from '../config/server-config.ts'
import type { CleanerConfig } from '../log/cleaner/cleaner-config.ts'

/** What the broker's properties say about compaction. The memory is what Kafka gives one of `log.cleaner.threads`. */
export function cleanerConfigOf(server: ServerConfig): CleanerConfig {
  return {
    enabled: server['log.cleaner.enable'],
    backoffMs: server['log.cleaner.backoff.ms'],
    dedupeBufferBytes: server['log.cleaner.dedupe.buffer.size'] / Math.max(1, server['log.cleaner.threads']),
    loadFactor: server['log.cleaner.io.buffer.load.factor'],
    ioBufferBytes: server['log.cleaner.io.buffer.size'],
    maxBytesPerSecond: server['log.cleaner.io.max.bytes.per.second'],
  }
}
