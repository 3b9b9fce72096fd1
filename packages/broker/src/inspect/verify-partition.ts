import {
  BatchCheck,
  baseOffset,
  describeBatchCheck,
  indexRecords,
  lastOffset,
  maxTimestamp,
  NO_LEADER_EPOCH,
  partitionLeaderEpoch,
  RecordIndex,
} from '@millrace/kafka'
import { bytesEqual, type FileSystem, FileSystemError, joinPath, uuidToString } from '@millrace/std'
import { BatchScanner, END_OF_SCAN } from '../log/batch-scanner.ts'
import { type EpochEntry, LeaderEpochs } from '../log/leader-epochs.ts'
import { LogFile, LogSuffix, offsetOfFile, segmentFile } from '../log/log-files.ts'
import { decodeProducerSnapshot } from '../log/producer-snapshot.ts'
import { ProducerState } from '../log/producer-state.ts'
import { readQuarantine } from '../log/quarantine.ts'
import { sumOf } from '../log/segment-indexes.ts'
import { findNextBatch } from '../log/segment-recovery.ts'
import { parseLeaderEpochs, parsePartitionMetadata, readTextFile } from '../log/text-files.ts'
import { OffsetIndexCheck, TimeIndexCheck, TransactionIndexCheck } from './index-checks.ts'
import type { Problems } from './problem.ts'
import { TransactionWalk } from './transaction-walk.ts'

export interface PartitionFacts {
  readonly folder: string
  /** `topic-partition`, for messages. */
  readonly name: string
  /** The broker was stopped in order: the files are complete, and agree with each other. */
  readonly isClean: boolean
  /** What the checkpoints of the data folder say; undefined where they say nothing. */
  readonly logStartOffset: number | undefined
  readonly recoveryPoint: number | undefined
  readonly cleanerOffset: number | undefined
  /** What the metadata log says; undefined where that is not known. */
  readonly topicId: Uint8Array | undefined
}

export interface PartitionSize {
  readonly bytes: number
  readonly batches: number
  readonly records: number
}

/** Walks over every file of a partition. */
export class PartitionVerifier {
  readonly #fs: FileSystem
  readonly #facts: PartitionFacts
  readonly #problems: Problems
  readonly #records = new RecordIndex()
  readonly #epochs: LeaderEpochs | undefined
  readonly #epochEntries: readonly EpochEntry[]
  #transactions: TransactionWalk
  #expected = -1
  #firstVisible: number | undefined
  #size = { bytes: 0, batches: 0, records: 0 }

  constructor(fs: FileSystem, facts: PartitionFacts, problems: Problems) {
    this.#fs = fs
    this.#facts = facts
    this.#problems = problems
    this.#transactions = new TransactionWalk(0, 0)
    const path = joinPath(facts.folder, LogFile.leaderEpochs)
    const text = readTextFile(fs, path)
    const entries = text === undefined ? [] : parseLeaderEpochs(text)
    if (entries === undefined) problems.add(path, 'It is no leader epoch checkpoint')
    else this.#checkEpochs(path, entries)
    this.#epochEntries = entries ?? []
    this.#epochs = entries && entries.length > 0 ? new LeaderEpochs(entries) : undefined
  }

  verify(): PartitionSize {
    const { folder, isClean, name, recoveryPoint } = this.#facts
    const names = this.#fs.list(folder)
    this.#checkMetadata()
    const bases = offsetsOf(names, LogSuffix.log)
    const start = Math.max(bases[0] ?? 0, this.#facts.logStartOffset ?? 0)
    this.#transactions = new TransactionWalk(start, this.#facts.cleanerOffset ?? 0)
    if (bases.length === 0) this.#problems.add(folder, 'It holds no segment')
    for (const [i, base] of bases.entries()) this.#verifySegment(base, bases[i + 1], start)
    for (const offset of offsetsOf(names, LogSuffix.snapshot)) this.#verifySnapshot(offset)
    this.#checkStart(start, bases[0] ?? 0)
    if (recoveryPoint !== undefined && this.#expected >= 0) {
      const isWrong = isClean ? recoveryPoint !== this.#expected : recoveryPoint > this.#expected
      if (isWrong) {
        const says = `it says that ${name} was on the device up to offset ${recoveryPoint}, the log ends at ${this.#expected}`
        this.#problems.add(joinPath(folder, '..', LogFile.recoveryPoints), says)
      }
    }
    return this.#size
  }

  #checkEpochs(path: string, entries: readonly EpochEntry[]): void {
    const ascends = entries.every(
      ({ epoch, startOffset }, i) =>
        i === 0 || (epoch > (entries[i - 1]?.epoch ?? -1) && startOffset > (entries[i - 1]?.startOffset ?? -1)),
    )
    if (!ascends) this.#problems.add(path, 'Its epochs or offsets do not ascend')
  }

  #checkMetadata(): void {
    const { folder, topicId } = this.#facts
    const path = joinPath(folder, LogFile.partitionMetadata)
    const text = readTextFile(this.#fs, path)
    if (text === undefined) {
      this.#problems.add(path, 'It is missing')
      return
    }
    const found = parsePartitionMetadata(text)
    if (!found) this.#problems.add(path, 'It is no partition.metadata of version 0')
    else if (topicId && uuidToString(topicId) !== uuidToString(found)) {
      const says = `It says topic id ${uuidToString(found)}, the metadata log says ${uuidToString(topicId)}`
      this.#problems.add(path, says)
    }
  }

  /** The first epoch begins where the log does: DeleteRecords and retention move both. */
  #checkStart(start: number, firstBase: number): void {
    const first = this.#epochEntries[0]
    const { folder, isClean, logStartOffset, name } = this.#facts
    if (!first || this.#firstVisible === undefined) return
    const says = `${name} begins at offset ${start}, its first leader epoch at ${first.startOffset}`
    if (logStartOffset !== undefined && logStartOffset > firstBase && logStartOffset > first.startOffset) {
      this.#problems.add(joinPath(folder, '..', LogFile.logStartOffsets), says)
    } else if (isClean && this.#firstVisible < first.startOffset && start !== first.startOffset) {
      this.#problems.add(joinPath(folder, LogFile.leaderEpochs), says)
    }
  }

  #verifySnapshot(offset: number): void {
    const path = segmentFile(this.#facts.folder, offset, LogSuffix.snapshot)
    const bytes = this.#read(path)
    if (bytes && !decodeProducerSnapshot(bytes, new ProducerState())) {
      this.#problems.add(path, 'It is no producer snapshot, or fails its checksum')
    }
  }

  /** Ours: a transaction index has no checksum of its own. */
  #checkSum(base: number, index: Uint8Array): void {
    const path = segmentFile(this.#facts.folder, base, LogSuffix.transactionIndexSum)
    const sum = this.#read(path)
    if (sum && !bytesEqual(sum, sumOf(index)))
      this.#problems.add(path, 'It is not the checksum of the transaction index')
  }

  #verifySegment(base: number, nextBase: number | undefined, start: number): void {
    const { folder } = this.#facts
    const path = segmentFile(folder, base, LogSuffix.log)
    for (const range of readQuarantine(this.#fs, folder, base)) {
      this.#problems.add(
        path,
        `Known damage, offsets ${range.firstOffset} to ${range.endOffset - 1}: ${range.reason}`,
        range.position,
      )
    }
    const problems = this.#problems
    // Index files of what is not known to be on the device yet come later.
    const isSettled = this.#facts.isClean || (nextBase !== undefined && nextBase <= (this.#facts.recoveryPoint ?? 0))
    const index = (suffix: string) => {
      const file = segmentFile(folder, base, suffix)
      const bytes = this.#read(file)
      if (!bytes && suffix !== LogSuffix.transactionIndex && isSettled) {
        problems.add(file, 'It is missing')
      }
      return [file, bytes ?? new Uint8Array(0)] as const
    }
    const offsets = new OffsetIndexCheck(...index(LogSuffix.offsetIndex), base, problems)
    const times = new TimeIndexCheck(...index(LogSuffix.timeIndex), base, problems)
    const abortedFile = index(LogSuffix.transactionIndex)
    const aborted = new TransactionIndexCheck(...abortedFile, { isSettled, problems })
    if (isSettled) this.#checkSum(base, abortedFile[1])
    let file: ReturnType<FileSystem['open']>
    try {
      file = this.#fs.open(path, 'read')
    } catch (cause) {
      // A broker that runs has deleted it meanwhile.
      if (cause instanceof FileSystemError && cause.code === 'ENOENT') return
      throw cause
    }
    let isWhole = true
    try {
      const size = file.size()
      this.#size.bytes += size
      const scan = new BatchScanner(file, {
        start: 0,
        end: size,
        depth: 'batches',
        quarantine: readQuarantine(this.#fs, folder, base),
      })
      if (this.#expected < 0) this.#expected = base
      else if (base < this.#expected)
        problems.add(path, `It begins with offset ${base}, the segment before ends at ${this.#expected}`)
      for (let check = scan.next(); check !== END_OF_SCAN; check = scan.next()) {
        if (check === BatchCheck.ok) check = indexRecords(scan.bytes, scan.at, this.#records)
        if (check !== BatchCheck.ok) {
          isWhole = false
          // Where a broker is writing at this moment, the rest of the batch is about to come.
          if (nextBase !== undefined || file.size() === size)
            problems.add(path, describeBatchCheck(check), scan.position)
          const next = findNextBatch(file, scan.position, size, this.#expected, nextBase ?? Number.POSITIVE_INFINITY)
          if (next === undefined) break
          this.#expected = next.offset
          scan.seek(next.position)
          continue
        }
        this.#visitBatch(path, scan, start)
        // What indexes and transactions say cannot be held against a part of the batches.
        if (!isWhole) continue
        const first = baseOffset(scan.bytes, scan.at)
        const last = lastOffset(scan.bytes, scan.at)
        offsets.batch(scan.position, last)
        times.batch(first, last, maxTimestamp(scan.bytes, scan.at))
        this.#transactions.batch(scan.bytes, scan.at, first, aborted)
      }
    } finally {
      file.close()
    }
    if (isWhole) {
      offsets.end()
      times.end()
      aborted.end()
      if (nextBase !== undefined) this.#checkEnd(path, nextBase)
    }
    if (nextBase !== undefined) this.#expected = Math.max(this.#expected, nextBase)
  }

  #visitBatch(path: string, { at, bytes, position }: BatchScanner, start: number): void {
    const first = baseOffset(bytes, at)
    const last = lastOffset(bytes, at)
    this.#size.batches++
    this.#size.records += this.#records.count
    if (first < this.#expected) {
      this.#problems.add(
        path,
        `A batch begins with offset ${first}, the one before ends at ${this.#expected}`,
        position,
      )
    } else if (first > this.#expected && !this.#mayBeMissing(this.#expected)) {
      this.#problems.add(path, `Offsets ${this.#expected} to ${first - 1} are missing`, position)
    }
    if (last >= start) {
      this.#firstVisible ??= first
      this.#checkEpoch(path, partitionLeaderEpoch(bytes, at), first, position)
    }
    this.#expected = last + 1
  }

  /** A batch's epoch and offset are outside of its checksum: the checkpoint says which epoch wrote which offsets. */
  #checkEpoch(path: string, epoch: number, offset: number, position: number): void {
    const known = this.#epochs
    if (!known || epoch === NO_LEADER_EPOCH) return
    const first = this.#epochEntries[0] as EpochEntry
    // The log may begin within a batch, and its first epoch with it.
    const expected = known.epochAt(Math.max(offset, this.#firstVisible === offset ? first.startOffset : offset))
    if (epoch === expected) return
    // The checkpoint of a broker that runs, or was killed, lags behind.
    if (!this.#facts.isClean && epoch > known.latestEpoch) return
    const says = `A batch at offset ${offset} is of leader epoch ${epoch}, the checkpoint says ${expected}`
    this.#problems.add(path, says, position)
  }

  #checkEnd(path: string, nextBase: number): void {
    if (this.#expected < nextBase && !this.#mayBeMissing(this.#expected)) {
      this.#problems.add(path, `Offsets ${this.#expected} to ${nextBase - 1} are missing at its end`)
    }
  }

  /** Compaction has been there. */
  #mayBeMissing(offset: number): boolean {
    return offset < (this.#facts.cleanerOffset ?? 0)
  }

  #read(path: string): Uint8Array | undefined {
    try {
      return this.#fs.stat(path) ? this.#fs.readFile(path) : undefined
    } catch (cause) {
      if (cause instanceof FileSystemError && cause.code === 'ENOENT') return undefined
      throw cause
    }
  }
}

function offsetsOf(names: readonly string[], suffix: string): number[] {
  return names.flatMap((name) => offsetOfFile(name, suffix) ?? []).sort((a, b) => a - b)
}
