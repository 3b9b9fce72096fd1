import { boolean, double, int, list, long, string } from './key.ts'
import { logKeys } from './log-keys.ts'
import type { ServerKeyName } from './server-config.ts'

const noReplication = 'Without effect: one broker holds one replica.'
const noTiers = 'Without effect: there is no tiered storage.'

/** KIP-73: `*`, or partition:broker pairs. */
function throttledReplicasProblem(name: string, entries: readonly string[]): string | undefined {
  if (entries.length === 0 || (entries.length === 1 && entries[0] === '*')) return undefined
  if (entries.every((entry) => /^\d+:\d+$/.test(entry))) return undefined
  return `${name} must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...`
}

/** What a topic can be configured with: Kafka's topic property names. */
export const topicKeys = {
  'cleanup.policy': list({
    default: ['delete'],
    values: ['compact', 'delete'],
    doc: 'What happens to old records: delete (by age and size), compact (keep the newest of each key), or both.',
  }),
  'compression.gzip.level': { ...logKeys['compression.gzip.level'] },
  'compression.lz4.level': { ...logKeys['compression.lz4.level'] },
  'compression.type': string({
    default: 'producer',
    values: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'],
    doc: 'How batches are kept. producer: as they were sent.',
  }),
  'compression.zstd.level': { ...logKeys['compression.zstd.level'] },
  'delete.retention.ms': long({
    default: 86_400_000,
    min: 0,
    doc: 'How long a compacted topic keeps tombstones, in milliseconds.',
  }),
  'file.delete.delay.ms': long({
    default: 60_000,
    min: 0,
    doc: 'How long a deleted segment file stays, in milliseconds.',
  }),
  flush: string({
    default: 'sync',
    values: ['sync', 'interval', 'none'],
    doc: 'sync: a write is acknowledged when it is on the device. interval: at once, and it is on the device flush.ms later at the latest. none: as soon as the operating system has it.',
  }),
  'flush.messages': long({
    default: 2 ** 63,
    min: 1,
    doc: 'With flush=none: records after which a sync is due, and acknowledged with it.',
  }),
  'flush.ms': long({
    default: 2 ** 63,
    min: 0,
    doc: 'With flush=none or interval: time after which what was written is synced, in milliseconds. With interval, the default means 1000.',
  }),
  'follower.replication.throttled.replicas': list<string>({
    default: [],
    problem: throttledReplicasProblem,
    doc: noReplication,
  }),
  'index.interval.bytes': int({
    default: 4_096,
    min: 0,
    doc: 'Bytes of records between two entries of the offset index.',
  }),
  'leader.replication.throttled.replicas': list<string>({
    default: [],
    problem: throttledReplicasProblem,
    doc: noReplication,
  }),
  'local.retention.bytes': long({ default: -2, min: -2, doc: noTiers }),
  'local.retention.ms': long({ default: -2, min: -2, doc: noTiers }),
  'max.compaction.lag.ms': long({
    default: 2 ** 63,
    min: 1,
    doc: 'Longest time a record stays out of reach of compaction, in milliseconds.',
  }),
  'max.message.bytes': int({
    default: 1_048_588,
    min: 0,
    doc: 'Largest record batch in bytes, as sent (compressed).',
  }),
  'message.timestamp.after.max.ms': long({
    default: 3_600_000,
    min: 0,
    doc: "How far a record's timestamp may lie ahead of the broker's clock, in milliseconds.",
  }),
  'message.timestamp.before.max.ms': long({
    default: 2 ** 63,
    min: 0,
    doc: "How far a record's timestamp may lie behind the broker's clock, in milliseconds.",
  }),
  'message.timestamp.type': string({
    default: 'CreateTime',
    values: ['CreateTime', 'LogAppendTime'],
    doc: "Whether a record keeps its producer's timestamp or gets the time at which it was appended.",
  }),
  'min.cleanable.dirty.ratio': double({
    default: 0.5,
    min: 0,
    max: 1,
    doc: 'Share of a log that must be uncompacted before it is compacted.',
  }),
  'min.compaction.lag.ms': long({
    default: 0,
    min: 0,
    doc: 'Shortest time a record stays out of reach of compaction, in milliseconds.',
  }),
  'min.insync.replicas': int({
    default: 1,
    min: 1,
    doc: 'Replicas that must have a write with acks=all; all of them where there are fewer. One broker holds one.',
  }),
  preallocate: boolean({ default: false, doc: 'Without effect: segment files grow as they are written.' }),
  'remote.log.copy.disable': boolean({ default: false, doc: noTiers }),
  'remote.log.delete.on.disable': boolean({ default: false, doc: noTiers }),
  'remote.storage.enable': boolean({ default: false, doc: 'Cannot be set: there is no tiered storage.' }),
  'retention.bytes': long({
    default: -1,
    min: -1,
    doc: 'Size in bytes of a partition above which its oldest segments are deleted. -1: no limit.',
  }),
  'retention.ms': long({
    default: 604_800_000,
    min: -1,
    doc: 'How long records are kept, in milliseconds. -1: for ever.',
  }),
  'segment.bytes': int({
    default: 1_073_741_824,
    min: 1_024,
    doc: 'Size in bytes at which the log starts a new segment file.',
  }),
  'segment.index.bytes': int({ default: 10_485_760, min: 4, doc: 'Largest size of an index file, in bytes.' }),
  'segment.jitter.ms': long({
    default: 0,
    min: 0,
    doc: 'Without effect: segments are closed segment.ms after their first record.',
  }),
  'segment.ms': long({
    default: 604_800_000,
    min: 1,
    doc: 'Age in milliseconds at which the log starts a new segment file.',
  }),
  'unclean.leader.election.enable': boolean({ default: false, doc: noReplication }),
} as const

export type TopicKeyName = keyof typeof topicKeys

/** The server property that gives a topic property its default. */
export const serverSynonyms: { readonly [N in TopicKeyName]?: ServerKeyName } = {
  'cleanup.policy': 'log.cleanup.policy',
  'compression.gzip.level': 'compression.gzip.level',
  'compression.lz4.level': 'compression.lz4.level',
  'compression.type': 'compression.type',
  'compression.zstd.level': 'compression.zstd.level',
  'delete.retention.ms': 'log.cleaner.delete.retention.ms',
  'file.delete.delay.ms': 'log.segment.delete.delay.ms',
  flush: 'flush',
  'flush.messages': 'log.flush.interval.messages',
  'flush.ms': 'log.flush.interval.ms',
  'index.interval.bytes': 'log.index.interval.bytes',
  'max.compaction.lag.ms': 'log.cleaner.max.compaction.lag.ms',
  'max.message.bytes': 'message.max.bytes',
  'message.timestamp.after.max.ms': 'log.message.timestamp.after.max.ms',
  'message.timestamp.before.max.ms': 'log.message.timestamp.before.max.ms',
  'message.timestamp.type': 'log.message.timestamp.type',
  'min.cleanable.dirty.ratio': 'log.cleaner.min.cleanable.ratio',
  'min.compaction.lag.ms': 'log.cleaner.min.compaction.lag.ms',
  'min.insync.replicas': 'min.insync.replicas',
  preallocate: 'log.preallocate',
  'retention.bytes': 'log.retention.bytes',
  'retention.ms': 'log.retention.ms',
  'segment.bytes': 'log.segment.bytes',
  'segment.index.bytes': 'log.index.size.max.bytes',
  'segment.jitter.ms': 'log.roll.jitter.ms',
  'segment.ms': 'log.roll.ms',
  'unclean.leader.election.enable': 'unclean.leader.election.enable',
}
