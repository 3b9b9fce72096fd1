import { assert } from '@millrace/std'
import type { BytesColumn, Column, ColumnBatch, DictionaryColumn, NumberColumn } from './batch.ts'

/** A column of strings or bytes as values, whatever its form. A text is decoded when it is asked for. */
export interface TextReader {
  isNull(index: number): boolean
  /** Not for a null. Bytes are a copy. */
  get(index: number): string | Uint8Array
  /** Whether the value, which is not null, is this literal. */
  equals(index: number, literal: TextLiteral): boolean
}

/** A string constant with its UTF-8 bytes at hand. */
export interface TextLiteral {
  readonly text: string
  readonly bytes: Uint8Array
}

export function textReader(column: Column, type: 'string' | 'bytes'): TextReader {
  if (column.kind === 'dictionary') return new DictionaryReader(column)
  assert(column.kind === 'bytes', `a ${type} column holds ${column.kind}`)
  return type === 'string' ? new StringReader(column) : new BytesReader(column)
}

class DictionaryReader implements TextReader {
  readonly #ids: Int32Array
  readonly #dictionary: DictionaryColumn['dictionary']

  constructor({ ids, dictionary }: DictionaryColumn) {
    this.#ids = ids
    this.#dictionary = dictionary
  }

  isNull(index: number): boolean {
    return this.#ids[index] === -1
  }

  get(index: number): string {
    return this.#dictionary.get(this.#ids[index] as number)
  }

  equals(index: number, literal: TextLiteral): boolean {
    return this.#dictionary.get(this.#ids[index] as number) === literal.text
  }
}

class BytesReader implements TextReader {
  readonly data: Buffer
  readonly starts: Int32Array
  readonly lengths: Int32Array

  constructor({ data, starts, lengths }: BytesColumn) {
    this.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    this.starts = starts
    this.lengths = lengths
  }

  isNull(index: number): boolean {
    return this.lengths[index] === -1
  }

  get(index: number): string | Uint8Array {
    const start = this.starts[index] as number
    return Uint8Array.prototype.slice.call(this.data, start, start + (this.lengths[index] as number))
  }

  equals(index: number, { bytes }: TextLiteral): boolean {
    const { data } = this
    const length = this.lengths[index] as number
    if (length !== bytes.length) return false
    const start = this.starts[index] as number
    for (let i = 0; i < length; i++) if (data[start + i] !== bytes[i]) return false
    return true
  }
}

class StringReader extends BytesReader {
  override get(index: number): string {
    const start = this.starts[index] as number
    return this.data.toString('utf8', start, start + (this.lengths[index] as number))
  }
}

let noNulls = new Uint8Array(4096)

/** A column's nulls: where there are none, an array of zeros. */
export function nullsOf(column: NumberColumn, length: number): Uint8Array {
  if (column.nulls !== undefined) return column.nulls
  if (noNulls.length < length) noNulls = new Uint8Array(length * 2)
  return noNulls
}

/** A column that the pipeline reads. */
export function columnAt(batch: ColumnBatch, index: number): Column {
  const column = batch.columns[index]
  assert(column !== undefined, `the source left out the column ${batch.schema.fields[index]?.name}, which is read`)
  return column
}
