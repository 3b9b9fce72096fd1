import { encodeMetadataRecord, ErrorCode, type MetadataRecordInput, RecordBatchBuilder } from '@millrace/kafka'
import { type FileSystem, joinPath, MillraceError, parentOf, type System, writeFileAtomic } from '@millrace/std'
import { ConfigValueError, parseConfigValue } from '../config/key.ts'
import { isServerKey, serverKey } from '../config/server-config.ts'
import { isTopicKey, topicKey } from '../config/topic-config.ts'
import type { ClusterFacts, TopicFacts } from '../inspect/cluster-facts.ts'
import { defaultCleanerConfig } from '../log/cleaner/cleaner-config.ts'
import { defaultLogConfig } from '../log/log-config.ts'
import { LogFile, LogSuffix, offsetOfFile, partitionFolder } from '../log/log-files.ts'
import { LogManager } from '../log/log-manager.ts'
import {
  cleanShutdownContent,
  formatLeaderEpochs,
  formatMetaProperties,
  formatOffsetCheckpoint,
  parseLeaderEpochs,
  readTextFile,
} from '../log/text-files.ts'
import { resourceTypes } from '../metadata/resource-configs.ts'
import { metadataTopicName } from '../metadata/topic-name.ts'
import { type KafkaSource, readKafkaSource, type SourcePartition } from './kafka-source.ts'

export interface ImportOptions {
  /** The broker's log directories: all of `log.dirs`, and the one with the metadata log. They are only read. */
  readonly from: readonly string[]
  /** The data folder to make. It must not exist, or be empty. */
  readonly data: string
  /**
   * Makes a hard link: closed segments are shared with the source then instead of copied. Without it everything is copied.
   * Both folders may be used on from there: closed segments are never written to.
   */
  readonly link?: ((from: string, to: string) => void) | undefined
  /** Called after each partition. */
  readonly progress?: ((done: number, of: number) => void) | undefined
}

export interface ImportSummary {
  readonly clusterId: string
  /** The broker must be started with this `node.id`. */
  readonly nodeId: number
  readonly topics: number
  readonly partitions: number
  readonly copiedBytes: number
  readonly linkedBytes: number
  /** Folders, settings and the like that were left behind, and why. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[]
}

const metadataTopicId = new Uint8Array(16).fill(1, 15)
const copyBytes = 1_048_576
/** Records in one batch of the metadata log. */
const recordsPerBatch = 1_000
/** Files of a partition that mean the same to us as to Kafka. */
const segmentFiles: readonly string[] = [
  LogSuffix.log,
  LogSuffix.offsetIndex,
  LogSuffix.timeIndex,
  LogSuffix.transactionIndex,
  LogSuffix.snapshot,
]

/**
 * Takes over an Apache Kafka 4 broker: topics with their ids, partitions and configurations, records, group offsets and
 * transactions (which are topics), the state of producers, dynamic broker configuration. The new folder appears when it is
 * complete. The source is left as it is.
 *
 * @throws MillraceError IMPORT_NOT_KAFKA, IMPORT_UNCLEAN, IMPORT_NO_METADATA, IMPORT_INCOMPLETE, IMPORT_UNSUPPORTED,
 *   IMPORT_TARGET_IN_USE
 * @example
 * const { partitions } = await importKafka({ from: ['/var/lib/kafka'], data: '.millrace/data' }, hostSystem)
 */
export async function importKafka(options: ImportOptions, system: System): Promise<ImportSummary> {
  const { data, from, link, progress } = options
  const fs = system.fileSystem
  if (fs.stat(data) && (fs.stat(data)?.kind !== 'directory' || fs.list(data).length > 0)) {
    throw new MillraceError('IMPORT_TARGET_IN_USE', {
      message: `${data} exists and is not empty.`,
      fix: 'Give a new folder with --data. Into a broker that runs, topics are brought by mirroring.',
    })
  }
  const source = readKafkaSource(fs, from)
  const building = `${data}.import`
  // What an import left that was interrupted.
  fs.remove(building)
  fs.makeDirectory(building)
  const transfer = new Transfer(fs, link)
  for (const [i, partition] of source.partitions.entries()) {
    transfer.partition(partition, joinPath(building, partitionFolder(partition.topic.name, partition.index)))
    progress?.(i + 1, source.partitions.length)
  }
  writeRoot(fs, building, source)
  const skipped = [...source.skipped]
  await writeMetadata(building, source, system, skipped)
  fs.remove(data)
  fs.rename(building, data)
  fs.syncDirectoryNow(parentOf(data))
  return {
    clusterId: source.meta.clusterId,
    nodeId: source.meta.nodeId,
    topics: new Set(source.partitions.map(({ topic }) => topic.name)).size,
    partitions: source.partitions.length,
    copiedBytes: transfer.copiedBytes,
    linkedBytes: transfer.linkedBytes,
    skipped,
  }
}

/** Brings the files of partitions over. */
class Transfer {
  readonly #fs: FileSystem
  readonly #link: ImportOptions['link']
  readonly #buffer = Buffer.allocUnsafeSlow(copyBytes)
  copiedBytes = 0
  linkedBytes = 0

  constructor(fs: FileSystem, link: ImportOptions['link']) {
    this.#fs = fs
    this.#link = link
  }

  partition(source: SourcePartition, target: string): void {
    const fs = this.#fs
    fs.makeDirectory(target)
    const names = fs.list(source.folder)
    const active = names.findLast((name) => offsetOfFile(name, LogSuffix.log) !== undefined)
    for (const name of names) {
      const suffix = segmentFiles.find((known) => offsetOfFile(name, known) !== undefined)
      if (suffix === undefined && name !== LogFile.partitionMetadata) continue
      const from = joinPath(source.folder, name)
      const to = joinPath(target, name)
      if (this.#link && suffix === LogSuffix.log && name !== active) {
        this.#link(from, to)
        this.linkedBytes += fs.stat(to)?.size ?? 0
      } else {
        this.#copy(from, to)
      }
    }
    this.#writeEpochs(source, target)
    fs.syncDirectoryNow(target)
  }

  /** Another broker leads from now on: with a new epoch, so that clients which knew the last one believe it. */
  #writeEpochs({ folder, place, recoveryPoint }: SourcePartition, target: string): void {
    const text = readTextFile(this.#fs, joinPath(folder, LogFile.leaderEpochs))
    const entries = [...((text === undefined ? undefined : parseLeaderEpochs(text)) ?? [])]
    const epoch = Math.max(place.leaderEpoch, entries.at(-1)?.epoch ?? -1) + 1
    if (recoveryPoint !== undefined) {
      while ((entries.at(-1)?.startOffset ?? -1) >= recoveryPoint) entries.pop()
      entries.push({ epoch, startOffset: recoveryPoint })
    }
    writeFileAtomic(this.#fs, joinPath(target, LogFile.leaderEpochs), formatLeaderEpochs(entries))
  }

  #copy(from: string, to: string): void {
    const source = this.#fs.open(from, 'read')
    const target = this.#fs.open(to, 'exclusive')
    try {
      const size = source.size()
      for (let at = 0; at < size; ) {
        const count = source.read(this.#buffer.subarray(0, Math.min(copyBytes, size - at)), at)
        if (count === 0) break
        target.write(this.#buffer.subarray(0, count), at)
        at += count
      }
      target.syncNow()
      this.copiedBytes += size
    } finally {
      source.close()
      target.close()
    }
  }
}

/** Identity, checkpoints, and that all of it was left in order. */
function writeRoot(fs: FileSystem, folder: string, { meta, partitions }: KafkaSource): void {
  const offsets = (of: (partition: SourcePartition) => number | undefined) =>
    formatOffsetCheckpoint(
      new Map(
        partitions.flatMap((partition) => {
          const offset = of(partition)
          return offset === undefined ? [] : [[partitionFolder(partition.topic.name, partition.index), offset] as const]
        }),
      ),
    )
  const files: readonly (readonly [name: string, content: Uint8Array])[] = [
    [LogFile.metaProperties, formatMetaProperties(meta)],
    [LogFile.recoveryPoints, offsets(({ recoveryPoint }) => recoveryPoint)],
    [LogFile.logStartOffsets, offsets(({ logStartOffset }) => logStartOffset)],
    [LogFile.cleanerOffsets, offsets(({ cleanerOffset }) => cleanerOffset)],
    [LogFile.cleanShutdown, cleanShutdownContent],
  ]
  for (const [name, content] of files) writeFileAtomic(fs, joinPath(folder, name), content)
}

/** Opens every log as the broker will, and writes the metadata log. */
async function writeMetadata(
  folder: string,
  { facts, meta, partitions }: KafkaSource,
  { clock, fileSystem, random, timers }: System,
  skipped: { name: string; reason: string }[],
): Promise<void> {
  const logs = LogManager.open({
    folder,
    fileSystem,
    clock,
    timers,
    random,
    nodeId: meta.nodeId,
    clusterId: meta.clusterId,
    configOf: () => ({ ...defaultLogConfig, retentionMs: -1 }),
    cleaner: () => ({ ...defaultCleanerConfig, enabled: false }),
  })
  try {
    const log = await logs.createPartition(metadataTopicName, 0, metadataTopicId)
    const topics = new Set(partitions.map(({ topic }) => topic))
    const builder = new RecordBatchBuilder()
    const flush = () => {
      if (builder.recordCount === 0) return
      const { errorCode, message } = log.append(builder.finish(), { leaderEpoch: 0, origin: 'coordinator' })
      if (errorCode !== ErrorCode.NONE) throw new Error(message)
      builder.reset()
    }
    for (const record of recordsOf(facts, topics, meta.nodeId, skipped)) {
      builder.append(null, encodeMetadataRecord(record), clock.now())
      if (builder.recordCount >= recordsPerBatch) flush()
    }
    flush()
  } finally {
    await logs.close()
  }
}

/** What the metadata log of the new folder says. Features are finalized by the broker when it starts. */
function* recordsOf(
  facts: ClusterFacts,
  topics: ReadonlySet<TopicFacts>,
  nodeId: number,
  skipped: { name: string; reason: string }[],
): Generator<MetadataRecordInput> {
  const isKnown = (resource: string, name: string, text: string, type: 'topic' | 'broker') => {
    const reason = type === 'topic' ? topicKeyProblem(name, text) : brokerKeyProblem(name, text)
    if (reason !== undefined) skipped.push({ name: `${name} of ${resource}`, reason })
    return reason === undefined
  }
  for (const { configs, id, name, partitions } of topics) {
    yield { kind: 'TopicRecord', value: { name, topicId: id } }
    for (const [key, value] of configs) {
      if (!isKnown(name, key, value, 'topic')) continue
      yield { kind: 'ConfigRecord', value: { resourceType: resourceTypes.topic, resourceName: name, name: key, value } }
    }
    for (const [partitionId, { leaderEpoch }] of [...partitions].sort(([a], [b]) => a - b)) {
      yield {
        kind: 'PartitionRecord',
        value: {
          partitionId,
          topicId: id,
          replicas: [nodeId],
          isr: [nodeId],
          removingReplicas: [],
          addingReplicas: [],
          leader: nodeId,
          leaderEpoch: leaderEpoch + 1,
          partitionEpoch: 0,
        },
      }
    }
  }
  for (const [resourceName, configs] of facts.brokerConfigs) {
    for (const [name, value] of configs) {
      if (!isKnown(resourceName === '' ? 'all brokers' : `broker ${resourceName}`, name, value, 'broker')) continue
      yield { kind: 'ConfigRecord', value: { resourceType: resourceTypes.broker, resourceName, name, value } }
    }
  }
  for (const { key, name, type, value } of facts.otherConfigs) {
    yield { kind: 'ConfigRecord', value: { resourceType: type, resourceName: name, name: key, value } }
  }
  if (facts.nextProducerId > 0) {
    yield { kind: 'ProducerIdsRecord', value: { brokerId: nodeId, nextProducerId: facts.nextProducerId } }
  }
}

function topicKeyProblem(name: string, text: string): string | undefined {
  return isTopicKey(name)
    ? valueProblem(() => parseConfigValue(name, topicKey(name), text))
    : 'there is no such setting'
}

function brokerKeyProblem(name: string, text: string): string | undefined {
  if (!isServerKey(name)) return 'there is no such setting'
  if (!serverKey(name).dynamic) return 'it can be set at the start only'
  return valueProblem(() => parseConfigValue(name, serverKey(name), text))
}

function valueProblem(parse: () => void): string | undefined {
  try {
    parse()
    return undefined
  } catch (cause) {
    if (!(cause instanceof ConfigValueError)) throw cause
    return cause.message
  }
}
