import { checkOptions, type Sink } from '@millrace/engine'
import type { KafkaProducerOptions } from '@millrace/kafka'
import type { Format } from '../formats/format.ts'
import { checkFormat, checkTopics } from './check-options.ts'
import { KafkaSinkWriter } from './sink-writer.ts'

export interface KafkaSinkOptions<T> {
  readonly topic: string
  readonly value: Format<T>
  /**
   * The record's key: decides the partition, as every Kafka producer does (murmur2). Without it records are spread over
   * the partitions.
   */
  readonly key?: (value: T) => string | Uint8Array
  /** `'host:port,…'`. Without it: the cluster of the run. */
  readonly bootstrapServers?: string | readonly string[]
  /** Settings of the producer, such as `compressionType`. It does not linger by default: the engine has batched already. */
  readonly producer?: Omit<KafkaProducerOptions, 'bootstrapServers' | 'system'>
}

const where = 'kafkaSink()'
const optionNames: (keyof KafkaSinkOptions<unknown>)[] = ['topic', 'value', 'key', 'bootstrapServers', 'producer']

/**
 * Writes each record to a topic, with the record's event time as its timestamp. At least once: progress of the job's
 * sources is committed only after everything before it was acknowledged.
 *
 * @throws {MillraceError} API_UNKNOWN_OPTION, CONNECTOR_BAD_OPTION
 * @example
 * stream.sinkTo(kafkaSink({ topic: 'word-counts', value: json(), key: (result) => result.key }))
 */
export function kafkaSink<T>(options: KafkaSinkOptions<T>): Sink<T> {
  checkOptions(options, optionNames, where)
  const [topic] = checkTopics([options.topic], where)
  checkFormat(options.value, 'value', where)
  const name = `Kafka sink (${topic})`
  return {
    name,
    layout: 'objects',
    createWriter: (context) => new KafkaSinkWriter(name, options as unknown as KafkaSinkOptions<unknown>, context),
  }
}
