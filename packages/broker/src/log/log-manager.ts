import {
  type Clock,
  type FileSystem,
  FileSystemError,
  joinPath,
  MillraceError,
  type Random,
  randomUuid,
  type TimerHandle,
  type Timers,
  uuidToString,
} from '@millrace/std'
import { type CleanerConfig, defaultCleanerConfig } from './cleaner/cleaner-config.ts'
import { LogCleaner } from './cleaner/log-cleaner.ts'
import { DataFolder } from './data-folder.ts'
import { replaceFile } from './durable-file.ts'
import { FileHandles } from './file-handles.ts'
import { FlushScheduler } from './flush-scheduler.ts'
import { foundPartitions } from './found-partitions.ts'
import { inParallel } from './in-parallel.ts'
import { LogCheckpoints } from './log-checkpoints.ts'
import type { LogConfig } from './log-config.ts'
import { type LogMetrics, newLogMetrics } from './log-event.ts'
import { deletedFolderSuffix, LogFile, partitionFolder } from './log-files.ts'
import { PartitionLog } from './partition-log.ts'
import type { LogListener, PartitionLogOptions } from './partition-log-options.ts'
import { PartitionMaker } from './partition-maker.ts'
import { TailCacheBudget } from './tail-cache.ts'
import { formatPartitionMetadata, type MetaProperties } from './text-files.ts'

export interface LogManagerOptions {
  /** The data folder; made when missing. One broker at a time holds it. */
  readonly folder: string
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly nodeId: number
  /** For a new folder; an existing one must belong to this cluster. By default a new id, or the folder's. */
  readonly clusterId?: string
  /** The configuration of a topic's logs. Asked when a log is opened; change it later through `log.config`. */
  readonly configOf: (topic: string) => LogConfig
  readonly listener?: LogListener
  /** Files kept open at most (default 1000). */
  readonly maxOpenFiles?: number
  /** fsyncs under way at most, over all logs (default 3: one thread of Node's pool stays free). */
  readonly maxConcurrentFlushes?: number
  /** Memory for the newest batches of all logs, bytes (default 16 MiB). */
  readonly tailCacheBytes?: number
  /** What a restart after a crash reads of all logs, and a little more, bytes (default 64 MiB). */
  readonly recoveryPointBytes?: number
  /** `log.retention.check.interval.ms` (default 5 minutes). */
  readonly retentionCheckIntervalMs?: number
  /** `log.flush.offset.checkpoint.interval.ms` (default 1 minute). */
  readonly checkpointIntervalMs?: number
  /** How logs are compacted whose policy says so. Asked before each round; `enabled` at the start only. */
  readonly cleaner?: () => CleanerConfig
}

const defaultRecoveryPointBytes = 64 * 1024 * 1024
/** How many logs are closed, or partitions made, at the same time. */
const parallelFolders = 16

/**
 * The logs of a data folder.
 *
 * @example
 * const logs = LogManager.open({ folder: 'data', ...hostSystem, nodeId: 1, configOf: () => defaultLogConfig })
 * const log = await logs.createPartition('lines', 0, topicId)
 * await logs.close()
 */
export class LogManager {
  readonly #options: LogManagerOptions
  readonly #fs: FileSystem
  readonly #folder: DataFolder
  readonly #handles: FileHandles
  readonly #flushes: FlushScheduler
  readonly #tailBudget: TailCacheBudget
  readonly #logs = new Map<string, PartitionLog>()
  readonly #topicIds = new Map<string, Uint8Array>()
  readonly #cleaner: LogCleaner
  readonly #maker: PartitionMaker
  readonly #timers = new Set<TimerHandle>()
  readonly #checkpoints: LogCheckpoints
  #closed = false

  /**
   * Claims the folder, loads every partition in it, repairing what a crash left. Throws {@link MillraceError}
   * `BROKER_DATA_LOCKED`, `BROKER_DATA_UNUSABLE` or `BROKER_DATA_FOREIGN`.
   */
  static open(options: LogManagerOptions): LogManager {
    return new LogManager(options)
  }

  private constructor(options: LogManagerOptions) {
    this.#options = options
    this.#fs = options.fileSystem
    this.#folder = new DataFolder({
      path: options.folder,
      fileSystem: options.fileSystem,
      random: options.random,
      nodeId: options.nodeId,
      clusterId: options.clusterId,
    })
    this.#maker = new PartitionMaker(this.#fs, options.folder)
    this.#handles = new FileHandles({ fileSystem: this.#fs, limit: options.maxOpenFiles ?? 1000 })
    this.#flushes = new FlushScheduler({ timers: options.timers, maxConcurrent: options.maxConcurrentFlushes ?? 3 })
    this.#tailBudget = new TailCacheBudget(options.tailCacheBytes ?? 16 * 1024 * 1024)
    this.#checkpoints = new LogCheckpoints({
      folder: this.#folder,
      logs: this.#logs,
      timers: options.timers,
      flushedBytes: this.#recoveryPointBytes,
      failed: (cause) =>
        options.listener?.event?.(undefined, { kind: 'checkpoint-failed', folder: options.folder, cause }),
    })
    const { damagedFile: file } = this.#folder
    if (file !== undefined) options.listener?.event?.(undefined, { kind: 'log-starts-lost', file })
    try {
      this.#loadLogs()
    } catch (cause) {
      this.#folder.release()
      if (!(cause instanceof FileSystemError)) throw cause
      throw new MillraceError('BROKER_DATA_UNUSABLE', {
        message: `The data folder ${options.folder} cannot be read: ${cause.message}`,
        fix: 'Check the disk and the rights of its files, or choose another folder with --data.',
        cause,
      })
    }
    this.#cleaner = new LogCleaner({
      logs: () => this.#logs.values(),
      offsets: this.#folder,
      config: options.cleaner ?? (() => defaultCleanerConfig),
      clock: options.clock,
      timers: options.timers,
      random: options.random,
      listener: options.listener ?? {},
    })
    this.#cleaner.start()
    this.#every(options.retentionCheckIntervalMs ?? 300_000, () => this.applyRetention())
    this.#every(options.checkpointIntervalMs ?? 60_000, () => this.#checkpoints.nowAndReport())
  }

  /** Who the data folder belongs to. */
  get meta(): MetaProperties {
    return this.#folder.meta
  }

  get(topic: string, partition: number): PartitionLog | undefined {
    return this.#logs.get(partitionFolder(topic, partition))
  }

  /** The id in the partition's `partition.metadata`, 16 bytes. */
  topicIdOf(topic: string, partition: number): Uint8Array | undefined {
    return this.#topicIds.get(partitionFolder(topic, partition))
  }

  logs(): Iterable<PartitionLog> {
    return this.#logs.values()
  }

  get size(): number {
    return this.#logs.size
  }

  get openFiles(): number {
    return this.#handles.openCount
  }

  /** Sums over all logs. */
  metrics(): LogMetrics {
    const sum = newLogMetrics()
    for (const log of this.#logs.values()) {
      for (const name of Object.keys(sum) as (keyof LogMetrics)[]) sum[name] += log.metrics[name]
    }
    return sum
  }

  /**
   * The log of a partition that has none yet; its folder is made with the first write. Whoever asks knows that there is such
   * a partition: here nothing tells it before.
   */
  newPartition(topic: string, partition: number, topicId: Uint8Array): PartitionLog {
    const name = partitionFolder(topic, partition)
    this.#topicIds.set(name, topicId)
    this.#forget(name)
    const make = (createLog: () => void) => {
      this.#folder.settle(name)
      const durable = this.#maker.make(this.#folder.file(name), topicId, createLog)
      return async () => {
        await durable()
        this.#checkpoints.soon()
      }
    }
    return this.#openLog(topic, partition, { clean: true, make })
  }

  /** Whether a partition had a folder before the start: that is noted within a second of its making. */
  hadFolder(topic: string, partition: number): boolean {
    return this.#folder.isNoted(partitionFolder(topic, partition))
  }

  /** Makes a partition, durably, or answers the one that is there. */
  async createPartition(topic: string, partition: number, topicId: Uint8Array): Promise<PartitionLog> {
    const [log] = await this.createPartitions([{ topic, partition, topicId }])
    return log as PartitionLog
  }

  /** As {@link createPartition} for many, with one sync of the data folder. */
  async createPartitions(
    partitions: readonly { readonly topic: string; readonly partition: number; readonly topicId: Uint8Array }[],
  ): Promise<PartitionLog[]> {
    const made = await inParallel(partitions, parallelFolders, async ({ topic, partition, topicId }) => {
      const name = partitionFolder(topic, partition)
      const existing = this.#logs.get(name)
      // Without its id it is one whose making has failed before: it is brought to an end.
      if (existing && this.#topicIds.has(name)) return existing
      const folder = this.#folder.file(name)
      let log = existing
      if (!log) {
        this.#forget(name)
        this.#folder.settle(name)
        this.#fs.makeDirectory(folder)
        log = this.#openLog(topic, partition, { clean: true })
      }
      await replaceFile(this.#fs, joinPath(folder, LogFile.partitionMetadata), formatPartitionMetadata(topicId))
      return log
    })
    await this.#fs.syncDirectory(this.#options.folder)
    for (const { topic, partition, topicId } of partitions)
      this.#topicIds.set(partitionFolder(topic, partition), topicId)
    return made
  }

  /** Takes the partition away: at once out of the way under another name, then its files. */
  async deletePartition(topic: string, partition: number): Promise<void> {
    const name = partitionFolder(topic, partition)
    const log = this.#logs.get(name)
    if (!log) return
    this.#logs.delete(name)
    this.#topicIds.delete(name)
    this.#folder.forget(name)
    this.#checkpoints.soon()
    await log.discard()
    if (log.hasFolder) {
      const unique = uuidToString(randomUuid(this.#options.random)).replaceAll('-', '_')
      const renamed = this.#folder.file(`${name}.${unique}${deletedFolderSuffix}`)
      this.#fs.rename(log.folder, renamed)
      await this.#fs.syncDirectory(this.#options.folder)
      this.#fs.remove(renamed)
    }
    // Last: there may be no room for it before.
    await this.#folder.forgetCleanerOffset(name)
  }

  /** One that a crash has cut short while it was deleted may have left something behind. */
  #forget(name: string): void {
    this.#folder.forget(name)
    this.#folder.forgetCleanerOffset(name).catch(this.#checkpoints.failed)
  }

  /** Deletes what the topics' retention allows. Runs periodically as well. */
  applyRetention(): void {
    for (const log of this.#logs.values()) log.applyRetention()
  }

  /** Compacts the dirtiest log, if any is dirty enough; answers which. Runs periodically as well. */
  cleanOne(): Promise<PartitionLog | undefined> {
    return this.#cleaner.cleanOne()
  }

  /**
   * Brings recovery points, log start offsets and leader epochs to the device. Runs periodically as well. Rejects with
   * what the file system says; the next one tries again.
   */
  checkpoint(): Promise<void> {
    return this.#checkpoints.now()
  }

  /**
   * Flushes and closes all logs and writes the clean shutdown marker, so that the next start reads almost nothing.
   * Appends must have ended.
   */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const timer of this.#timers) this.#options.timers.cancel(timer)
    this.#checkpoints.close()
    await this.#cleaner.stop()
    const complete = await inParallel([...this.#logs.values()], parallelFolders, (log) => log.close())
    await this.#flushes.idle()
    try {
      await this.checkpoint()
      if (complete.every(Boolean)) await this.#folder.markClean()
    } catch (cause) {
      // A disk that fails now means a recovery at the next start, which is what a missing marker brings about.
      if (!(cause instanceof FileSystemError)) throw cause
    } finally {
      this.#folder.release()
    }
  }

  #loadLogs(): void {
    for (const { name, partition, topic, topicId } of foundPartitions(this.#fs, this.#folder)) {
      if (topicId) this.#topicIds.set(name, topicId)
      this.#openLog(topic, partition, { clean: this.#folder.wasClean })
    }
    this.#folder.lowerRecoveryPoints((name) => this.#logs.get(name)?.endOffset)
  }

  #openLog(
    topic: string,
    partition: number,
    { clean, make }: { clean: boolean; make?: PartitionLogOptions['make'] },
  ): PartitionLog {
    const name = partitionFolder(topic, partition)
    const { clock, configOf, fileSystem, timers } = this.#options
    const log = new PartitionLog({
      topic,
      partition,
      home: { fileSystem, handles: this.#handles, folder: this.#folder.file(name) },
      config: configOf(topic),
      clock,
      timers,
      flushes: this.#flushes,
      tailBudget: this.#tailBudget,
      listener: this.#options.listener ?? {},
      checkpoints: this.#checkpoints,
      recoveryPointBytes: this.#recoveryPointBytes,
      clean,
      recoveryPoint: this.#folder.recoveryPoint(name),
      logStartOffset: this.#folder.logStartOffset(name),
      compacted: make === undefined && this.#folder.wasCompacted(name),
      ...(make && { make }),
    })
    this.#logs.set(name, log)
    return log
  }

  get #recoveryPointBytes(): number {
    return this.#options.recoveryPointBytes ?? defaultRecoveryPointBytes
  }

  #every(intervalMs: number, task: () => void): void {
    const { timers } = this.#options
    const next = () => {
      const handle = timers.scheduleBackground(intervalMs, () => {
        this.#timers.delete(handle)
        task()
        if (!this.#closed) next()
      })
      this.#timers.add(handle)
    }
    next()
  }
}
