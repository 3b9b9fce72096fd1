import { joinPath } from '@millrace/std'

/**
 * Names of the files of a partition, Kafka's own (`LogFileUtils`), so that its tools read them. A segment's files
 * share the offset of its first record as their name; a producer snapshot is named after the offset it was taken at.
 */
export const LogSuffix = {
  log: '.log',
  offsetIndex: '.index',
  timeIndex: '.timeindex',
  transactionIndex: '.txnindex',
  snapshot: '.snapshot',
  /** Ours: what the transaction index must be, which has no checksum of its own, nor a file where it is empty. */
  transactionIndexSum: '.txnsum',
  /** Ours: damaged ranges of the segment, see quarantine.ts. */
  quarantine: '.quarantine',
  /** Ours: bytes that recovery cut off the end of a segment, kept for inspection. */
  cut: '.cut',
  deleted: '.deleted',
  /** Compaction writes its result under this suffix, to be thrown away after a crash … */
  cleaned: '.cleaned',
  /** … until it is complete: under this one it replaces the segments that it was made from, if need be at the next start. */
  swap: '.swap',
  temporary: '.tmp',
} as const

export const LogFile = {
  leaderEpochs: 'leader-epoch-checkpoint',
  partitionMetadata: 'partition.metadata',
  recoveryPoints: 'recovery-point-offset-checkpoint',
  logStartOffsets: 'log-start-offset-checkpoint',
  cleanerOffsets: 'cleaner-offset-checkpoint',
  metaProperties: 'meta.properties',
  cleanShutdown: '.kafka_cleanshutdown',
} as const

/** A removed partition's folder: `<topic>-<n>.<unique>-delete` (Kafka's `DELETE_DIR_SUFFIX`). */
export const deletedFolderSuffix = '-delete'

/** `segmentFile('data/t-0', 42, '.log')` → `data/t-0/00000000000000000042.log` */
export function segmentFile(folder: string, offset: number, suffix: string): string {
  return joinPath(folder, `${String(offset).padStart(20, '0')}${suffix}`)
}

/** The offset in a file name of the given suffix, or undefined when the name is not of that form. */
export function offsetOfFile(name: string, suffix: string): number | undefined {
  if (name.length !== 20 + suffix.length || !name.endsWith(suffix)) return undefined
  const digits = name.slice(0, 20)
  if (!/^\d{20}$/.test(digits)) return undefined
  const offset = Number(digits)
  return Number.isSafeInteger(offset) ? offset : undefined
}

export function partitionFolder(topic: string, partition: number): string {
  return `${topic}-${partition}`
}

/** Topic and partition of a folder name, or undefined when it is not a partition's. */
export function parsePartitionFolder(name: string): { topic: string; partition: number } | undefined {
  if (name.endsWith(deletedFolderSuffix)) return undefined
  const match = /^([a-zA-Z0-9._-]{1,249})-(0|[1-9]\d{0,9})$/.exec(name)
  if (!match) return undefined
  return { topic: match[1] as string, partition: Number(match[2]) }
}
