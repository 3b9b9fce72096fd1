import { type Batch, type BatchOrigin, columnBatch, type ObjectBatch, objectBatch, type Schema } from '@millrace/engine'
import { MillraceError, preview } from '@millrace/std'
import { type ColumnDecoder, type Format, FormatError } from '../formats/format.ts'
import type { LineScanner } from './line-scanner.ts'

export type OnBadLine = 'fail' | 'skip'

/** Turns lines into batches: columns where the format knows its fields, else objects. */
export class LineBatches {
  readonly #format: Format<unknown>
  readonly #decoder: ColumnDecoder | undefined
  readonly #onBadLine: OnBadLine
  readonly #positions = new Float64Array(1024)
  readonly #timestamps = new Float64Array(1024).fill(Number.NaN)
  readonly #batch: ObjectBatch
  readonly #origin: BatchOrigin
  #path = ''

  constructor(format: Format<unknown>, projection: readonly string[] | undefined, onBadLine: OnBadLine) {
    this.#format = format
    this.#decoder = format.createColumnDecoder?.(projection)
    this.#onBadLine = onBadLine
    this.#origin = { describe: (index) => `file ${this.#path}, byte ${this.#positions[index]}` }
    this.#batch = objectBatch([], this.#timestamps, 0, this.#origin)
  }

  /** The lines of the last scan; the batch is used again with the next call. */
  make(path: string, lines: LineScanner): Batch {
    this.#path = path
    return this.#decoder ? this.#columns(this.#decoder, lines) : this.#objects(lines)
  }

  #objects(lines: LineScanner): Batch {
    const { data, starts, lengths, count } = lines
    const batch = this.#batch
    let rows = 0
    for (let i = 0; i < count; i++) {
      try {
        batch.values[rows] = this.#format.decode(data, starts[i] as number, lengths[i] as number)
      } catch (cause) {
        if (!(cause instanceof FormatError)) throw cause
        this.#bad(lines, i, cause.problem)
        continue
      }
      this.#positions[rows++] = lines.positionOf(i)
    }
    batch.length = rows
    return batch
  }

  #columns(decoder: ColumnDecoder, lines: LineScanner): Batch {
    const { count } = lines
    decoder.reserve(count)
    for (let from = 0; from < count; ) {
      const before = decoder.rowCount
      const stopped = decoder.decode(lines, from, count)
      for (let i = from; i < stopped; i++) this.#positions[before + i - from] = lines.positionOf(i)
      if (stopped < count) this.#bad(lines, stopped, decoder.problem)
      from = stopped + 1
    }
    const rows = decoder.rowCount
    const schema = this.#format.schema as Schema
    return columnBatch(schema, decoder.takeColumns(), this.#timestamps, rows, this.#origin)
  }

  #bad(lines: LineScanner, index: number, problem: string): void {
    if (this.#onBadLine === 'skip') return
    const start = lines.starts[index] as number
    const bytes = lines.data.subarray(start, start + (lines.lengths[index] as number))
    throw new MillraceError('FILE_BAD_LINE', {
      message: `The line at byte ${lines.positionOf(index)} of '${this.#path}' does not fit its format: ${problem}. It begins: ${preview(bytes)}`,
      fix: "Correct the file, or let the source go on with onBadLine: 'skip'.",
    })
  }
}
