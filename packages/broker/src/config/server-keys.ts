import { boolean, int, long, string } from './key.ts'

/** What the broker can be configured with: Kafka's server property names where Kafka has one. */
export const serverKeys = {
  'node.id': int({ default: 1, min: 0, doc: 'The id of this broker, as clients see it.' }),
  'advertised.listeners': string<string>({
    default: '',
    doc: 'Where clients are told to connect, as [PLAINTEXT://]host:port. Empty: the address that the broker is bound to.',
  }),
  flush: string({
    default: 'sync',
    values: ['sync', 'none'],
    doc: "sync: a write is acknowledged when it is on the device. none: as soon as the operating system has it (Apache Kafka's default), so a power failure can lose acknowledged records.",
  }),

  'num.partitions': int({
    default: 1,
    min: 1,
    max: 10_000,
    doc: 'Partitions of a topic that is created without a number.',
  }),
  'default.replication.factor': int({
    default: 1,
    min: 1,
    max: 1,
    doc: 'Replicas of a new topic. One broker holds one replica.',
  }),
  'auto.create.topics.enable': boolean({
    default: false,
    doc: 'Whether asking for the metadata of an unknown topic creates it.',
  }),
  'delete.topic.enable': boolean({ default: true, doc: 'Whether topics can be deleted.' }),
  'message.max.bytes': int({
    default: 1_048_588,
    min: 0,
    doc: 'Largest record batch in bytes, as sent (compressed).',
  }),
  'log.segment.bytes': int({
    default: 1_073_741_824,
    min: 1_024,
    doc: 'Size in bytes at which a log starts a new segment file.',
  }),
  'log.roll.ms': long({
    default: 604_800_000,
    min: 1,
    doc: 'Age in milliseconds at which a log starts a new segment file. log.roll.hours is understood as well.',
  }),
  'log.retention.ms': long({
    default: 604_800_000,
    min: -1,
    doc: 'How long records are kept, in milliseconds. -1: for ever. log.retention.minutes and log.retention.hours are understood as well.',
  }),
  'log.retention.bytes': long({
    default: -1,
    min: -1,
    doc: 'Size in bytes of a partition above which its oldest segments are deleted. -1: no limit.',
  }),
  'log.retention.check.interval.ms': long({
    default: 300_000,
    min: 1,
    doc: 'How often logs are searched for segments to delete, in milliseconds.',
  }),
  'log.cleanup.policy': string({
    default: 'delete',
    values: ['delete', 'compact', 'compact,delete'],
    doc: 'What happens to old records of topics that do not say otherwise.',
  }),
  'log.index.interval.bytes': int({
    default: 4_096,
    min: 0,
    doc: 'Bytes of records between two entries of the offset index.',
  }),
  'log.index.size.max.bytes': int({ default: 10_485_760, min: 1_024, doc: 'Largest size of an index file, in bytes.' }),
  'log.message.timestamp.type': string({
    default: 'CreateTime',
    values: ['CreateTime', 'LogAppendTime'],
    doc: "Whether a record keeps its producer's timestamp or gets the time at which it was appended.",
  }),
  'log.message.timestamp.before.max.ms': long({
    default: 2 ** 63,
    min: 0,
    doc: "How far a record's timestamp may lie behind the broker's clock, in milliseconds.",
  }),
  'log.message.timestamp.after.max.ms': long({
    default: 3_600_000,
    min: 0,
    doc: "How far a record's timestamp may lie ahead of the broker's clock, in milliseconds.",
  }),
  'producer.id.expiration.ms': int({
    default: 86_400_000,
    min: 1,
    doc: 'How long the last sequence of an idle idempotent producer is remembered, in milliseconds.',
  }),

  'fetch.max.bytes': int({
    default: 57_671_680,
    min: 1_024,
    doc: 'Largest number of record bytes in the answer to one fetch.',
  }),
  'max.incremental.fetch.session.cache.slots': int({
    default: 1_000,
    min: 0,
    doc: 'Most incremental fetch sessions that are kept (KIP-227).',
  }),
  'socket.request.max.bytes': int({ default: 104_857_600, min: 1_024, doc: 'Largest request in bytes.' }),
  'connections.max.idle.ms': long({
    default: 600_000,
    min: -1,
    doc: 'A connection without a request for so long is closed, in milliseconds. -1: never.',
  }),
  'max.connections': int({ default: 0x7fff_ffff, min: 0, doc: 'Most connections at a time.' }),
  'queued.max.requests': int({
    default: 4_096,
    min: 1,
    doc: 'Requests of one connection that may wait for their answer before the broker stops reading from it.',
  }),

  'group.min.session.timeout.ms': int({
    default: 6_000,
    min: 0,
    doc: 'Shortest session timeout that a group member may ask for.',
  }),
  'group.max.session.timeout.ms': int({
    default: 1_800_000,
    min: 1,
    doc: 'Longest session timeout that a group member may ask for.',
  }),
  'group.initial.rebalance.delay.ms': int({
    default: 0,
    min: 0,
    doc: "How long a new group waits for more members before its first rebalance, in milliseconds. Apache Kafka's default is 3000.",
  }),
  'group.max.size': int({ default: 0x7fff_ffff, min: 1, doc: 'Most members of a group.' }),
  'offset.metadata.max.bytes': int({
    default: 4_096,
    min: 0,
    doc: 'Longest metadata string of an offset commit, in bytes.',
  }),
  'offsets.topic.num.partitions': int({
    default: 4,
    min: 1,
    max: 1_000,
    doc: "Partitions of __consumer_offsets. Counts only when the data folder is new. Apache Kafka's default is 50.",
  }),
  'offsets.topic.segment.bytes': int({
    default: 104_857_600,
    min: 1_024,
    doc: 'Segment size of __consumer_offsets, in bytes.',
  }),
  'offsets.retention.minutes': int({
    default: 10_080,
    min: 1,
    doc: 'How long the offsets of a group without members are kept, in minutes.',
  }),
  'offsets.retention.check.interval.ms': long({
    default: 600_000,
    min: 1,
    doc: 'How often offsets are searched for expired ones, in milliseconds.',
  }),
} as const
