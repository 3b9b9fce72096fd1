import {
  type BatchOrigin,
  type Column,
  type ColumnBatch,
  columnBatch,
  type ObjectBatch,
  objectBatch,
} from '../element/batch.ts'
import type { Batch } from '../element/batch.ts'
import type { ColumnType, Schema } from '../element/schema.ts'
import type { Output } from '../operators/operator.ts'

/** Records per batch that a chain sends on. */
export const CHAIN_BATCH = 1024

/** Where the records of a chain's output came from: each keeps the index of the record that it was made of. */
class SourceIndexes implements BatchOrigin {
  readonly indexes = new Int32Array(CHAIN_BATCH)
  input: Batch | undefined

  describe(index: number): string {
    return this.input?.origin?.describe(this.indexes[index] as number) ?? 'a record of unknown origin'
  }
}

/**
 * Batches of objects that a chain fills in place. The array of values is a new one each time: a young object that is
 * stored in an old array costs a note for the garbage collector, which is more than the array.
 */
export class ObjectChainOutput {
  readonly batch: ObjectBatch
  values: unknown[] = new Array(CHAIN_BATCH)
  readonly timestamps = new Float64Array(CHAIN_BATCH)
  readonly sources = new SourceIndexes()
  readonly #output: Output

  constructor(output: Output) {
    this.#output = output
    this.batch = objectBatch(this.values, this.timestamps, 0)
  }

  begin(input: Batch): void {
    this.sources.input = input
    this.batch.origin = input.origin && this.sources
  }

  /** Sends on the first `length` records. */
  send(length: number): void {
    this.batch.length = length
    this.#output.batch(this.batch)
    this.values = new Array(CHAIN_BATCH)
    this.batch.values = this.values
  }
}

/** The same in columns, which are used again. Text columns keep the form that they have in the input batch. */
export class ColumnChainOutput {
  readonly batch: ColumnBatch
  readonly timestamps = new Float64Array(CHAIN_BATCH)
  readonly sources = new SourceIndexes()
  readonly #output: Output

  constructor(output: Output, schema: Schema) {
    this.#output = output
    const columns = schema.fields.map(({ type, nullable }) => emptyColumn(type, nullable))
    this.batch = columnBatch(schema, columns, this.timestamps, 0)
  }

  begin(input: Batch): void {
    this.sources.input = input
    this.batch.origin = input.origin && this.sources
  }

  send(length: number): void {
    this.batch.length = length
    this.#output.batch(this.batch)
  }

  /** Makes text column `index` of the output share the text of the input's `from`; gives what copies one entry of it. */
  text(index: number, from: Column): TextCopy {
    const target = this.batch.columns[index] as Column
    if (from.kind === 'dictionary') {
      const ids = target.kind === 'dictionary' ? target.ids : new Int32Array(CHAIN_BATCH)
      this.batch.columns[index] = { kind: 'dictionary', ids, dictionary: from.dictionary }
      return new IdCopy(from.ids, ids)
    }
    if (from.kind !== 'bytes') throw new TypeError('a text column is a dictionary or bytes')
    const { starts, lengths } = target.kind === 'bytes' ? target : emptyBytes()
    this.batch.columns[index] = { kind: 'bytes', data: from.data, starts, lengths }
    return new RangeCopy(from.starts, from.lengths, starts, lengths)
  }
}

export interface TextCopy {
  copy(from: number, to: number): void
}

class IdCopy implements TextCopy {
  readonly #from: Int32Array
  readonly #to: Int32Array

  constructor(from: Int32Array, to: Int32Array) {
    this.#from = from
    this.#to = to
  }

  copy(from: number, to: number): void {
    this.#to[to] = this.#from[from] as number
  }
}

class RangeCopy implements TextCopy {
  readonly #starts: Int32Array
  readonly #lengths: Int32Array
  readonly #toStarts: Int32Array
  readonly #toLengths: Int32Array

  constructor(starts: Int32Array, lengths: Int32Array, toStarts: Int32Array, toLengths: Int32Array) {
    this.#starts = starts
    this.#lengths = lengths
    this.#toStarts = toStarts
    this.#toLengths = toLengths
  }

  copy(from: number, to: number): void {
    this.#toStarts[to] = this.#starts[from] as number
    this.#toLengths[to] = this.#lengths[from] as number
  }
}

function emptyBytes() {
  return {
    kind: 'bytes' as const,
    data: new Uint8Array(0),
    starts: new Int32Array(CHAIN_BATCH),
    lengths: new Int32Array(CHAIN_BATCH),
  }
}

function emptyColumn(type: ColumnType, nullable: boolean): Column {
  if (type === 'string' || type === 'bytes') return emptyBytes()
  const nulls = nullable ? new Uint8Array(CHAIN_BATCH) : undefined
  const values =
    type === 'boolean'
      ? new Uint8Array(CHAIN_BATCH)
      : type === 'int32'
        ? new Int32Array(CHAIN_BATCH)
        : new Float64Array(CHAIN_BATCH)
  return { kind: 'numbers', values, nulls }
}
