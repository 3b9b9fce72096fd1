import {
  BatchCheck,
  batchSize,
  decodeMetadataRecord,
  indexRecords,
  isControl,
  type MetadataRecord,
  ProtocolError,
  RecordIndex,
} from '@millrace/kafka'
import { type FileSystem, joinPath } from '@millrace/std'
import { BatchScanner } from '../log/batch-scanner.ts'
import { LogSuffix, offsetOfFile } from '../log/log-files.ts'

/**
 * The records of a metadata log (`__cluster_metadata-0`), from its newest snapshot on, where it has one as Kafka's has
 * (`<offset>-<epoch>.checkpoint`). Ends before the first batch that is damaged.
 */
export function* metadataRecords(fs: FileSystem, folder: string): Generator<MetadataRecord> {
  const names = fs.list(folder)
  const snapshot = names.findLast((name) => /^\d{20}-\d{10}\.checkpoint$/.test(name))
  const from = snapshot === undefined ? 0 : Number(snapshot.slice(0, 20))
  if (snapshot !== undefined) yield* recordsOf(fs, joinPath(folder, snapshot), 0)
  const segments = names.filter((name) => offsetOfFile(name, LogSuffix.log) !== undefined)
  for (const [i, name] of segments.entries()) {
    const next = segments[i + 1]
    if (next !== undefined && (offsetOfFile(next, LogSuffix.log) as number) <= from) continue
    yield* recordsOf(fs, joinPath(folder, name), from)
  }
}

function* recordsOf(fs: FileSystem, path: string, from: number): Generator<MetadataRecord> {
  const file = fs.open(path, 'read')
  const index = new RecordIndex()
  try {
    const scan = new BatchScanner(file, { start: 0, end: file.size(), depth: 'batches', quarantine: [] })
    while (scan.next() === BatchCheck.ok) {
      const batch = Uint8Array.from(scan.bytes.subarray(scan.at, scan.at + batchSize(scan.bytes, scan.at)))
      if (isControl(batch, 0) || indexRecords(batch, 0, index) !== BatchCheck.ok) continue
      const values: Uint8Array[] = []
      for (let i = 0; i < index.count; i++) {
        const start = index.valueStart[i] as number
        const length = index.valueLength[i] as number
        if ((index.offsets[i] as number) >= from && length > 0) values.push(index.data.subarray(start, start + length))
      }
      for (const value of values) {
        const record = decode(value)
        if (record) yield record
      }
    }
  } finally {
    file.close()
  }
}

function decode(value: Uint8Array): MetadataRecord | undefined {
  try {
    return decodeMetadataRecord(value)
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    return undefined
  }
}
