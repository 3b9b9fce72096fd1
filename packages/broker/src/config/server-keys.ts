import { groupKeys } from './group-keys.ts'
import { boolean, int, long, string } from './key.ts'
import { logKeys } from './log-keys.ts'
import { transactionKeys } from './transaction-keys.ts'

/** What the broker can be configured with: Kafka's server property names where Kafka has one. */
export const serverKeys = {
  'node.id': int({ default: 1, min: 0, doc: 'The id of this broker, as clients see it.' }),
  'advertised.listeners': string<string>({
    default: '',
    doc: 'Where clients are told to connect, as [PLAINTEXT://]host:port. Empty: the address that the broker is bound to.',
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
    max: 0x7fff,
    doc: 'Replicas of a new topic: at most one for each broker, and there is one broker.',
  }),
  'auto.create.topics.enable': boolean({
    default: false,
    doc: 'Whether asking for the metadata of an unknown topic creates it.',
  }),
  'delete.topic.enable': boolean({ default: true, doc: 'Whether topics can be deleted.' }),
  ...logKeys,
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
  'max.request.partition.size.limit': int({
    default: 2_000,
    min: 1,
    doc: 'Most partitions in one answer to DescribeTopicPartitions (KIP-966).',
  }),
  'socket.request.max.bytes': int({ default: 104_857_600, min: 1_024, doc: 'Largest request in bytes.' }),
  'connections.max.idle.ms': long({
    default: 600_000,
    min: -1,
    doc: 'A connection without a request for so long is closed, in milliseconds. -1: never.',
  }),
  'max.connections': int({ default: 0x7fff_ffff, min: 0, dynamic: true, doc: 'Most connections at a time.' }),
  'queued.max.requests': int({
    default: 4_096,
    min: 1,
    doc: 'Requests of one connection that may wait for their answer before the broker stops reading from it.',
  }),
  ...groupKeys,
  ...transactionKeys,
} as const
