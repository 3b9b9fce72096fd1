import { MillraceError, type Random } from '@millrace/std'
import type { TopicMetadata } from '../cluster/metadata.ts'
import type { Accumulator } from './accumulator.ts'
import { type ColumnRun, runsByKey, wholeRun } from './column-runs.ts'
import { type Partitioner, partitionForKey, StickyPartitioner } from './partitioner.ts'
import type { ColumnBatch } from './producer-record.ts'

/** What a topic needs beside its queues. */
interface TopicState {
  metadata: TopicMetadata
  /** Partitions that have a leader; all of them when none has. */
  candidates: readonly number[]
  readonly sticky: StickyPartitioner
}

/** Chooses partitions for records that name none: by key, by the user's partitioner, or one for a while. */
export class PartitionChoice {
  readonly #accumulator: Accumulator
  readonly #random: Random
  readonly #batchSize: number
  readonly #partitioner: Partitioner | undefined
  readonly #topics = new Map<string, TopicState>()

  constructor(options: {
    accumulator: Accumulator
    random: Random
    batchSize: number
    partitioner: Partitioner | undefined
  }) {
    this.#accumulator = options.accumulator
    this.#random = options.random
    this.#batchSize = options.batchSize
    this.#partitioner = options.partitioner
  }

  /** @throws {MillraceError} KAFKA_UNKNOWN_PARTITION when the user's partitioner names one that is not there */
  forRecord(metadata: TopicMetadata, key: Uint8Array | null, value: Uint8Array | null, bytes: number): number {
    const { name: topic, partitions } = metadata
    const partitionCount = partitions.length
    if (this.#partitioner) {
      const partition = this.#partitioner({ topic, key, value, partitionCount })
      if (Number.isInteger(partition) && partition >= 0 && partition < partitionCount) return partition
      throw new MillraceError('KAFKA_UNKNOWN_PARTITION', {
        message: `The partitioner chose partition ${partition} of ${topic}, which has ${partitionCount}.`,
        fix: `Return a whole number from 0 to ${partitionCount - 1}.`,
      })
    }
    if (key !== null) return partitionForKey(key, partitionCount)
    return this.#sticky(metadata, bytes)
  }

  forColumns(batch: ColumnBatch, metadata: TopicMetadata): ColumnRun[] {
    if (batch.partition !== undefined) return [wholeRun(batch, batch.partition)]
    const bytes = batch.values.offsets[batch.timestamps.length] as number
    const keyless = () => this.#sticky(metadata, bytes)
    if (batch.keys) return runsByKey(batch, batch.keys, metadata.partitions.length, keyless)
    return [wholeRun(batch, keyless())]
  }

  #sticky(metadata: TopicMetadata, bytes: number): number {
    const { sticky, candidates } = this.#topicState(metadata)
    const topic = metadata.name
    const partition = sticky.next(
      candidates,
      (p) => this.#accumulator.waitingBatches(topic, p),
      (p) => this.#accumulator.fitsOpenBatch(topic, p, bytes),
    )
    sticky.produced(bytes)
    return partition
  }

  #topicState(metadata: TopicMetadata): TopicState {
    const known = this.#topics.get(metadata.name)
    if (known?.metadata === metadata) return known
    const led = metadata.partitions.filter((p) => p.leader >= 0)
    const candidates = (led.length > 0 ? led : metadata.partitions).map((p) => p.partition)
    const sticky = known?.sticky ?? new StickyPartitioner(this.#random, this.#batchSize)
    const state = { metadata, candidates, sticky }
    this.#topics.set(metadata.name, state)
    return state
  }
}
