import {
  bytesEqual,
  type FileSystem,
  FileSystemError,
  type FolderLock,
  joinPath,
  MillraceError,
  parentOf,
  type Random,
  randomUuid,
  utf8,
  uuidToString,
  writeFileAtomic,
} from '@millrace/std'
import { replaceFile } from './durable-file.ts'
import { LogFile } from './log-files.ts'
import { OffsetCheckpointFile } from './offset-checkpoint-file.ts'
import {
  cleanShutdownContent,
  formatMetaProperties,
  formatOffsetCheckpoint,
  type MetaProperties,
  type OffsetCheckpoint,
  parseMetaProperties,
  parseOffsetCheckpoint,
  readTextFile,
} from './text-files.ts'

/** A broker's data folder: who it belongs to, who holds it, the checkpoints and the clean shutdown marker. */
export class DataFolder {
  readonly path: string
  readonly meta: MetaProperties
  /** The last shutdown was an orderly one. */
  readonly wasClean: boolean
  readonly #fs: FileSystem
  readonly #lock: FolderLock
  readonly #recoveryPoints: OffsetCheckpointFile
  readonly #logStartOffsets: OffsetCheckpointFile
  /** Undefined when the file is damaged. */
  #cleanerOffsets: OffsetCheckpoint | undefined
  /** The last write of the cleaner's offsets: they must not overtake each other. Never rejects. */
  #writingCleanerOffsets: Promise<void> = Promise.resolve()

  /** Claims the folder. Throws {@link MillraceError} `BROKER_DATA_LOCKED`, `BROKER_DATA_UNUSABLE`, `BROKER_DATA_FOREIGN`. */
  constructor(options: {
    path: string
    fileSystem: FileSystem
    random: Random
    nodeId: number
    clusterId: string | undefined
  }) {
    this.path = options.path
    this.#fs = options.fileSystem
    this.#lock = claim(options.fileSystem, options.path)
    try {
      this.meta = this.#readMeta(options)
      this.#recoveryPoints = new OffsetCheckpointFile(this.#fs, this.file(LogFile.recoveryPoints))
      this.#logStartOffsets = new OffsetCheckpointFile(this.#fs, this.file(LogFile.logStartOffsets))
      this.#cleanerOffsets = this.#readCleanerOffsets()
      this.wasClean = this.#takeCleanMarker()
    } catch (cause) {
      this.#lock.release()
      throw cause
    }
  }

  file(name: string): string {
    return joinPath(this.path, name)
  }

  recoveryPoint(partition: string): number {
    return this.#recoveryPoints.get(partition) ?? 0
  }

  /** Whether the checkpoint of recovery points has the partition. */
  isNoted(partition: string): boolean {
    return this.#recoveryPoints.has(partition)
  }

  /** The file of log start offsets, when it cannot be understood. (Others cost a longer recovery, nothing else.) */
  get damagedFile(): string | undefined {
    return this.#logStartOffsets.wasDamaged ? this.file(LogFile.logStartOffsets) : undefined
  }

  logStartOffset(partition: string): number {
    return this.#logStartOffsets.get(partition) ?? 0
  }

  /** What lies below has been compacted: undefined when nothing has, or nothing is known of it. */
  cleanerOffset(partition: string): number | undefined {
    return this.#cleanerOffsets?.get(partition)
  }

  /** Whether the partition's log was ever compacted; true when the file that says so is damaged. */
  wasCompacted(partition: string): boolean {
    return this.#cleanerOffsets?.has(partition) ?? true
  }

  /** Durable when it resolves. */
  setCleanerOffset(partition: string, offset: number): Promise<void> {
    this.#cleanerOffsets ??= new Map()
    if (this.#cleanerOffsets.get(partition) === offset) return this.#writingCleanerOffsets
    this.#cleanerOffsets.set(partition, offset)
    return this.#writeCleanerOffsets()
  }

  /** The partition is gone, or is about to be made. */
  forget(partition: string): void {
    this.#recoveryPoints.forget(partition)
    this.#logStartOffsets.forget(partition)
  }

  /**
   * A partition is about to be made under this name: the checkpoints must not say anything of one that was there before, not
   * even after a crash. Blocks, where they do.
   */
  settle(partition: string): void {
    this.#recoveryPoints.settle(partition)
    this.#logStartOffsets.settle(partition)
  }

  /** As {@link forget} for what the cleaner knows. Durable when it resolves. */
  async forgetCleanerOffset(partition: string): Promise<void> {
    if (this.#cleanerOffsets?.delete(partition)) await this.#writeCleanerOffsets()
  }

  #writeCleanerOffsets(): Promise<void> {
    const write = this.#writingCleanerOffsets.then(() =>
      replaceFile(
        this.#fs,
        this.file(LogFile.cleanerOffsets),
        formatOffsetCheckpoint(this.#cleanerOffsets ?? new Map()),
      ),
    )
    this.#writingCleanerOffsets = write.catch(() => {})
    return write
  }

  /**
   * No recovery point may lie after the end of its log, whose files something else has changed: what is written there from
   * now on is not synced yet. Blocks; for the start.
   */
  lowerRecoveryPoints(endOf: (partition: string) => number | undefined): void {
    this.#recoveryPoints.lower(endOf)
  }

  /** Replaces the checkpoints that changed, durably. See {@link OffsetCheckpointFile.replace}. One at a time. */
  async writeCheckpoints(current: {
    readonly recoveryPoints: () => OffsetCheckpoint
    readonly logStartOffsets: () => OffsetCheckpoint
  }): Promise<void> {
    await this.#recoveryPoints.replace(current.recoveryPoints)
    await this.#logStartOffsets.replace(current.logStartOffsets)
  }

  /** Everything is on the device: the next start may trust the files. */
  markClean(): Promise<void> {
    return replaceFile(this.#fs, this.file(LogFile.cleanShutdown), cleanShutdownContent)
  }

  release(): void {
    this.#lock.release()
  }

  #readMeta({
    nodeId,
    clusterId,
    random,
  }: {
    nodeId: number
    clusterId: string | undefined
    random: Random
  }): MetaProperties {
    const path = this.file(LogFile.metaProperties)
    const text = readTextFile(this.#fs, path)
    if (text === undefined) {
      this.#checkEmpty()
      const meta = {
        nodeId,
        clusterId: clusterId ?? uuidToString(randomUuid(random)),
        directoryId: randomUuid(random),
      }
      writeFileAtomic(this.#fs, path, formatMetaProperties(meta))
      return meta
    }
    const meta = parseMetaProperties(text)
    if (!meta) {
      throw new MillraceError('BROKER_DATA_UNUSABLE', {
        message: `${path} is not a version 1 meta.properties file.`,
        fix: 'Restore the file, or choose another data folder.',
      })
    }
    if (meta.nodeId !== nodeId || (clusterId !== undefined && clusterId !== meta.clusterId)) {
      throw new MillraceError('BROKER_DATA_FOREIGN', {
        message: `The data folder ${this.path} belongs to node ${meta.nodeId} of cluster ${meta.clusterId}.`,
        fix: 'Start with that node.id and cluster id, or choose another data folder.',
      })
    }
    if (kafkasOwn.some((name) => this.#fs.stat(this.file(name)))) {
      throw new MillraceError('BROKER_DATA_FOREIGN', {
        message: `The folder ${this.path} belongs to Apache Kafka.`,
        fix: `Take it over with millrace broker import --from ${this.path} --data NEW_FOLDER, which changes nothing in it, or choose another folder with --data.`,
      })
    }
    return meta
  }

  /** A folder that is full of other things was given by mistake, and one whose meta.properties is lost is no new one. */
  #checkEmpty(): void {
    const others = this.#fs
      .list(this.path)
      .filter((name) => !name.startsWith('.') && name !== 'lost+found' && name !== `${LogFile.metaProperties}.tmp`)
    if (others.length === 0) return
    const some = others.slice(0, 3).join(', ') + (others.length > 3 ? ' …' : '')
    throw new MillraceError('BROKER_DATA_UNUSABLE', {
      message: `The folder ${this.path} is no data folder: it has no meta.properties, but ${some}.`,
      fix: 'Choose a new or empty folder with --data. Where the file is lost, restore it.',
    })
  }

  #readCleanerOffsets(): OffsetCheckpoint | undefined {
    const text = readTextFile(this.#fs, this.file(LogFile.cleanerOffsets))
    return text === undefined ? new Map() : parseOffsetCheckpoint(text)
  }

  /** Takes the marker away before anything is written: from now on only another orderly shutdown makes the folder clean. */
  #takeCleanMarker(): boolean {
    const path = this.file(LogFile.cleanShutdown)
    const text = readTextFile(this.#fs, path)
    if (text === undefined) return false
    this.#fs.remove(path)
    this.#fs.syncDirectoryNow(this.path)
    return bytesEqual(utf8(text), cleanShutdownContent)
  }
}

/** What a quorum of Apache Kafka writes, and this broker does not. */
const kafkasOwn = ['bootstrap.checkpoint', '__cluster_metadata-0/quorum-state']

function claim(fs: FileSystem, path: string): FolderLock {
  try {
    makeDirectoryDurably(fs, path)
    return fs.lock(path)
  } catch (cause) {
    if (!(cause instanceof FileSystemError)) throw cause
    if (cause.code === 'ELOCKED') {
      throw new MillraceError('BROKER_DATA_LOCKED', {
        message: `Another broker uses the data folder ${path}.`,
        fix: 'Stop it, or choose another folder with --data.',
        cause,
      })
    }
    throw new MillraceError('BROKER_DATA_UNUSABLE', {
      message: `The data folder ${path} cannot be used: ${cause.message}`,
      fix: 'Make it writable, or choose another folder with --data.',
      cause,
    })
  }
}

/** A crash must not take a folder away that holds acknowledged data: every folder that was made is synced into its own. */
function makeDirectoryDurably(fs: FileSystem, path: string): void {
  const parents: string[] = []
  for (let at = path; !fs.stat(at) && at !== parentOf(at); at = parentOf(at)) parents.push(parentOf(at))
  fs.makeDirectory(path)
  for (const parent of parents) fs.syncDirectoryNow(parent)
}
