import { ErrorCode } from '@millrace/kafka'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import { JournalError, type TransactionMarker } from '../journal/journal.ts'
import type { Logger } from '../logger.ts'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import { offsetsTopicName } from '../metadata/topic-name.ts'
import type { MarkerOutcome, MarkerWriter } from '../transactions/marker-sender.ts'
import type { TopicPartition } from '../transactions/topic-partitions.ts'

/**
 * Writes the markers that end transactions into the logs of partitions. Those of `__consumer_offsets` go through the group
 * coordinator, whose offsets they decide.
 */
export class PartitionMarkers implements MarkerWriter {
  readonly #topics: TopicCatalog
  readonly #metadata: MetadataManager
  readonly #groups: GroupCoordinator
  readonly #logger: Logger

  constructor(options: {
    topics: TopicCatalog
    metadata: MetadataManager
    groups: GroupCoordinator
    logger: Logger
  }) {
    this.#topics = options.topics
    this.#metadata = options.metadata
    this.#groups = options.groups
    this.#logger = options.logger
  }

  /** Writes one marker; resolves with Kafka's error code when it is durable, or known not to be. */
  append({ topic, partition: index }: TopicPartition, marker: TransactionMarker): Promise<number> {
    if (topic === offsetsTopicName && this.#topics.partition(topic, index)) return this.#appendToGroups(index, marker)
    return new Promise((resolve) => {
      const partition = this.#topics.partition(topic, index)
      if (!partition || partition.isDeleted) return resolve(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
      const { errorCode, lastOffset } = partition.log.appendEndTxnMarker(marker)
      if (errorCode === ErrorCode.NONE) partition.log.whenFlushed(lastOffset + 1, { flushed: resolve })
      else resolve(errorCode)
    })
  }

  write(target: TopicPartition, marker: TransactionMarker, done: (outcome: MarkerOutcome) => void): void {
    this.#appendUnfenced(target, marker).then(
      (errorCode) => done(this.#outcome(errorCode, target, marker)),
      (cause: unknown) => {
        this.#logger.error(`A transaction's marker could not be written to ${target.topic}-${target.partition}`, {
          cause,
        })
        done('unavailable')
      },
    )
  }

  /** There is one coordinator: a later one that fences it is an administrator's invention, and it takes over its epoch. */
  async #appendUnfenced(target: TopicPartition, marker: TransactionMarker): Promise<number> {
    const errorCode = await this.append(target, marker)
    if (errorCode !== ErrorCode.TRANSACTION_COORDINATOR_FENCED) return errorCode
    const log = this.#topics.partition(target.topic, target.partition)?.log
    const known = [...(log?.producers() ?? [])].find(({ producerId }) => producerId === marker.producerId)
    return known ? this.append(target, { ...marker, coordinatorEpoch: known.coordinatorEpoch }) : errorCode
  }

  #outcome(errorCode: number, { topic, partition }: TopicPartition, marker: TransactionMarker): MarkerOutcome {
    switch (errorCode) {
      case ErrorCode.NONE:
        return 'ended'
      case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
        // It may only be late: a folder that finds no room, say. What the metadata does not know is deleted.
        return partition < (this.#metadata.image.topics.get(topic)?.partitions ?? 0) ? 'unavailable' : 'ended'
      case ErrorCode.INVALID_PRODUCER_EPOCH:
        // A newer marker, such as an administrator's, has ended the transaction there.
        this.#logger.warn(`${topic}-${partition} has a newer marker than that of producer ${marker.producerId}`, {
          producerEpoch: marker.producerEpoch,
        })
        return 'ended'
      default:
        return 'unavailable'
    }
  }

  async #appendToGroups(index: number, marker: TransactionMarker): Promise<number> {
    try {
      await this.#groups.completeTransaction(index, marker)
      return ErrorCode.NONE
    } catch (cause) {
      return cause instanceof JournalError ? cause.errorCode : ErrorCode.COORDINATOR_NOT_AVAILABLE
    }
  }
}
