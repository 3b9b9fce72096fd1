import { checkOptions, type ReaderContext, type Source } from '@millrace/engine'
import { KafkaConsumer, type KafkaConsumerOptions } from '@millrace/kafka'
import type { Format } from '../formats/format.ts'
import { badOption, checkFormat, checkPlace, checkPolicy, checkTopics } from './check-options.ts'
import { DeadLetterQueue } from './dead-letter-queue.ts'
import { KafkaEnumerator } from './enumerator.ts'
import type { BadRecordPolicy, KafkaRecord } from './record.ts'
import {
  ColumnRowCollector,
  failOnBadRecord,
  ObjectRowCollector,
  type OnBadRecord,
  recordDecoder,
  type RowCollector,
  valueDecoder,
} from './row-collector.ts'
import { bootstrapServersOf } from './settings.ts'
import { KafkaSourceReader } from './source-reader.ts'
import { type KafkaPartitionSplit, partitionSplitSerializer } from './split.ts'

/** Offsets by topic and partition: `{ lines: { 0: 17, 1: 4 } }`. */
export type OffsetsByPartition = Readonly<Record<string, Readonly<Record<number, number>>>>

/**
 * Where a partition is read from: `earliest` (the default, as in Flink), `latest`, what the group has `committed` (else
 * `earliest`), the first record at or after a time in ms, or given offsets (partitions that are not named: `earliest`).
 */
export type StartOffsets =
  | 'earliest'
  | 'latest'
  | 'committed'
  | { readonly timestamp: number }
  | { readonly offsets: OffsetsByPartition }

/**
 * Where a partition's reading ends, which makes the source bounded: `latest` (what is there at the start of the job),
 * the first record at or after a time in ms, or given offsets, excluded (partitions that are not named: `latest`).
 */
export type StopOffsets = 'latest' | { readonly timestamp: number } | { readonly offsets: OffsetsByPartition }

export interface KafkaSourceCommonOptions {
  /** One topic or several. */
  readonly topic: string | readonly string[]
  /** `'host:port,…'`. Without it: the cluster of the run. */
  readonly bootstrapServers?: string | readonly string[]
  /**
   * Progress is committed for this group, so that lag tools and `start: 'committed'` know it. It is committed when what
   * was read has left the job through its sinks; windows that are still open are not in it.
   */
  readonly groupId?: string
  readonly start?: StartOffsets
  readonly stop?: StopOffsets
  /** For records whose bytes do not fit the format. Default `fail`: the job fails and names the record. */
  readonly onBadRecord?: BadRecordPolicy
  /** How often an unbounded source looks for new partitions, ms. Default 30,000; 0: never. New ones are read from the start. */
  readonly discoveryIntervalMs?: number
  /** Settings of the consumer, such as `fetchMinBytes` and `isolationLevel`. */
  readonly consumer?: Omit<KafkaConsumerOptions, 'bootstrapServers' | 'system' | 'groupId'>
}

export interface KafkaValueSourceOptions<T> extends KafkaSourceCommonOptions {
  /** The records of the stream are the values. Tombstones (records without a value) are left out. */
  readonly value: Format<T>
}

export interface KafkaRecordSourceOptions<K, V> extends KafkaSourceCommonOptions {
  /** The records of the stream are whole records: with key, headers, topic, partition, offset; tombstones too. */
  readonly record: { readonly key: Format<K>; readonly value: Format<V> }
}

const where = 'kafkaSource()'
const optionNames = [
  'topic',
  'bootstrapServers',
  'groupId',
  'start',
  'stop',
  'onBadRecord',
  'discoveryIntervalMs',
  'consumer',
  'value',
  'record',
]

/**
 * Reads topics; each partition is a split. Event time is the record's timestamp, with watermarks per partition, unless the
 * job says otherwise.
 *
 * @throws {MillraceError} API_UNKNOWN_OPTION, CONNECTOR_BAD_OPTION
 * @example
 * env.fromSource(kafkaSource({ topic: 'lines', value: text(), start: 'latest' }))
 */
export function kafkaSource<K, V>(
  options: KafkaRecordSourceOptions<K, V>,
): Source<KafkaRecord<K, V>, KafkaPartitionSplit>
// The usual form last: it is the one that the compiler speaks of when nothing fits.
export function kafkaSource<T>(options: KafkaValueSourceOptions<T>): Source<T, KafkaPartitionSplit>
export function kafkaSource(
  options: KafkaSourceCommonOptions &
    Partial<KafkaValueSourceOptions<unknown> & KafkaRecordSourceOptions<unknown, unknown>>,
): Source<unknown, KafkaPartitionSplit> {
  checkOptions(options, optionNames, where)
  const { value, record, groupId, start = 'earliest' } = options
  if ((value === undefined) === (record === undefined)) {
    throw badOption(where, 'needs either value (a format) or record ({ key, value }).', 'Give one: value: text().')
  }
  if (record === undefined) {
    checkFormat(value, 'value', where)
  } else {
    checkOptions(record, ['key', 'value'], 'The record of kafkaSource()')
    checkFormat(record.key, 'key of record', where)
    checkFormat(record.value, 'value of record', where)
  }
  const topics = checkTopics(options.topic, where)
  checkPlace(start, {
    option: 'start',
    words: ['earliest', 'latest', 'committed'],
    members: ['timestamp', 'offsets'],
    where,
  })
  if (options.stop !== undefined) {
    checkPlace(options.stop, { option: 'stop', words: ['latest'], members: ['timestamp', 'offsets'], where })
  }
  const policy = checkPolicy(options.onBadRecord ?? 'fail', where)
  if (start === 'committed' && groupId === undefined) {
    throw badOption(where, "start: 'committed' needs a group.", 'Add the groupId whose offsets are meant.')
  }
  const name = `Kafka source (${topics.join(', ')})`
  return {
    name,
    boundedness: options.stop === undefined ? 'unbounded' : 'bounded',
    schema: value?.schema,
    defaultWatermarks: 'monotonous',
    splitSerializer: partitionSplitSerializer,
    createEnumerator: (context) =>
      new KafkaEnumerator({
        context,
        topics,
        start,
        stop: options.stop,
        groupId,
        discoveryIntervalMs: options.discoveryIntervalMs ?? 30_000,
        bootstrapServers: bootstrapServersOf(name, options.bootstrapServers, context.settings),
      }),
    createReader: (context) => {
      const bootstrapServers = bootstrapServersOf(name, options.bootstrapServers, context.settings)
      const deadLetters =
        typeof policy === 'object' ? new DeadLetterQueue(policy.deadLetterTopic, bootstrapServers, context) : undefined
      const onBadRecord: OnBadRecord = policy === 'fail' ? failOnBadRecord : (bad) => deadLetters?.put(bad)
      return new KafkaSourceReader({
        context,
        deadLetters,
        commits: groupId !== undefined,
        collector: value
          ? valueCollector(value, context, onBadRecord)
          : recordCollector(record as KafkaRecordSourceOptions<unknown, unknown>['record'], onBadRecord),
        consumer: new KafkaConsumer({
          autoOffsetReset: 'none',
          ...options.consumer,
          ...(groupId === undefined ? {} : { groupId }),
          enableAutoCommit: false,
          bootstrapServers,
          system: context.system,
        }),
      })
    },
  }
}

function valueCollector(format: Format<unknown>, context: ReaderContext, onBadRecord: OnBadRecord): RowCollector {
  if (format.schema && format.createColumnDecoder) {
    const decoder = format.createColumnDecoder(context.projection)
    return new ColumnRowCollector({ schema: format.schema, decoder, onBadRecord })
  }
  return new ObjectRowCollector({ decode: valueDecoder(format), skipNulls: true, onBadRecord })
}

function recordCollector(
  { key, value }: KafkaRecordSourceOptions<unknown, unknown>['record'],
  onBadRecord: OnBadRecord,
): RowCollector {
  return new ObjectRowCollector({ decode: recordDecoder(key, value), skipNulls: false, onBadRecord })
}
