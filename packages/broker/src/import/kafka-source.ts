import { BATCH_MAGIC, BATCH_HEADER_BYTES, magic } from '@millrace/kafka'
import { bytesEqual, type FileSystem, joinPath, MillraceError, uuidToString } from '@millrace/std'
import { ClusterFacts, type PartitionPlace, type TopicFacts } from '../inspect/cluster-facts.ts'
import { metadataRecords } from '../inspect/metadata-log.ts'
import {
  deletedFolderSuffix,
  LogFile,
  LogSuffix,
  offsetOfFile,
  parsePartitionFolder,
  partitionFolder,
} from '../log/log-files.ts'
import {
  type MetaProperties,
  parseMetaProperties,
  parseOffsetCheckpoint,
  parsePartitionMetadata,
  readTextFile,
} from '../log/text-files.ts'
import { metadataTopicName } from '../metadata/topic-name.ts'

/** A partition of an Apache Kafka broker. */
export interface SourcePartition {
  readonly topic: TopicFacts
  readonly index: number
  readonly place: PartitionPlace
  readonly folder: string
  /** From the checkpoints of its log directory. */
  readonly recoveryPoint: number | undefined
  readonly logStartOffset: number | undefined
  readonly cleanerOffset: number | undefined
}

/** What an Apache Kafka broker left when it was stopped. */
export interface KafkaSource {
  readonly meta: MetaProperties
  readonly facts: ClusterFacts
  readonly partitions: readonly SourcePartition[]
  /** What is left behind, and why. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[]
}

/** Topics that no broker here would understand. */
const unknownInternalTopics: ReadonlySet<string> = new Set(['__share_group_state', '__remote_log_metadata'])

/**
 * Reads the log directories of an Apache Kafka 4 broker (KRaft), all of `log.dirs` and the one of the metadata log.
 *
 * @throws MillraceError IMPORT_NOT_KAFKA, IMPORT_UNCLEAN, IMPORT_NO_METADATA, IMPORT_INCOMPLETE, IMPORT_UNSUPPORTED
 */
export function readKafkaSource(fs: FileSystem, folders: readonly string[]): KafkaSource {
  const metas = folders.map((folder) => readMeta(fs, folder))
  const meta = metas[0] as MetaProperties
  const foreign = metas.findIndex(({ clusterId, nodeId }) => clusterId !== meta.clusterId || nodeId !== meta.nodeId)
  if (foreign >= 0) {
    throw new MillraceError('IMPORT_NOT_KAFKA', {
      message: `${folders[foreign]} belongs to another broker than ${folders[0]}.`,
      fix: 'Give the log directories of one broker.',
    })
  }
  const facts = readFacts(fs, folders)
  for (const folder of folders) requireClean(fs, folder)
  const checkpoints = folders.map((folder) => readCheckpoints(fs, folder))
  const found = new Map<string, { folder: string; at: number }>()
  const skipped: { name: string; reason: string }[] = []
  for (const [at, folder] of folders.entries()) {
    for (const name of fs.list(folder)) {
      if (fs.stat(joinPath(folder, name))?.kind !== 'directory') continue
      const reason = whyLeftBehind(fs, folder, name, facts)
      if (reason !== undefined) {
        if (reason !== '') skipped.push({ name: joinPath(folder, name), reason })
      } else if (found.has(name)) {
        throw incomplete(`${name} is in two log directories: ${found.get(name)?.folder} and ${joinPath(folder, name)}.`)
      } else found.set(name, { folder: joinPath(folder, name), at })
    }
  }
  const missing: string[] = []
  const partitions: SourcePartition[] = []
  for (const topic of facts.topics.values()) {
    if (unknownInternalTopics.has(topic.name)) continue
    if (topic.configs.get('remote.storage.enable') === 'true') {
      throw new MillraceError('IMPORT_UNSUPPORTED', {
        message: `Records of ${topic.name} are in tiered storage, which is not taken over.`,
        fix: 'Bring them back (remote.log.delete.on.disable=false, remote.storage.enable=false), or delete the topic.',
      })
    }
    for (const [index, place] of topic.partitions) {
      const name = partitionFolder(topic.name, index)
      const here = found.get(name)
      if (!here || !isComplete(place, meta.nodeId)) {
        missing.push(name)
        continue
      }
      requireFormat(fs, here.folder)
      const { cleanerOffsets, logStartOffsets, recoveryPoints } = checkpoints[here.at] as Checkpoints
      partitions.push({
        topic,
        index,
        place,
        folder: here.folder,
        recoveryPoint: recoveryPoints.get(name),
        logStartOffset: logStartOffsets.get(name),
        cleanerOffset: cleanerOffsets.get(name),
      })
    }
  }
  if (missing.length > 0) {
    const shown = missing.slice(0, 5).join(', ')
    const more = missing.length > 5 ? ` and ${missing.length - 5} more` : ''
    throw incomplete(
      `${shown}${more} ${missing.length === 1 ? 'has' : 'have'} no replica in these folders that is in sync.`,
    )
  }
  return { meta, facts, partitions, skipped }
}

/** Has the broker all of the partition? Its only replica always has. */
function isComplete({ eligible, isr, replicas }: PartitionPlace, nodeId: number): boolean {
  return replicas.includes(nodeId) && (replicas.length === 1 || isr.includes(nodeId) || eligible.includes(nodeId))
}

function readMeta(fs: FileSystem, folder: string): MetaProperties {
  const text =
    fs.stat(folder)?.kind === 'directory' ? readTextFile(fs, joinPath(folder, LogFile.metaProperties)) : undefined
  const meta = text === undefined ? undefined : parseMetaProperties(text)
  if (meta) return meta
  const problem =
    text === undefined
      ? `it has no ${LogFile.metaProperties}`
      : `its ${LogFile.metaProperties} is not of version 1 (KRaft)`
  throw new MillraceError('IMPORT_NOT_KAFKA', {
    message: `${folder} is no log directory of Apache Kafka 4: ${problem}.`,
    fix: 'Give the folders that log.dirs (and metadata.log.dir) of its server.properties name. A cluster with ZooKeeper must move to KRaft first.',
  })
}

function readFacts(fs: FileSystem, folders: readonly string[]): ClusterFacts {
  const name = partitionFolder(metadataTopicName, 0)
  const folder = folders.map((each) => joinPath(each, name)).find((path) => fs.stat(path))
  if (folder === undefined) {
    throw new MillraceError('IMPORT_NO_METADATA', {
      message: `None of the folders has the metadata log (${name}): topics and configurations are not known.`,
      fix: 'Give the folder of metadata.log.dir too. Where controllers run by themselves, copy it from one of them.',
    })
  }
  const facts = new ClusterFacts()
  for (const record of metadataRecords(fs, folder)) facts.replay(record)
  return facts
}

/** A folder with partitions in it must have been left in order: nothing is repaired in what belongs to Kafka. */
function requireClean(fs: FileSystem, folder: string): void {
  const holdsData = fs.list(folder).some((name) => {
    const parsed = parsePartitionFolder(name)
    return parsed && parsed.topic !== metadataTopicName
  })
  if (!holdsData || fs.stat(joinPath(folder, LogFile.cleanShutdown))) return
  throw new MillraceError('IMPORT_UNCLEAN', {
    message: `${folder} was not left in order: its broker runs, or was killed.`,
    fix: 'Stop the broker with SIGTERM and wait until it has ended; start it once more before that if it was killed.',
  })
}

interface Checkpoints {
  readonly recoveryPoints: ReadonlyMap<string, number>
  readonly logStartOffsets: ReadonlyMap<string, number>
  readonly cleanerOffsets: ReadonlyMap<string, number>
}

function readCheckpoints(fs: FileSystem, folder: string): Checkpoints {
  const read = (name: string) => {
    const text = readTextFile(fs, joinPath(folder, name))
    const offsets = text === undefined ? new Map<string, number>() : parseOffsetCheckpoint(text)
    if (offsets) return offsets
    throw incomplete(`${joinPath(folder, name)} is damaged.`)
  }
  return {
    recoveryPoints: read(LogFile.recoveryPoints),
    logStartOffsets: read(LogFile.logStartOffsets),
    cleanerOffsets: read(LogFile.cleanerOffsets),
  }
}

/** Why a folder is not taken over: undefined when it is, '' when that needs no mention. */
function whyLeftBehind(fs: FileSystem, folder: string, name: string, facts: ClusterFacts): string | undefined {
  const parsed = parsePartitionFolder(name)
  if (!parsed) return name.endsWith(deletedFolderSuffix) ? '' : 'it is no folder of a partition'
  if (parsed.topic === metadataTopicName) return ''
  if (unknownInternalTopics.has(parsed.topic)) return 'such topics are not served'
  const topic = facts.topics.get(parsed.topic)
  if (!topic?.partitions.has(parsed.partition)) return 'the metadata log knows no such topic'
  const text = readTextFile(fs, joinPath(folder, name, LogFile.partitionMetadata))
  const id = text === undefined ? undefined : parsePartitionMetadata(text)
  if (!id || !bytesEqual(id, topic.id)) {
    return `its topic id is not that of ${topic.name} (${uuidToString(topic.id)}): it is of a topic that was deleted`
  }
  return undefined
}

/** Segments from before Kafka 0.11 have another format. */
function requireFormat(fs: FileSystem, folder: string): void {
  const header = new Uint8Array(BATCH_HEADER_BYTES)
  for (const name of fs.list(folder)) {
    if (offsetOfFile(name, LogSuffix.log) === undefined) continue
    const file = fs.open(joinPath(folder, name), 'read')
    try {
      if (file.read(header, 0) < header.byteLength || magic(header, 0) === BATCH_MAGIC) continue
    } finally {
      file.close()
    }
    throw new MillraceError('IMPORT_UNSUPPORTED', {
      message: `${joinPath(folder, name)} has records in a format from before Kafka 0.11.`,
      fix: 'Write them anew (mirror the topic into another one), or wait until retention has deleted them.',
    })
  }
}

function incomplete(problem: string): MillraceError {
  return new MillraceError('IMPORT_INCOMPLETE', {
    message: `Not all that is needed is here: ${problem}`,
    fix: 'Give all log directories of the broker. Where a topic has several replicas, move all partitions to this broker first (kafka-reassign-partitions.sh).',
  })
}
