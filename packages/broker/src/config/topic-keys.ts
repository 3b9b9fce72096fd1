import { boolean, double, int, list, long, string } from './key.ts'
import type { ServerKeyName } from './server-config.ts'
import { serverKeys } from './server-keys.ts'

/** What a topic can be configured with: Kafka's topic property names. */
export const topicKeys = {
  'cleanup.policy': list({
    default: ['delete'],
    values: ['delete', 'compact'],
    doc: 'What happens to old records: delete (by age and size), compact (keep the newest of each key), or both.',
  }),
  'compression.type': string({
    default: 'producer',
    values: ['producer'],
    doc: 'Batches are kept as the producer compressed them.',
  }),
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
  'flush.messages': long({
    default: 2 ** 63,
    min: 1,
    doc: "With the broker's flush=none: records after which a sync is due, and acknowledged with it.",
  }),
  'flush.ms': long({
    default: 2 ** 63,
    min: 0,
    doc: "With the broker's flush=none: time after which what was written is synced, in milliseconds.",
  }),
  'index.interval.bytes': int({
    default: serverKeys['log.index.interval.bytes'].default,
    min: 0,
    doc: 'Bytes of records between two entries of the offset index.',
  }),
  'max.compaction.lag.ms': long({
    default: 2 ** 63,
    min: 1,
    doc: 'Longest time a record stays out of reach of compaction, in milliseconds.',
  }),
  'max.message.bytes': int({
    default: serverKeys['message.max.bytes'].default,
    min: 0,
    doc: 'Largest record batch in bytes, as sent (compressed).',
  }),
  'message.timestamp.after.max.ms': long({
    default: serverKeys['log.message.timestamp.after.max.ms'].default,
    min: 0,
    doc: "How far a record's timestamp may lie ahead of the broker's clock, in milliseconds.",
  }),
  'message.timestamp.before.max.ms': long({
    default: serverKeys['log.message.timestamp.before.max.ms'].default,
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
  'min.insync.replicas': int({ default: 1, min: 1, max: 1, doc: 'One broker holds one replica.' }),
  preallocate: boolean({ default: false, doc: 'Without effect: segment files grow as they are written.' }),
  'retention.bytes': long({
    default: serverKeys['log.retention.bytes'].default,
    min: -1,
    doc: 'Size in bytes of a partition above which its oldest segments are deleted. -1: no limit.',
  }),
  'retention.ms': long({
    default: serverKeys['log.retention.ms'].default,
    min: -1,
    doc: 'How long records are kept, in milliseconds. -1: for ever.',
  }),
  'segment.bytes': int({
    default: serverKeys['log.segment.bytes'].default,
    min: 1_024,
    doc: 'Size in bytes at which the log starts a new segment file.',
  }),
  'segment.index.bytes': int({
    default: serverKeys['log.index.size.max.bytes'].default,
    min: 1_024,
    doc: 'Largest size of an index file, in bytes.',
  }),
  'segment.jitter.ms': long({ default: 0, min: 0, doc: 'Random part of segment.ms, in milliseconds.' }),
  'segment.ms': long({
    default: serverKeys['log.roll.ms'].default,
    min: 1,
    doc: 'Age in milliseconds at which the log starts a new segment file.',
  }),
  'unclean.leader.election.enable': boolean({
    default: false,
    doc: 'Without effect: one broker holds one replica.',
  }),
} as const

export type TopicKeyName = keyof typeof topicKeys

/** The server property that gives a topic property its default. */
export const serverSynonyms: { readonly [N in TopicKeyName]?: ServerKeyName } = {
  'cleanup.policy': 'log.cleanup.policy',
  'index.interval.bytes': 'log.index.interval.bytes',
  'max.message.bytes': 'message.max.bytes',
  'message.timestamp.after.max.ms': 'log.message.timestamp.after.max.ms',
  'message.timestamp.before.max.ms': 'log.message.timestamp.before.max.ms',
  'message.timestamp.type': 'log.message.timestamp.type',
  'retention.bytes': 'log.retention.bytes',
  'retention.ms': 'log.retention.ms',
  'segment.bytes': 'log.segment.bytes',
  'segment.index.bytes': 'log.index.size.max.bytes',
  'segment.ms': 'log.roll.ms',
}
