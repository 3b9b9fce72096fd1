import { BatchCheck, describeBatchCheck } from '@millrace/kafka'
import { bytesEqual, bytesToString, type FileSystem, joinPath, MillraceError } from '@millrace/std'
import { BatchScanner, END_OF_SCAN } from '../log/batch-scanner.ts'
import { LogFile, parsePartitionFolder, partitionFolder } from '../log/log-files.ts'
import {
  cleanShutdownContent,
  type OffsetCheckpoint,
  parseMetaProperties,
  parseOffsetCheckpoint,
} from '../log/text-files.ts'
import { metadataTopicName } from '../metadata/topic-name.ts'
import { ClusterFacts } from './cluster-facts.ts'
import { metadataRecords } from './metadata-log.ts'
import { type Problem, Problems } from './problem.ts'
import { PartitionVerifier } from './verify-partition.ts'

/** The id that Apache Kafka gives the metadata log. */
const metadataTopicId = new Uint8Array(16).fill(1, 15)

export interface VerifySummary {
  readonly partitions: number
  readonly bytes: number
  readonly batches: number
  readonly records: number
  readonly problems: number
}

/**
 * Walks over every file of a data folder, one of Apache Kafka's as well, and yields what is not as it must be: batches
 * against their checksums, offsets and leader epochs (which these do not cover) against what surrounds them, indexes
 * against the log, checkpoints against the logs, ids against the metadata log. Only reads: a broker may run.
 *
 * What it does not find is without effect: `.lock`, what recovery put aside (`.cut`), files on their way out.
 *
 * @throws MillraceError DATA_FOLDER_UNKNOWN
 * @example
 * for (const { file, problem } of verifyDataFolder(hostSystem.fileSystem, '.millrace/data')) console.log(file, problem)
 */
export function* verifyDataFolder(fs: FileSystem, folder: string): Generator<Problem, VerifySummary> {
  if (fs.stat(folder)?.kind !== 'directory' || !fs.stat(joinPath(folder, LogFile.metaProperties))) {
    throw new MillraceError('DATA_FOLDER_UNKNOWN', {
      message: `${folder} is no data folder: it has no ${LogFile.metaProperties}.`,
      fix: 'Give the folder that the broker was started with (--data), or one of log.dirs of Apache Kafka.',
    })
  }
  const root = new Problems()
  const isClean = checkMarker(fs, folder, root)
  checkMetaProperties(fs, folder, root)
  const partitions = fs
    .list(folder)
    .filter((name) => parsePartitionFolder(name) && fs.stat(joinPath(folder, name))?.kind === 'directory')
  // Of a topic that was deleted the next checkpoint tells nothing any more.
  const known = isClean ? partitions : undefined
  const read = (name: string) => readCheckpoint(fs, joinPath(folder, name), known, root)
  const recoveryPoints = read(LogFile.recoveryPoints)
  const logStartOffsets = read(LogFile.logStartOffsets)
  const cleanerOffsets = read(LogFile.cleanerOffsets)
  const facts = clusterFacts(fs, folder, partitions, root)
  yield* root.found
  let problems = root.found.length
  const sum = { bytes: 0, batches: 0, records: 0 }
  for (const name of partitions) {
    const found = new Problems()
    const { topic } = parsePartitionFolder(name) as { topic: string }
    const verifier = new PartitionVerifier(
      fs,
      {
        folder: joinPath(folder, name),
        name,
        isClean,
        logStartOffset: logStartOffsets?.get(name),
        recoveryPoint: recoveryPoints?.get(name),
        // Without the checkpoint nobody knows where compaction has been.
        cleanerOffset: cleanerOffsets ? cleanerOffsets.get(name) : Number.POSITIVE_INFINITY,
        topicId: topic === metadataTopicName ? metadataTopicId : facts?.topics.get(topic)?.id,
      },
      found,
    )
    const size = verifier.verify()
    sum.bytes += size.bytes
    sum.batches += size.batches
    sum.records += size.records
    problems += found.found.length
    yield* found.found
  }
  return { partitions: partitions.length, ...sum, problems }
}

/** Answers whether the last broker stopped in order. */
function checkMarker(fs: FileSystem, folder: string, problems: Problems): boolean {
  const path = joinPath(folder, LogFile.cleanShutdown)
  if (!fs.stat(path)) return false
  const bytes = fs.readFile(path)
  if (bytesEqual(bytes, cleanShutdownContent)) return true
  // Apache Kafka writes its own epoch.
  const isSound = /^\{"version":0,"brokerEpoch":-?\d+\}$/.test(bytesToString(bytes))
  if (!isSound) problems.add(path, 'It is no marker of a clean shutdown')
  return isSound
}

function checkMetaProperties(fs: FileSystem, folder: string, problems: Problems): void {
  const path = joinPath(folder, LogFile.metaProperties)
  if (!parseMetaProperties(bytesToString(fs.readFile(path)))) {
    problems.add(path, 'It is no meta.properties of version 1, or fails its checksum')
  }
}

function readCheckpoint(
  fs: FileSystem,
  path: string,
  partitions: readonly string[] | undefined,
  problems: Problems,
): OffsetCheckpoint | undefined {
  if (!fs.stat(path)) return new Map()
  const offsets = parseOffsetCheckpoint(bytesToString(fs.readFile(path)))
  if (!offsets) {
    problems.add(path, 'It is no offset checkpoint')
    return undefined
  }
  for (const name of offsets.keys()) {
    if (partitions && !partitions.includes(name)) problems.add(path, `It names ${name}, which has no folder`)
  }
  return offsets
}

/** What the metadata log says, where the folder has one. */
function clusterFacts(
  fs: FileSystem,
  folder: string,
  partitions: readonly string[],
  problems: Problems,
): ClusterFacts | undefined {
  const name = partitionFolder(metadataTopicName, 0)
  if (!partitions.includes(name)) return undefined
  const path = joinPath(folder, name)
  for (const file of fs.list(path)) if (file.endsWith('.checkpoint')) checkBatches(fs, joinPath(path, file), problems)
  const facts = new ClusterFacts()
  for (const record of metadataRecords(fs, path)) facts.replay(record)
  return facts
}

function checkBatches(fs: FileSystem, path: string, problems: Problems): void {
  const file = fs.open(path, 'read')
  try {
    const scan = new BatchScanner(file, { start: 0, end: file.size(), depth: 'batches', quarantine: [] })
    let check = scan.next()
    while (check === BatchCheck.ok) check = scan.next()
    if (check !== END_OF_SCAN) problems.add(path, describeBatchCheck(check), scan.position)
  } finally {
    file.close()
  }
}
