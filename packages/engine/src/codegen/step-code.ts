import type { Schema } from '../element/schema.ts'
import type { FilterNode, FlatMapNode, MapNode, SelectNode, WhereNode } from '../graph/node.ts'
import type { StepName } from '../operators/operator.ts'
import { ExpressionCompiler, findField } from './expression-code.ts'
import { fieldsReadBy, isUnary } from './field-usage.ts'
import { FlatMapCursor, isPromise, promiseReturned } from './flat-map-cursor.ts'
import { Program } from './program.ts'
import { ColumnCode, columnsRow, objectOf, type Row, type RowField } from './row.ts'

/** Steps that look at one record at a time and keep nothing. */
export type StatelessNode = MapNode | FilterNode | FlatMapNode | SelectNode | WhereNode

/** What comes in: objects, or columns of a schema. */
export type BatchLayout = { readonly layout: 'objects' } | { readonly layout: 'columns'; readonly schema: Schema }

/**
 * A program that takes each record of a batch through the steps of a chain. In its text, `i` is the index of the record
 * in the batch, and `step` says which step's user code runs, for errors; a filter leaves the turn with `continue`.
 */
export class StepProgram {
  readonly program = new Program()
  readonly columns: ColumnCode | undefined
  readonly expressions: ExpressionCompiler
  /** Steps by the number that `step` has while their code runs. */
  readonly steps: StepName[] = []
  /** The record after the steps so far. */
  row: Row

  constructor(input: BatchLayout) {
    if (input.layout === 'columns') {
      this.columns = new ColumnCode(this.program, input.schema)
      this.row = columnsRow(input.schema)
    } else {
      this.columns = undefined
      this.program.before('const V = batch.values')
      this.row = { layout: 'object', value: this.program.local('V[i]', 'v') }
    }
    this.expressions = new ExpressionCompiler(this.program, this.columns)
  }

  /** From here on errors are those of this step. */
  enter(step: StepName): void {
    this.steps.push(step)
    this.program.line(`step = ${this.steps.length - 1}`)
  }

  /** Errors are no user's from here on. */
  leave(): void {
    this.program.line('step = -1')
  }

  add(node: StatelessNode): void {
    this.enter(node)
    switch (node.kind) {
      case 'map':
        this.row = { layout: 'object', value: this.call(node.fn, 'map()') }
        return
      case 'filter':
        return this.#filter(node)
      case 'flatMap':
        return this.#flatMap(node)
      case 'select':
        this.row = this.#select(node)
        return
      case 'where':
        return this.expressions.keepWhere(node.predicate, this.row)
    }
  }

  /** Calls a function of the user with the record; refuses a promise, looking at the first result of each batch. */
  call(fn: (value: never) => unknown, method: string): string {
    const { program } = this
    const result = program.local(`${program.constant(fn)}(${this.objectFor(fn)})`, 'v')
    const checked = program.fresh('p')
    program.before(`let ${checked} = false`)
    program.line(
      `if (!${checked}) { ${checked} = true; if (${program.constant(isPromise)}(${result})) throw ${program.constant(promiseReturned)}(${program.constant(method)}) }`,
    )
    return result
  }

  /** The record as an object for a function, with just the fields that the function reads where that is proved. */
  objectFor(fn: (value: never) => unknown): string {
    const { row } = this
    if (row.layout === 'object' || row.object !== undefined) return objectOf(this.program, row, this.columns)
    const only = fieldsReadBy(fn, new Set(row.fields.map(({ name }) => name)))
    return objectOf(this.program, row, this.columns, only)
  }

  /** The record as an object that may be kept. */
  object(): string {
    return objectOf(this.program, this.row, this.columns)
  }

  #filter({ fn }: FilterNode): void {
    const { program } = this
    const kept = program.local(`${program.constant(fn)}(${this.objectFor(fn)})`, 'b')
    // As in JavaScript anything truthy keeps the record, but a promise is no answer.
    program.line(`if (${kept} !== true && (${kept} === false || !${program.constant(isTruthy)}(${kept}))) continue`)
  }

  #flatMap({ fn }: FlatMapNode): void {
    const { program } = this
    const step = this.steps.length - 1
    const cursor = new FlatMapCursor()
    const K = program.constant(cursor)
    const collects = !isUnary(fn)
    const given = collects
      ? `${this.object()}, ${program.constant(cursor.collector)}`
      : this.objectFor(fn as unknown as (value: never) => unknown)
    const records = program.fresh('r')
    const more = program.fresh('m')
    const at = program.fresh('j')
    program.line(`let ${records} = ${program.constant(fn)}(${given})`)
    program.line(`let ${more} = false`)
    program.line(
      `if (!Array.isArray(${records})${collects ? ` || ${K}.hasCollected` : ''}) { ${records} = ${K}.first(${records}); ${more} = true }`,
    )
    program.open(
      'for (;;) {',
      `if (!${more}) break\nstep = ${step}\n${records} = ${K}.next()\nif (${records}.length === 0) break\n}`,
    )
    program.open(`for (let ${at} = 0; ${at} < ${records}.length; ${at}++) {`)
    this.row = { layout: 'object', value: program.local(`${records}[${at}]`, 'v') }
  }

  #select({ fields }: SelectNode): Row {
    const { row } = this
    const selected = fields.map(({ name, expression }): RowField => {
      // A column that only gets another name is read when somebody asks for it.
      if (expression.kind === 'field' && row.layout === 'fields') {
        const { type, nullable, source } = findField(row.fields, expression.name)
        return { name, type, nullable, source }
      }
      const value = this.expressions.compile(expression, row)
      return { name, type: value.type, nullable: value.isNull !== undefined, source: { kind: 'computed', value } }
    })
    return { layout: 'fields', fields: selected, object: undefined }
  }
}

function isTruthy(kept: unknown): boolean {
  if (isPromise(kept)) throw promiseReturned('filter()')
  return Boolean(kept)
}
