import { int, list, long, string } from './key.ts'

/** Groups of both protocols and their offsets. */
export const groupKeys = {
  'group.coordinator.rebalance.protocols': list({
    default: ['classic', 'consumer'],
    values: ['classic', 'consumer'],
    doc: 'The group protocols that are served.',
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
  'group.consumer.session.timeout.ms': int({
    default: 45_000,
    min: 1,
    doc: 'After how long without a heartbeat a member of a consumer group is taken for dead, in milliseconds.',
  }),
  'group.consumer.min.session.timeout.ms': int({
    default: 45_000,
    min: 1,
    doc: 'Shortest session timeout that a consumer group may be given, in milliseconds.',
  }),
  'group.consumer.max.session.timeout.ms': int({
    default: 60_000,
    min: 1,
    doc: 'Longest session timeout that a consumer group may be given, in milliseconds.',
  }),
  'group.consumer.heartbeat.interval.ms': int({
    default: 5_000,
    min: 1,
    doc: 'How often the members of a consumer group report, in milliseconds.',
  }),
  'group.consumer.min.heartbeat.interval.ms': int({
    default: 5_000,
    min: 1,
    doc: 'Shortest heartbeat interval that a consumer group may be given, in milliseconds.',
  }),
  'group.consumer.max.heartbeat.interval.ms': int({
    default: 15_000,
    min: 1,
    doc: 'Longest heartbeat interval that a consumer group may be given, in milliseconds.',
  }),
  'group.consumer.assignment.interval.ms': int({
    // A member that joins right after another would wait for a heartbeat of each: seconds, in which a developer sits and waits.
    default: 0,
    min: 0,
    dynamic: true,
    doc: "Shortest time between two assignments of a consumer group, in milliseconds. Apache Kafka's default is 1000.",
  }),
  'group.consumer.min.assignment.interval.ms': int({
    default: 0,
    min: 0,
    doc: 'Shortest assignment interval that a consumer group may be given, in milliseconds.',
  }),
  'group.consumer.max.assignment.interval.ms': int({
    default: 15_000,
    min: 0,
    doc: 'Longest assignment interval that a consumer group may be given, in milliseconds.',
  }),
  'group.consumer.max.size': int({ default: 0x7fff_ffff, min: 1, doc: 'Most members of a consumer group.' }),
  'group.consumer.assignors': list({
    default: ['uniform', 'range'],
    values: ['uniform', 'range'],
    doc: 'The assignors of consumer groups; the first is the default.',
  }),
  'group.consumer.migration.policy': string({
    default: 'bidirectional',
    values: ['bidirectional', 'upgrade', 'downgrade', 'disabled'],
    doc: 'Whether a group with members may change between the classic protocol and the consumer protocol.',
  }),
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
