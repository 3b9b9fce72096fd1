import type { RecordHeader } from '@millrace/kafka'

/** A record with everything that Kafka keeps with it: what `kafkaSource({ record: … })` reads. */
export interface KafkaRecord<K, V> {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  readonly key: K | null
  /** Null: a tombstone. */
  readonly value: V | null
  readonly headers: readonly RecordHeader[]
}

/** What to do with a record whose bytes do not fit the format. */
export type BadRecordPolicy = 'fail' | 'skip' | { readonly deadLetterTopic: string }
