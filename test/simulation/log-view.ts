import {
  BatchCheck,
  batchSize,
  indexRecords,
  isControl,
  isTransactional,
  producerId,
  RecordIndex,
  validateBatch,
} from '@millrace/kafka'
import type { FileSystem } from '@millrace/std'

export interface LogRecordView {
  readonly offset: number
  readonly value: string
  readonly producerId: number
  /** False for a record of a transaction that was aborted, or that is still open. */
  isCommitted: boolean
}

/** What a partition holds in the end: the bytes of its files, without any index. Everything else is judged by it. */
export interface LogView {
  readonly records: readonly LogRecordView[]
  readonly endOffset: number
  /** Producers whose transaction has no end. */
  readonly openTransactions: readonly number[]
  readonly problems: readonly string[]
}

/** Reads the log files of a partition from their first to their last byte. */
export function viewOf(fileSystem: FileSystem, folder: string): LogView {
  const reader = new ViewReader(folder)
  // A partition that nobody wrote to may have no folder.
  const names = fileSystem.stat(folder) ? fileSystem.list(folder) : []
  const files = names.filter((name) => name.endsWith('.log'))
  for (const file of files) reader.read(fileSystem.readFile(`${folder}/${file}`), file)
  const { records, offset, open, problems } = reader
  return { records, endOffset: offset, openTransactions: [...open.keys()], problems }
}

class ViewReader {
  readonly records: LogRecordView[] = []
  readonly problems: string[] = []
  readonly open = new Map<number, LogRecordView[]>()
  offset = 0
  readonly #folder: string
  readonly #index = new RecordIndex()

  constructor(folder: string) {
    this.#folder = folder
  }

  read(bytes: Uint8Array, file: string): void {
    if (Number.parseInt(file, 10) < this.offset)
      this.problems.push(`${this.#folder}/${file} begins before ${this.offset}`)
    for (let at = 0; at < bytes.byteLength; at += batchSize(bytes, at)) {
      const check = validateBatch(bytes, at, bytes.byteLength) || indexRecords(bytes, at, this.#index)
      if (check !== BatchCheck.ok) {
        this.problems.push(`${this.#folder}/${file} holds a bad batch after offset ${this.offset}`)
        return
      }
      this.#batch(bytes, at)
    }
  }

  #batch(bytes: Uint8Array, at: number): void {
    const index = this.#index
    const id = producerId(bytes, at)
    for (let i = 0; i < index.count; i++) {
      const offset = index.offsets[i] as number
      if (offset < this.offset) this.problems.push(`${this.#folder}: offset ${offset} comes after ${this.offset - 1}`)
      this.offset = offset + 1
      if (isControl(bytes, at)) {
        // The key of a control record: its version, then 0 for abort and 1 for commit.
        const isCommitted = index.data[(index.keyStart[i] as number) + 3] === 1
        for (const record of this.open.get(id) ?? []) record.isCommitted = isCommitted
        this.open.delete(id)
        continue
      }
      const start = index.valueStart[i] as number
      const value = Buffer.from(index.data.subarray(start, start + (index.valueLength[i] as number))).toString()
      const inTransaction = isTransactional(bytes, at)
      const record = { offset, value, producerId: id, isCommitted: !inTransaction }
      this.records.push(record)
      if (!inTransaction) continue
      const others = this.open.get(id)
      if (others) others.push(record)
      else this.open.set(id, [record])
    }
  }
}
