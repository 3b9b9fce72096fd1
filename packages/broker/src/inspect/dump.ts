import {
  BatchCheck,
  baseOffset,
  baseSequence,
  COMPRESSION_TYPES,
  type CompressionType,
  compressionCode,
  controlType,
  deleteHorizon,
  describeBatchCheck,
  indexRecords,
  isControl,
  isLogAppendTime,
  isTransactional,
  LogRecord,
  lastOffset,
  lastSequence,
  maxTimestamp,
  partitionLeaderEpoch,
  producerEpoch,
  producerId,
  RecordIndex,
  type RecordHeader,
  readInt32,
  readInt64,
  recordCount,
} from '@millrace/kafka'
import { type FileSystem, joinPath, MillraceError } from '@millrace/std'
import { BatchScanner, END_OF_SCAN } from '../log/batch-scanner.ts'
import { LogSuffix, offsetOfFile, parsePartitionFolder } from '../log/log-files.ts'
import { decodeProducerSnapshot } from '../log/producer-snapshot.ts'
import { ProducerState } from '../log/producer-state.ts'
import { OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES } from '../log/segment-index.ts'
import { findNextBatch } from '../log/segment-recovery.ts'
import { TRANSACTION_ENTRY_BYTES } from '../log/transaction-index.ts'
import { decodeInternalRecord, type InternalRecord } from './internal-records.ts'

/** What a file of a log holds, in order. Positions and sizes are bytes, times milliseconds since the epoch. */
export type DumpEntry =
  | { readonly kind: 'file'; readonly file: string; readonly size: number }
  | {
      readonly kind: 'batch'
      readonly baseOffset: number
      readonly lastOffset: number
      readonly position: number
      readonly size: number
      readonly records: number
      readonly compression: CompressionType
      readonly maxTimestamp: number
      readonly timestampType: 'CreateTime' | 'LogAppendTime'
      readonly leaderEpoch: number
      /** -1 for a batch of no idempotent producer; then the sequences are too. */
      readonly producerId: number
      readonly producerEpoch: number
      readonly firstSequence: number
      readonly lastSequence: number
      readonly transactional: boolean
      /** The marker that a control batch is: `other` for one of another kind, or one that compaction emptied. */
      readonly control: 'commit' | 'abort' | 'other' | undefined
      /** From when on compaction may take tombstones or the marker out, -1 when that is not set. */
      readonly deleteHorizon: number
    }
  | {
      readonly kind: 'record'
      readonly offset: number
      readonly timestamp: number
      readonly key: Uint8Array | null
      readonly value: Uint8Array | null
      readonly headers: readonly RecordHeader[]
      /** Decoded, where it is one of the broker's own. */
      readonly internal: InternalRecord | undefined
    }
  /** The file is read on where a sound batch follows. */
  | { readonly kind: 'damage'; readonly position: number; readonly problem: string }
  | { readonly kind: 'offset-entry'; readonly offset: number; readonly position: number }
  | { readonly kind: 'time-entry'; readonly timestamp: number; readonly offset: number }
  | {
      readonly kind: 'aborted-transaction'
      readonly producerId: number
      readonly firstOffset: number
      readonly lastOffset: number
      readonly lastStableOffset: number
    }
  | {
      readonly kind: 'producer'
      readonly producerId: number
      readonly producerEpoch: number
      readonly coordinatorEpoch: number
      readonly lastSequence: number
      readonly lastOffset: number
      readonly currentTxnFirstOffset: number
    }

export interface DumpOptions {
  /** Also the records of each batch (default false). */
  readonly records?: boolean
  /** Also the index files and producer snapshots beside the segments (default false). */
  readonly index?: boolean
  /** Offsets: batches that end before `from`, or begin at or after `to`, are left out. */
  readonly from?: number
  readonly to?: number
}

/**
 * Prints what is in the files of a log. Only reads, and so may look at a folder that a broker is writing to: what is
 * written at this moment may appear as damage at the end.
 *
 * @throws MillraceError LOG_FILE_UNKNOWN for a path that is neither a partition's folder nor one of a log's files
 * @example
 * for (const entry of dumpLog(hostSystem.fileSystem, 'data/lines-0', { records: true })) console.log(entry)
 */
export function* dumpLog(fs: FileSystem, path: string, options: DumpOptions = {}): Generator<DumpEntry> {
  const info = fs.stat(path)
  if (info?.kind !== 'directory') {
    yield* dumpFile(fs, path, options)
    return
  }
  const names = fs.list(path).filter((name) => offsetOfFile(name, LogSuffix.log) !== undefined)
  if (names.length === 0) throw unknownFile(fs, path)
  for (const [i, name] of names.entries()) {
    const next = names[i + 1]
    const end = next === undefined ? Number.POSITIVE_INFINITY : (offsetOfFile(next, LogSuffix.log) as number)
    if (end <= (options.from ?? 0) || (offsetOfFile(name, LogSuffix.log) as number) >= (options.to ?? end)) continue
    const stem = joinPath(path, name.slice(0, -LogSuffix.log.length))
    const kinds = options.index ? Object.keys(dumpers) : [LogSuffix.log]
    for (const kind of kinds) if (fs.stat(stem + kind)) yield* dumpFile(fs, stem + kind, options)
  }
}

type Dumper = (fs: FileSystem, path: string, base: number, options: DumpOptions) => Generator<DumpEntry>

const dumpers: Readonly<Record<string, Dumper>> = {
  [LogSuffix.log]: dumpSegment,
  [LogSuffix.offsetIndex]: dumpOffsetIndex,
  [LogSuffix.timeIndex]: dumpTimeIndex,
  [LogSuffix.transactionIndex]: dumpTransactionIndex,
  [LogSuffix.snapshot]: dumpSnapshot,
}

function* dumpFile(fs: FileSystem, path: string, options: DumpOptions): Generator<DumpEntry> {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const info = fs.stat(path)
  // Compaction and deletion put suffixes of their own behind; a snapshot of the metadata has an epoch in its name.
  const match = /^(\d{20})(-\d{10})?(\.\w+?)(\.(deleted|cleaned|swap))?$/.exec(name)
  const dumper = match?.[3] === '.checkpoint' ? dumpSegment : match ? dumpers[match[3] as string] : undefined
  if (!info || !match || !dumper) throw unknownFile(fs, path)
  yield { kind: 'file', file: path, size: info.size }
  yield* dumper(fs, path, Number(match[1]), options)
}

function* dumpSegment(fs: FileSystem, path: string, base: number, options: DumpOptions): Generator<DumpEntry> {
  const { from = 0, to = Number.POSITIVE_INFINITY } = options
  const file = fs.open(path, 'read')
  const records = new RecordIndex()
  try {
    const size = file.size()
    const scan = new BatchScanner(file, { start: 0, end: size, depth: 'batches', quarantine: [] })
    let expected = base
    for (let check = scan.next(); check !== END_OF_SCAN; check = scan.next()) {
      if (check !== BatchCheck.ok) {
        yield { kind: 'damage', position: scan.position, problem: describeBatchCheck(check) }
        const next = findNextBatch(file, scan.position, size, expected, Number.POSITIVE_INFINITY)
        if (next === undefined) return
        scan.seek(next.position)
        continue
      }
      expected = lastOffset(scan.bytes, scan.at) + 1
      if (expected <= from) continue
      if (baseOffset(scan.bytes, scan.at) >= to) return
      yield* dumpBatch(scan, records, path, options)
    }
  } finally {
    file.close()
  }
}

function* dumpBatch(
  { at, bytes, position, size }: BatchScanner,
  records: RecordIndex,
  path: string,
  options: DumpOptions,
): Generator<DumpEntry> {
  const wantsRecords = options.records ?? false
  const check = wantsRecords || isControl(bytes, at) ? indexRecords(bytes, at, records) : BatchCheck.ok
  yield {
    kind: 'batch',
    baseOffset: baseOffset(bytes, at),
    lastOffset: lastOffset(bytes, at),
    position,
    size,
    records: recordCount(bytes, at),
    compression: COMPRESSION_TYPES[compressionCode(bytes, at)] as CompressionType,
    maxTimestamp: maxTimestamp(bytes, at),
    timestampType: isLogAppendTime(bytes, at) ? 'LogAppendTime' : 'CreateTime',
    leaderEpoch: partitionLeaderEpoch(bytes, at),
    producerId: producerId(bytes, at),
    producerEpoch: producerEpoch(bytes, at),
    firstSequence: baseSequence(bytes, at),
    lastSequence: lastSequence(bytes, at),
    transactional: isTransactional(bytes, at),
    control: isControl(bytes, at) ? controlType(records) : undefined,
    deleteHorizon: deleteHorizon(bytes, at),
  }
  if (check !== BatchCheck.ok) {
    yield { kind: 'damage', position, problem: describeBatchCheck(check) }
    return
  }
  if (!wantsRecords) return
  const folder = path.slice(0, path.lastIndexOf('/'))
  const topic = parsePartitionFolder(folder.slice(folder.lastIndexOf('/') + 1))?.topic ?? ''
  const isMarker = isControl(bytes, at)
  const found = Array.from({ length: records.count }, (_, i) => new LogRecord(records, i))
  for (const { headers, key, offset, timestamp, value } of found) {
    if (offset < (options.from ?? 0) || offset >= (options.to ?? Number.POSITIVE_INFINITY)) continue
    const internal = isMarker ? undefined : decodeInternalRecord(topic, key, value)
    yield { kind: 'record', offset, timestamp, key, value, headers, internal }
  }
}

function* dumpOffsetIndex(fs: FileSystem, path: string, base: number): Generator<DumpEntry> {
  const bytes = fs.readFile(path)
  for (let at = 0; at + OFFSET_ENTRY_BYTES <= bytes.byteLength; at += OFFSET_ENTRY_BYTES) {
    // Kafka makes its index files larger than they need be, and cuts them when a segment is closed.
    if (at > 0 && readInt64(bytes, at) === 0) return
    yield { kind: 'offset-entry', offset: base + readInt32(bytes, at), position: readInt32(bytes, at + 4) }
  }
}

function* dumpTimeIndex(fs: FileSystem, path: string, base: number): Generator<DumpEntry> {
  const bytes = fs.readFile(path)
  for (let at = 0; at + TIME_ENTRY_BYTES <= bytes.byteLength; at += TIME_ENTRY_BYTES) {
    if (at > 0 && readInt64(bytes, at) === 0) return
    yield { kind: 'time-entry', timestamp: readInt64(bytes, at), offset: base + readInt32(bytes, at + 8) }
  }
}

function* dumpTransactionIndex(fs: FileSystem, path: string): Generator<DumpEntry> {
  const bytes = fs.readFile(path)
  for (let at = 0; at + TRANSACTION_ENTRY_BYTES <= bytes.byteLength; at += TRANSACTION_ENTRY_BYTES) {
    yield {
      kind: 'aborted-transaction',
      producerId: readInt64(bytes, at + 2),
      firstOffset: readInt64(bytes, at + 10),
      lastOffset: readInt64(bytes, at + 18),
      lastStableOffset: readInt64(bytes, at + 26),
    }
  }
}

function* dumpSnapshot(fs: FileSystem, path: string): Generator<DumpEntry> {
  const state = new ProducerState()
  if (!decodeProducerSnapshot(fs.readFile(path), state)) {
    yield { kind: 'damage', position: 0, problem: 'The bytes are no producer snapshot, or fail its checksum' }
    return
  }
  for (const entry of state.entries()) {
    yield {
      kind: 'producer',
      producerId: entry.producerId,
      producerEpoch: entry.epoch,
      coordinatorEpoch: entry.coordinatorEpoch,
      lastSequence: entry.lastSequence,
      lastOffset: entry.lastOffset,
      currentTxnFirstOffset: entry.currentTxnFirstOffset,
    }
  }
}

function unknownFile(fs: FileSystem, path: string): MillraceError {
  if (!fs.stat(path)) {
    return new MillraceError('LOG_FILE_UNKNOWN', {
      message: `There is no ${path}.`,
      fix: 'Correct the folder (--data), topic or partition. A partition gets its folder with its first record.',
    })
  }
  return new MillraceError('LOG_FILE_UNKNOWN', {
    message: `${path} is neither the folder of a partition nor a file of its log.`,
    fix: 'Give a folder as data/lines-0, or a file in it that ends with .log, .index, .timeindex, .txnindex or .snapshot.',
  })
}
