import type { ServerConfig } from '../config/server-config.ts'
import { resolveTopicConfig, type TopicConfig } from '../config/topic-config.ts'
import { JournalError } from '../journal/journal.ts'
import type { LogConfig } from '../log/log-config.ts'
import type { LogManager } from '../log/log-manager.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { Brokers } from './brokers.ts'
import type { ClusterImage, TopicImage } from './cluster-image.ts'
import type { MetadataChanges } from './metadata-changes.ts'
import { type LogOpener, Partition } from './partition.ts'
import { Topic, type TopicCatalog } from './topic-catalog.ts'
import { offsetsTopicName, transactionsTopicName } from './topic-name.ts'

/** Keeps the open logs and the catalog in line with the metadata. */
export class TopicLogs implements LogOpener {
  readonly #logs: LogManager
  readonly #catalog: TopicCatalog
  readonly #server: ServerConfig
  readonly #brokers: Brokers
  readonly #byLog = new Map<PartitionLog, Partition>()

  constructor(
    logs: LogManager,
    { catalog, server, brokers }: { catalog: TopicCatalog; server: ServerConfig; brokers: Brokers },
  ) {
    this.#logs = logs
    this.#brokers = brokers
    this.#catalog = catalog
    this.#server = server
  }

  /**
   * Opens and makes what is new, closes and deletes what is gone, configures the rest; without `changes`, all of it. Durable
   * when it resolves.
   */
  async apply(image: ClusterImage, changes?: MetadataChanges): Promise<void> {
    const names = changes ? [...changes.topics] : [...image.topics.keys()]
    for (const name of names) {
      const known = this.#catalog.get(name)
      if (known && !image.topicById(known.id)) await this.#remove(known)
    }
    for (const name of names) {
      const topic = image.topics.get(name)
      const known = this.#catalog.get(name)
      if (topic && (!known || known.partitions.length < topic.partitions)) await this.#open(topic, known)
      if (known) this.#configure(known)
    }
    if (changes?.broker) for (const topic of this.#catalog.all()) this.#configure(topic)
  }

  #configure(topic: Topic): void {
    topic.configure(this.#server)
    const config = logConfigOf(topic.name, topic.config, this.#server)
    for (const { openLog } of topic.partitions) if (openLog) openLog.config = config
  }

  /** Deletes what a crash left of topics that were deleted before it. Returns folders that nobody knows. */
  async removeLeftovers(image: ClusterImage, reserved: string): Promise<string[]> {
    const strays: string[] = []
    for (const log of [...this.#logs.logs()]) {
      if (log.topic === reserved || this.#byLog.has(log)) continue
      const id = this.#logs.topicIdOf(log.topic, log.partition)
      if (id && image.wasRemoved(id)) await this.#logs.deletePartition(log.topic, log.partition)
      else strays.push(log.folder)
    }
    return strays
  }

  /** The listener of all logs calls this. */
  highWatermarkAdvanced(log: PartitionLog): void {
    this.#byLog.get(log)?.changed()
  }

  /** For {@link Partition}. The log of one that was deleted is not made: nothing would take it away again. */
  open(partition: Partition): PartitionLog {
    const { topic, index } = partition
    if (partition.isDeleted) throw new JournalError(`${topic.name}-${index} was deleted`)
    const log = this.#logs.newPartition(topic.name, index, topic.id)
    log.config = logConfigOf(topic.name, topic.config, this.#server)
    this.#byLog.set(log, partition)
    return log
  }

  /** Partitions that have a folder get their logs; those that have none get them when they are first used. */
  async #open(image: TopicImage, known: Topic | undefined): Promise<void> {
    const topic = known ?? new Topic(image, this.#server)
    const config = logConfigOf(image.name, topic.config, this.#server)
    for (let index = topic.partitions.length; index < image.partitions; index++) {
      let log = this.#logs.get(image.name, index)
      // One without an id was not made to its end.
      if (log && !this.#logs.topicIdOf(image.name, index)) {
        log = await this.#logs.createPartition(image.name, index, image.id)
      }
      const placement = this.#brokers.placement(image.replicas[index])
      const partition = new Partition(topic, index, { ...placement, log, opener: this })
      topic.partitions.push(partition)
      if (!log) continue
      log.config = config
      this.#byLog.set(log, partition)
    }
    if (!known) this.#catalog.add(topic)
  }

  async #remove(topic: Topic): Promise<void> {
    this.#catalog.remove(topic)
    for (const partition of topic.partitions) {
      partition.isDeleted = true
      if (partition.openLog) this.#byLog.delete(partition.openLog)
      partition.changed()
    }
    for (const { index, openLog } of topic.partitions) {
      if (openLog) await this.#logs.deletePartition(topic.name, index)
    }
  }
}

/** What governs the logs of a topic. */
export function logConfigOf(name: string, topic: TopicConfig, server: ServerConfig): LogConfig {
  const config: LogConfig = {
    segmentBytes: topic['segment.bytes'],
    segmentMs: topic['segment.ms'],
    segmentIndexBytes: topic['segment.index.bytes'],
    indexIntervalBytes: topic['index.interval.bytes'],
    retentionMs: topic['retention.ms'],
    retentionBytes: topic['retention.bytes'],
    maxMessageBytes: topic['max.message.bytes'],
    ...compressionOf(topic),
    messageTimestampType: topic['message.timestamp.type'],
    messageTimestampBeforeMaxMs: topic['message.timestamp.before.max.ms'],
    messageTimestampAfterMaxMs: topic['message.timestamp.after.max.ms'],
    fileDeleteDelayMs: topic['file.delete.delay.ms'],
    cleanupPolicy: topic['cleanup.policy'],
    compactsItself: false,
    minCleanableDirtyRatio: topic['min.cleanable.dirty.ratio'],
    minCompactionLagMs: topic['min.compaction.lag.ms'],
    maxCompactionLagMs: topic['max.compaction.lag.ms'],
    deleteRetentionMs: topic['delete.retention.ms'],
    flushMessages: topic['flush.messages'],
    flushMs: topic['flush.ms'],
    flush: topic.flush,
    producerIdExpirationMs: server['producer.id.expiration.ms'],
  }
  if (name === offsetsTopicName) {
    return { ...config, ...journalLogConfig, segmentBytes: server['offsets.topic.segment.bytes'] }
  }
  if (name === transactionsTopicName) {
    return { ...config, ...journalLogConfig, segmentBytes: server['transaction.state.log.segment.bytes'] }
  }
  return config
}

function compressionOf(topic: TopicConfig): Pick<LogConfig, 'compressionType' | 'compressionLevel'> {
  const type = topic['compression.type']
  switch (type) {
    case 'uncompressed':
      return { compressionType: 'none', compressionLevel: undefined }
    case 'zstd':
      return { compressionType: type, compressionLevel: topic['compression.zstd.level'] }
    case 'gzip': {
      const level = topic['compression.gzip.level']
      return { compressionType: type, compressionLevel: level < 0 ? undefined : level }
    }
    default:
      return { compressionType: type, compressionLevel: undefined }
  }
}

/** Journals keep everything until a snapshot has replaced it. */
const journalLogConfig = { cleanupPolicy: ['compact'], compactsItself: true, fileDeleteDelayMs: 1_000 } as const

/** The configuration of the metadata log. Its writes are always synced: topics are not lost, whatever `flush` says. */
export function metadataLogConfig(server: ServerConfig): LogConfig {
  const config = logConfigOf('', resolveTopicConfig(new Map(), server), server)
  return { ...config, ...journalLogConfig, flush: 'sync' }
}
