import { BatchCheck, lastOffset, maxTimestamp } from '@millrace/kafka'
import { assert, type FileSystem } from '@millrace/std'
import { BatchScanner, type ScanDepth } from './batch-scanner.ts'
import type { FileHandles, LogFileHandle } from './file-handles.ts'
import { defaultLogConfig } from './log-config.ts'
import { LogSuffix, segmentFile } from './log-files.ts'
import type { CompletedTransaction } from './ongoing-transactions.ts'
import type { QuarantinedRange } from './quarantine.ts'
import type { OffsetIndex, TimeIndex } from './segment-index.ts'
import { SegmentIndexes } from './segment-indexes.ts'
import { TransactionIndex } from './transaction-index.ts'

/** Files that compaction writes anew. */
const ownFiles = [
  LogSuffix.log,
  LogSuffix.offsetIndex,
  LogSuffix.timeIndex,
  LogSuffix.transactionIndex,
  LogSuffix.transactionIndexSum,
]

/** Files whose names begin as a segment's do, and that do not go with it. */
const foreignSuffixes = [LogSuffix.snapshot, LogSuffix.deleted, LogSuffix.cleaned, LogSuffix.swap]

/** Where a segment's files are, and how they are opened. */
export interface SegmentHome {
  readonly fileSystem: FileSystem
  readonly handles: FileHandles
  readonly folder: string
}

/** One stretch of a log: a `.log` file and its indexes. Only the last one of a log is written to. */
export class Segment {
  readonly baseOffset: number
  readonly file: LogFileHandle
  readonly #home: SegmentHome
  /** Bytes of the `.log` file that belong to the log. */
  size = 0
  /** The offset after the last batch. */
  endOffset: number
  /** The largest timestamp of a batch, -1 when there is none, and the last offset of the batch that has it. */
  maxTimestamp = -1
  offsetOfMaxTimestamp = -1
  /** When it was made, wall clock: stands for record time where records have none. */
  readonly created: number
  quarantine: QuarantinedRange[] = []
  /** No longer part of the log: its files are being deleted. */
  removed = false
  /** Of the names of its files: none once it is part of the log, see `cleaned` and `swap` of {@link LogSuffix}. */
  #suffix: string
  /** Largest timestamp of the first batch, or undefined when it was not read yet: segment.ms counts from it. */
  #firstTimestamp: number | undefined
  #bytesSinceIndexEntry = 0
  readonly #indexes: SegmentIndexes

  constructor(home: SegmentHome, baseOffset: number, created: number, suffix = '') {
    this.#home = home
    this.#suffix = suffix
    this.baseOffset = baseOffset
    this.endOffset = baseOffset
    this.created = created
    this.file = home.handles.file(this.path(LogSuffix.log))
    this.#indexes = new SegmentIndexes(home.fileSystem, this)
  }

  /** Makes the segment's file, which must not exist. */
  create(): void {
    this.createFile()
    this.begin()
  }

  /** As {@link create} for the file alone. */
  createFile(): void {
    this.file.get('exclusive')
  }

  /** Empty, whether or not its file is made yet. */
  begin(): void {
    this.startIndexes()
    this.#indexes.replaceTransactions(new TransactionIndex())
  }

  /** Begins with empty indexes: for a new segment, or before all batches are noted again. */
  startIndexes(): void {
    this.#indexes.start()
    this.#bytesSinceIndexEntry = 0
    this.maxTimestamp = -1
    this.offsetOfMaxTimestamp = -1
    this.#firstTimestamp = undefined
  }

  /** As if the file were empty, before all batches are noted again. */
  startAnew(): void {
    this.startIndexes()
    this.#indexes.replaceTransactions(new TransactionIndex())
    this.size = 0
    this.endOffset = this.baseOffset
  }

  get offsetIndex(): OffsetIndex {
    if (!this.#indexes.offset) this.#loadIndexes()
    return this.#indexes.offset as OffsetIndex
  }

  get timeIndex(): TimeIndex {
    if (!this.#indexes.time) this.#loadIndexes()
    return this.#indexes.time as TimeIndex
  }

  /**
   * The aborted transactions whose markers are in this segment; undefined where the file that should tell them is damaged:
   * it is to be made again, see {@link restoreTransactionIndex}.
   */
  get transactionIndex(): TransactionIndex | undefined {
    return this.#indexes.transactions
  }

  restoreTransactionIndex(index: TransactionIndex): void {
    this.#indexes.replaceTransactions(index)
  }

  /** A marker in this segment has aborted a transaction. The transaction index must be sound. */
  noteAborted(transaction: CompletedTransaction): void {
    const index = this.transactionIndex
    assert(index, 'a damaged transaction index is made again before it is added to')
    index.append(transaction)
  }

  /** Takes note of the batch at `at`, which is in the file at `position`. */
  noteBatch(bytes: Uint8Array, at: number, position: number, size: number, indexIntervalBytes: number): void {
    const index = this.offsetIndex
    const last = lastOffset(bytes, at)
    const time = maxTimestamp(bytes, at)
    this.#noteTimestamp(time, last)
    if (position === 0) this.#firstTimestamp = time
    if (this.#bytesSinceIndexEntry > indexIntervalBytes) {
      index.append(last, position)
      if (this.maxTimestamp >= 0) this.timeIndex.maybeAppend(this.maxTimestamp, this.offsetOfMaxTimestamp)
      this.#bytesSinceIndexEntry = 0
    }
    this.#bytesSinceIndexEntry += size
    this.endOffset = last + 1
    this.size = position + size
  }

  #noteTimestamp(timestamp: number, lastOffset: number): void {
    if (timestamp <= this.maxTimestamp) return
    this.maxTimestamp = timestamp
    this.offsetOfMaxTimestamp = lastOffset
  }

  /** Largest timestamp of the first batch; -1 when there is none. */
  get firstTimestamp(): number {
    if (this.#firstTimestamp === undefined) {
      if (this.size === 0) return -1
      const scan = this.scan(0, 'headers')
      this.#firstTimestamp = scan.next() === BatchCheck.ok ? maxTimestamp(scan.bytes, scan.at) : -1
    }
    return this.#firstTimestamp
  }

  scan(start: number, depth: ScanDepth, end = this.size): BatchScanner {
    return new BatchScanner(this.file.get(), { start, end, depth, quarantine: this.quarantine })
  }

  /** Position of the batch that contains `offset`, or of the first one after it; {@link size} when there is none. */
  positionOf(offset: number): number {
    const scan = this.scan(this.offsetIndex.lookup(offset), 'headers')
    while (scan.next() === BatchCheck.ok) if (lastOffset(scan.bytes, scan.at) >= offset) return scan.position
    return scan.position
  }

  /** The quarantined range that holds `offset`, if any. */
  quarantinedAt(offset: number): QuarantinedRange | undefined {
    for (const range of this.quarantine) if (range.firstOffset <= offset && offset < range.endOffset) return range
    return undefined
  }

  /** Cuts the log off at `position`, where a batch begins and `endOffset` is the log's end. */
  truncate(position: number, endOffset: number, indexIntervalBytes: number): void {
    // As long as it is read for what it was written for.
    this.#indexes.truncateTransactions(endOffset)
    this.file.get().truncate(position)
    this.file.unsynced = true
    this.size = position
    this.endOffset = endOffset
    this.quarantine = this.quarantine.filter((range) => range.position < position)
    this.rebuildIndexes(indexIntervalBytes)
  }

  /** Notes every batch again, from the headers. */
  rebuildIndexes(indexIntervalBytes: number): void {
    const { endOffset, size } = this
    this.startIndexes()
    const scan = this.scan(0, 'headers', size)
    while (scan.next() === BatchCheck.ok) {
      this.noteBatch(scan.bytes, scan.at, scan.position, scan.size, indexIntervalBytes)
    }
    this.endOffset = endOffset
    this.size = size
  }

  /**
   * Reads what a clean shutdown left: the size, the end and the largest timestamp, from the indexes and the few batches
   * after the last entry. False when the files contradict each other.
   */
  open(size: number): boolean {
    this.size = size
    if (size === 0) {
      this.startIndexes()
      return true
    }
    if (!this.#indexes.load()) return false
    const index = this.#indexes.offset as OffsetIndex
    const time = this.#indexes.time as TimeIndex
    this.maxTimestamp = time.lastTimestamp
    this.offsetOfMaxTimestamp = time.count > 0 ? time.lastOffset : -1
    const scan = this.scan(index.lastPosition, 'headers')
    let end = this.baseOffset
    while (scan.next() === BatchCheck.ok) end = lastOffset(scan.bytes, scan.at) + 1
    for (const range of this.quarantine) end = Math.max(end, range.endOffset)
    this.endOffset = end
    this.#bytesSinceIndexEntry = size - index.lastPosition
    this.file.close()
    return scan.position === size && end > this.baseOffset
  }

  /**
   * As {@link open}, but only up to a recovery point within the segment: below it everything is as it was synced. False when
   * the indexes do not lead there: then {@link startAnew}.
   */
  openBelow(recoveryPoint: number, fileSize: number): boolean {
    this.size = fileSize
    if (!this.#indexes.loadBelow(recoveryPoint)) return false
    const index = this.#indexes.offset as OffsetIndex
    const time = this.#indexes.time as TimeIndex
    this.maxTimestamp = time.lastTimestamp
    this.offsetOfMaxTimestamp = time.count > 0 ? time.lastOffset : -1
    const scan = this.scan(index.lastPosition, 'headers')
    let end = this.baseOffset
    while (end < recoveryPoint && scan.next() === BatchCheck.ok) {
      end = lastOffset(scan.bytes, scan.at) + 1
      this.#noteTimestamp(maxTimestamp(scan.bytes, scan.at), end - 1)
    }
    if (end !== recoveryPoint) return false
    this.endOffset = end
    this.size = scan.position + scan.size
    this.#bytesSinceIndexEntry = this.size - index.lastPosition
    return true
  }

  /** As {@link open} for a segment before the last one: nothing is read but the sizes of its files. */
  openClosed(size: number, endOffset: number): boolean {
    this.size = size
    this.endOffset = endOffset
    const latest = this.#indexes.latestTimestamp()
    if (!latest) return false
    this.maxTimestamp = latest.timestamp
    this.offsetOfMaxTimestamp = latest.offset
    return true
  }

  /**
   * Writes the index files; `.txnindex` only where there is something in it. Kafka ends `.timeindex` with the segment's
   * largest timestamp, so that its tools agree.
   */
  writeIndexes(): void {
    if (this.maxTimestamp >= 0) this.#indexes.time?.maybeAppend(this.maxTimestamp, this.offsetOfMaxTimestamp)
    this.#indexes.write()
  }

  writeTransactionIndex(): void {
    this.#indexes.writeTransactions()
  }

  /** Paths of the index files that exist, once {@link writeIndexes} was called. */
  indexFiles(): string[] {
    return this.#indexes.files()
  }

  /** Brings the index files to the device. */
  async syncIndexes(): Promise<void> {
    try {
      await this.#indexes.sync()
    } catch (cause) {
      // Deleted meanwhile, it has no more files.
      if (!this.removed) throw cause
    }
  }

  /** Gives back the memory of the indexes of a segment whose index files are written. */
  releaseIndexes(): void {
    this.#indexes.release()
  }

  /** Gives its files another suffix. What reads them opens them again. */
  renameFiles(suffix: string): void {
    const { fileSystem } = this.#home
    this.file.close()
    for (const kind of ownFiles) {
      const from = this.path(kind)
      if (fileSystem.stat(from)) fileSystem.rename(from, segmentFile(this.#home.folder, this.baseOffset, kind + suffix))
    }
    this.#suffix = suffix
    this.file.path = this.path(LogSuffix.log)
  }

  /** Names of the files that belong to this segment, without its producer snapshot. */
  fileNames(): string[] {
    const prefix = `${String(this.baseOffset).padStart(20, '0')}.`
    return this.#home.fileSystem
      .list(this.#home.folder)
      .filter((name) => name.startsWith(prefix) && !foreignSuffixes.some((suffix) => name.endsWith(suffix)))
  }

  /** Removes the files of a compacted segment that has not become part of the log. */
  removeUnused(): void {
    const { fileSystem, folder } = this.#home
    for (const kind of ownFiles) {
      for (const suffix of [LogSuffix.cleaned, LogSuffix.swap]) {
        fileSystem.remove(segmentFile(folder, this.baseOffset, kind + suffix))
      }
    }
  }

  close(): void {
    this.file.close()
  }

  /** Closes the files of a segment that is no longer wanted. */
  discard(): void {
    this.removed = true
    this.file.unsynced = false
    this.file.close()
  }

  /** Of one of its files. */
  path(suffix: string): string {
    return segmentFile(this.#home.folder, this.baseOffset, suffix + this.#suffix)
  }

  #loadIndexes(): void {
    if (!this.#indexes.load()) this.rebuildIndexes(defaultLogConfig.indexIntervalBytes)
  }
}
