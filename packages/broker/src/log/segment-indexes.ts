import { crc32c, writeInt32 } from '@millrace/kafka'
import { bytesEqual, type FileSystem, FileSystemError } from '@millrace/std'
import { syncFile } from './durable-file.ts'
import { LogSuffix } from './log-files.ts'
import { OFFSET_ENTRY_BYTES, OffsetIndex, TIME_ENTRY_BYTES, TimeIndex } from './segment-index.ts'
import { TRANSACTION_ENTRY_BYTES, TransactionIndex } from './transaction-index.ts'

/** The segment that the indexes are of. */
interface IndexedSegment {
  readonly baseOffset: number
  readonly size: number
  readonly endOffset: number
  /** Of a file with this suffix. */
  path(suffix: string): string
}

const noBytes = new Uint8Array(0)
const transactionSuffixes = [LogSuffix.transactionIndex, LogSuffix.transactionIndexSum]

/**
 * The indexes of one segment: in memory while they are used, in files otherwise. Files only grow, so that what was synced
 * of them stays true while more is written.
 */
export class SegmentIndexes {
  readonly #fs: FileSystem
  readonly #segment: IndexedSegment
  #offset: OffsetIndex | undefined
  #time: TimeIndex | undefined
  #transactions: TransactionIndex | undefined
  /** Entries that are in the files as they are in memory. */
  #offsetWritten = 0
  #timeWritten = 0
  #transactionsWritten = 0

  constructor(fileSystem: FileSystem, segment: IndexedSegment) {
    this.#fs = fileSystem
    this.#segment = segment
  }

  /** Undefined when they are not in memory: {@link load} them. */
  get offset(): OffsetIndex | undefined {
    return this.#offset
  }

  get time(): TimeIndex | undefined {
    return this.#time
  }

  /** Read when it is needed; undefined when the file is damaged. */
  get transactions(): TransactionIndex | undefined {
    if (!this.#transactions) this.#loadTransactions()
    return this.#transactions
  }

  /** In place of what the file says. */
  replaceTransactions(index: TransactionIndex): void {
    this.#transactions = index
    this.#transactionsWritten = 0
  }

  /** Begins with empty offset and time indexes. */
  start(): void {
    this.#offset = new OffsetIndex(this.#segment.baseOffset)
    this.#time = new TimeIndex(this.#segment.baseOffset)
    this.#offsetWritten = 0
    this.#timeWritten = 0
  }

  /** Reads the offset and time indexes. False when a file is missing, or cannot be right for the segment as it is. */
  load(): boolean {
    const { baseOffset, size } = this.#segment
    return this.#use(
      (bytes) => OffsetIndex.fromBytes(bytes, baseOffset, size),
      (bytes) => TimeIndex.fromBytes(bytes, baseOffset),
    )
  }

  /** Reads all indexes as far as they are about what lies before `endOffset`; as {@link load} otherwise. */
  loadBelow(endOffset: number): boolean {
    const { baseOffset, size } = this.#segment
    const isLoaded = this.#use(
      (bytes) => OffsetIndex.fromBytes(OffsetIndex.partBelow(bytes, baseOffset, endOffset), baseOffset, size),
      (bytes) => TimeIndex.fromBytes(TimeIndex.partBelow(bytes, baseOffset, endOffset), baseOffset),
    )
    if (!isLoaded) return false
    const bytes = this.#readTransactions()
    if (!bytes) return false
    const part = TransactionIndex.partBelow(bytes, endOffset)
    this.#transactions = TransactionIndex.fromBytes(part, baseOffset, endOffset)
    this.#transactionsWritten = this.#transactions?.count ?? 0
    return this.#transactions !== undefined
  }

  /**
   * The last entry of the time index, -1 and -1 where it is empty. Undefined when the offset or the time index is missing, or
   * of a size that cannot be right: nothing else of them is read.
   */
  latestTimestamp(): { readonly timestamp: number; readonly offset: number } | undefined {
    const offsetSize = this.#fs.stat(this.#segment.path(LogSuffix.offsetIndex))?.size ?? -1
    const timeSize = this.#fs.stat(this.#segment.path(LogSuffix.timeIndex))?.size ?? -1
    if (offsetSize % OFFSET_ENTRY_BYTES !== 0 || timeSize % TIME_ENTRY_BYTES !== 0) return undefined
    if (timeSize === 0) return { timestamp: -1, offset: -1 }
    const handle = this.#fs.open(this.#segment.path(LogSuffix.timeIndex), 'read')
    try {
      const entry = new Uint8Array(TIME_ENTRY_BYTES)
      handle.read(entry, timeSize - TIME_ENTRY_BYTES)
      const last = TimeIndex.fromBytes(entry, this.#segment.baseOffset)
      return { timestamp: last?.lastTimestamp ?? -1, offset: last?.lastOffset ?? -1 }
    } finally {
      handle.close()
    }
  }

  /** Writes what the files do not have yet. A transaction index has a file only where there is something in it. */
  write(): void {
    if (this.#offset && this.#time) {
      const { offset, time } = { offset: this.#offset, time: this.#time }
      this.#append(LogSuffix.offsetIndex, this.#offsetWritten * OFFSET_ENTRY_BYTES, offset.toBytes(this.#offsetWritten))
      this.#offsetWritten = offset.count
      this.#append(LogSuffix.timeIndex, this.#timeWritten * TIME_ENTRY_BYTES, time.toBytes(this.#timeWritten))
      this.#timeWritten = time.count
    }
    this.writeTransactions()
  }

  writeTransactions(): void {
    const index = this.#transactions
    if (!index) return
    if (index.count > 0) {
      const bytes = index.toBytes()
      const from = Math.min(this.#transactionsWritten, index.count) * TRANSACTION_ENTRY_BYTES
      this.#append(LogSuffix.transactionIndex, from, bytes.subarray(from))
      this.#append(LogSuffix.transactionIndexSum, 0, sumOf(bytes))
    } else {
      for (const suffix of transactionSuffixes) {
        const path = this.#segment.path(suffix)
        if (this.#fs.stat(path)) this.#fs.remove(path)
      }
    }
    this.#transactionsWritten = index.count
  }

  /** Markers at or after `endOffset` are gone. */
  truncateTransactions(endOffset: number): void {
    const index = this.transactions
    index?.truncateTo(endOffset)
    this.#transactionsWritten = Math.min(this.#transactionsWritten, index?.count ?? 0)
  }

  /** Paths of the files that exist, once {@link write} was called. */
  files(): string[] {
    const suffixes: string[] = [LogSuffix.offsetIndex, LogSuffix.timeIndex]
    if ((this.#transactions?.count ?? 0) > 0) suffixes.push(...transactionSuffixes)
    return suffixes.map((suffix) => this.#segment.path(suffix))
  }

  async sync(): Promise<void> {
    for (const path of this.files()) await syncFile(this.#fs, path)
  }

  /** Gives back the memory of indexes that are written. */
  release(): void {
    this.#offset = undefined
    this.#time = undefined
    // An empty one has no file, and is not worth looking for one again.
    if ((this.#transactions?.count ?? 0) > 0) this.#transactions = undefined
  }

  #use(
    toOffset: (bytes: Uint8Array) => OffsetIndex | undefined,
    toTime: (bytes: Uint8Array) => TimeIndex | undefined,
  ): boolean {
    const offsetBytes = this.#read(LogSuffix.offsetIndex)
    const timeBytes = offsetBytes && this.#read(LogSuffix.timeIndex)
    if (!offsetBytes || !timeBytes) return false
    this.#offset = toOffset(offsetBytes)
    this.#time = toTime(timeBytes)
    this.#offsetWritten = this.#offset?.count ?? 0
    this.#timeWritten = this.#time?.count ?? 0
    return this.#offset !== undefined && this.#time !== undefined
  }

  #loadTransactions(): void {
    const { baseOffset, endOffset } = this.#segment
    const bytes = this.#readTransactions()
    this.#transactions = bytes && TransactionIndex.fromBytes(bytes, baseOffset, endOffset)
    this.#transactionsWritten = this.#transactions?.count ?? 0
  }

  /** What the file has, nothing where there is none; undefined when it is not what was written. */
  #readTransactions(): Uint8Array | undefined {
    const bytes = this.#read(LogSuffix.transactionIndex) ?? noBytes
    // A folder that Kafka has written has no sums.
    const sum = this.#read(LogSuffix.transactionIndexSum) ?? sumOf(bytes)
    return bytesEqual(sum, sumOf(bytes)) ? bytes : undefined
  }

  #read(suffix: string): Uint8Array | undefined {
    try {
      return this.#fs.readFile(this.#segment.path(suffix))
    } catch (cause) {
      if (!(cause instanceof FileSystemError) || cause.code !== 'ENOENT') throw cause
      return undefined
    }
  }

  /** Lets the file end with `bytes` at `position`. */
  #append(suffix: string, position: number, bytes: Uint8Array): void {
    const handle = this.#fs.open(this.#segment.path(suffix), 'create')
    try {
      if (handle.size() > position + bytes.byteLength) handle.truncate(position + bytes.byteLength)
      if (bytes.byteLength > 0) handle.write(bytes, position)
    } finally {
      handle.close()
    }
  }
}

/** Bytes (4) and CRC-32C (4) of a transaction index. */
export function sumOf(bytes: Uint8Array): Uint8Array {
  const sum = new Uint8Array(8)
  writeInt32(sum, 0, bytes.byteLength)
  writeInt32(sum, 4, crc32c(bytes, 0))
  return sum
}
