import { utf8 } from '@millrace/std'
import { columnAt, nullsOf, textReader } from '../element/column-reader.ts'
import type { ColumnType, Field, Schema } from '../element/schema.ts'
import type { Program } from './program.ts'

/** Where the current record is in a program: one object, or fields that need no object until somebody asks for it. */
export type Row = ObjectRow | FieldRow

export interface ObjectRow {
  readonly layout: 'object'
  /** The name of the local that holds it. */
  readonly value: string
}

export interface FieldRow {
  readonly layout: 'fields'
  readonly fields: readonly RowField[]
  /** The whole record as an object, once it has been made. */
  object: string | undefined
}

export interface RowField {
  readonly name: string
  readonly type: ValueType
  readonly nullable: boolean
  /** The column of the input batch that the field is, or what was computed. */
  readonly source:
    | { readonly kind: 'column'; readonly index: number }
    | { readonly kind: 'computed'; readonly value: Value }
}

/** `unknown`: of an object, known only at run time. `null`: the literal. */
export type ValueType = ColumnType | 'unknown' | 'null'

/** A value in a program: code without side effects, cheap to repeat. */
export interface Value {
  readonly type: ValueType
  /** Undefined behaviour is avoided by `isNull`: for a null this is any value of the type (false for booleans). */
  readonly code: string
  /** Code that is true when the value is null; undefined: it never is. */
  readonly isNull: string | undefined
}

/** Reads columns of the input batch; each is prepared once per batch and each value read once per record. */
export class ColumnCode {
  readonly #program: Program
  readonly #schema: Schema
  readonly #prepared = new Map<number, string>()
  #values = new Map<number, Value>()
  #textNulls = new Map<number, string>()
  /** Indexes of the columns that the program reads. */
  readonly read = new Set<number>()

  constructor(program: Program, schema: Schema) {
    this.#program = program
    this.#schema = schema
  }

  /** Runs `emit` for a branch of the program: what is read there is not known after it. */
  aside<R>(emit: () => R): R {
    const values = this.#values
    const textNulls = this.#textNulls
    this.#values = new Map(values)
    this.#textNulls = new Map(textNulls)
    try {
      return emit()
    } finally {
      this.#values = values
      this.#textNulls = textNulls
    }
  }

  /** The value of column `index` of the current record. */
  value(index: number): Value {
    const known = this.#values.get(index)
    if (known !== undefined) return known
    const { type } = this.#field(index)
    const value = type === 'string' || type === 'bytes' ? this.#text(index, type) : this.#number(index, type)
    this.#values.set(index, value)
    return value
  }

  /** Whether a text column is `literal`, without decoding it. */
  textEquals(index: number, literal: string): Value {
    const reader = this.reader(index)
    const constant = this.#program.constant({ text: literal, bytes: utf8(literal) })
    const isNull = this.#textIsNull(index, reader)
    const equals = `${reader}.equals(i, ${constant})`
    return { type: 'boolean', code: isNull === undefined ? equals : `(!${isNull} && ${equals})`, isNull }
  }

  /** The name of a column's reader. */
  reader(index: number): string {
    return this.#prepare(index, () => {
      const { type } = this.#field(index)
      const program = this.#program
      return `${program.constant(textReader)}(${this.column(index)}, ${program.constant(type)})`
    })
  }

  /** Code of the column itself. */
  column(index: number): string {
    this.read.add(index)
    return `${this.#program.constant(columnAt)}(batch, ${index})`
  }

  #number(index: number, type: ColumnType): Value {
    const program = this.#program
    const values = this.#prepare(index, () => `${this.column(index)}.values`)
    const read = program.local(`${values}[i]${type === 'boolean' ? ' === 1' : ''}`)
    if (!this.#field(index).nullable) return { type, code: read, isNull: undefined }
    const nulls = program.fresh('n')
    program.before(`const ${nulls} = ${program.constant(nullsOf)}(${this.column(index)}, batch.length)`)
    const isNull = program.local(`${nulls}[i] === 1`, 'u')
    return { type, code: type === 'boolean' ? `(${read} && !${isNull})` : read, isNull }
  }

  #text(index: number, type: ColumnType): Value {
    const reader = this.reader(index)
    const isNull = this.#textIsNull(index, reader)
    const get = `${reader}.get(i)`
    return { type, code: this.#program.local(isNull === undefined ? get : `${isNull} ? '' : ${get}`), isNull }
  }

  #textIsNull(index: number, reader: string): string | undefined {
    if (!this.#field(index).nullable) return undefined
    let isNull = this.#textNulls.get(index)
    if (isNull === undefined) {
      isNull = this.#program.local(`${reader}.isNull(i)`, 'u')
      this.#textNulls.set(index, isNull)
    }
    return isNull
  }

  #prepare(index: number, code: () => string): string {
    let name = this.#prepared.get(index)
    if (name === undefined) {
      name = this.#program.fresh('c')
      this.#prepared.set(index, name)
      this.#program.before(`const ${name} = ${code()}`)
    }
    return name
  }

  #field(index: number): Field {
    return this.#schema.fields[index] as Field
  }
}

/** The row of a batch with `schema` as it comes in. */
export function columnsRow(schema: Schema): FieldRow {
  const fields = schema.fields.map(({ name, type, nullable }, index): RowField => {
    return { name, type, nullable, source: { kind: 'column', index } }
  })
  return { layout: 'fields', fields, object: undefined }
}

export function fieldValue(field: RowField, columns: ColumnCode | undefined): Value {
  return field.source.kind === 'computed' ? field.source.value : (columns as ColumnCode).value(field.source.index)
}

/** What user code gets for the value. */
export function userValue({ code, isNull }: Value): string {
  return isNull === undefined ? code : `(${isNull} ? null : ${code})`
}

/**
 * The record as an object, in a local. `only`: a function gets it that reads just these fields and nothing else of it,
 * so it cannot notice that the others are missing.
 */
export function objectOf(
  program: Program,
  row: Row,
  columns: ColumnCode | undefined,
  only?: ReadonlySet<string>,
): string {
  if (row.layout === 'object') return row.value
  if (row.object !== undefined) return row.object
  const fields = only === undefined ? row.fields : row.fields.filter(({ name }) => only.has(name))
  const entries = fields.map((field) => `${program.propertyKey(field.name)}: ${userValue(fieldValue(field, columns))}`)
  const object = program.local(`{ ${entries.join(', ')} }`, 'v')
  if (only === undefined) row.object = object
  return object
}
