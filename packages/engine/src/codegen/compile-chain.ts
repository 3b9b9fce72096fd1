import { assert } from '@millrace/std'
import type { Batch } from '../element/batch.ts'
import type { Barrier } from '../element/element.ts'
import { type ColumnType, type Field, type Schema, schemasEqual } from '../element/schema.ts'
import type { Operator, OperatorContext, OperatorSnapshot } from '../operators/operator.ts'
import { ColumnChainOutput, ObjectChainOutput, CHAIN_BATCH } from './chain-output.ts'
import { type FieldRow, fieldValue } from './row.ts'
import { type BatchLayout, type StatelessNode, StepProgram } from './step-code.ts'

export type { BatchLayout, StatelessNode } from './step-code.ts'

/** A run of stateless steps as one operator. */
export interface CompiledChain {
  readonly input: BatchLayout
  readonly output: BatchLayout
  /** Fields of the input schema that the chain reads; undefined over objects. What else comes in may be left out. */
  readonly fieldsRead: readonly string[] | undefined
  /** A new operator, with a program and output batches of its own. */
  createOperator(): Operator
}

/**
 * Compiles steps into one function that takes a batch through all of them, calling user code in place: there is no
 * collection between steps. The result is gathered in batches of 1,024 that are used again.
 *
 * @param steps one after the other; none at all makes a conversion between layouts
 * @param wanted `columns` when what follows takes both layouts: the output is columns where no step made objects
 * @throws MillraceError `PLAN_UNKNOWN_FIELD`, `PLAN_BAD_EXPRESSION`
 */
export function compileChain(
  steps: readonly StatelessNode[],
  input: BatchLayout,
  wanted: 'objects' | 'columns',
): CompiledChain {
  const { output, fieldsRead } = compileProgram(steps, input, wanted)
  const name = steps.map((step) => step.name).join(' → ') || `${input.layout} → ${output.layout}`
  return {
    input,
    output,
    fieldsRead,
    createOperator: () => new ChainOperator(name, input, compileProgram(steps, input, wanted)),
  }
}

type ChainOutput = ObjectChainOutput | ColumnChainOutput

interface ChainProgram {
  readonly run: (operator: ChainOperator, batch: Batch, output: ChainOutput) => void
  readonly steps: StepProgram['steps']
  readonly output: BatchLayout
  readonly fieldsRead: readonly string[] | undefined
}

function compileProgram(
  steps: readonly StatelessNode[],
  input: BatchLayout,
  wanted: 'objects' | 'columns',
): ChainProgram {
  const chain = new StepProgram(input)
  for (const step of steps) chain.add(step)
  chain.leave()
  const { row, program } = chain
  const schema = wanted === 'columns' && row.layout === 'fields' ? schemaOf(row) : undefined
  program.before('const OT = output.timestamps, OS = output.sources.indexes')
  if (schema !== undefined) writeFields(chain, row as FieldRow, schema)
  else {
    program.before('let OV = output.values')
    program.line(`OV[m] = ${chain.object()}`)
  }
  program.line('OT[m] = T[i]')
  program.line('OS[m] = i')
  program.line(
    `if (++m === ${CHAIN_BATCH}) { output.send(m); m = 0${schema === undefined ? '; OV = output.values' : ''} }`,
  )
  const run = program.build<ChainProgram['run']>(
    (prelude, body) => `
return function chain(operator, batch, output) {
  const n = batch.length, T = batch.timestamps
  let i = 0, step = -1, m = 0
  ${prelude}
  try {
    for (; i < n; i++) {
      ${body}
    }
    if (m > 0) { step = -1; output.send(m) }
  } catch (cause) {
    throw operator.failed(cause, step, batch, i)
  }
}`,
  )
  const fieldsRead =
    chain.columns && input.layout === 'columns'
      ? [...chain.columns.read].map((index) => (input.schema.fields[index] as Field).name)
      : undefined
  const output: BatchLayout = schema === undefined ? { layout: 'objects' } : { layout: 'columns', schema }
  return { run, steps: chain.steps, output, fieldsRead }
}

/** Undefined when a field's type is known at run time only. */
function schemaOf(row: FieldRow): Schema | undefined {
  const fields: Field[] = []
  for (const { name, type, nullable, source } of row.fields) {
    if (type === 'unknown' || type === 'null') return undefined
    // Text that was computed, such as a literal, has no column to share.
    if ((type === 'string' || type === 'bytes') && source.kind === 'computed') return undefined
    fields.push({ name, type, nullable })
  }
  return { fields }
}

/** Code that puts the fields of the current record in place `m` of the output's columns. */
function writeFields({ program, columns }: StepProgram, row: FieldRow, schema: Schema): void {
  row.fields.forEach((field, at) => {
    const target = program.fresh('o')
    if (isText(field.type as ColumnType) && field.source.kind === 'column' && columns !== undefined) {
      program.before(`const ${target} = output.text(${at}, ${columns.column(field.source.index)})`)
      program.line(`${target}.copy(i, m)`)
      return
    }
    const { code, isNull } = fieldValue(field, columns)
    program.before(`const ${target} = output.batch.columns[${at}].values`)
    program.line(`${target}[m] = ${field.type === 'boolean' ? `${code} ? 1 : 0` : code}`)
    if ((schema.fields[at] as Field).nullable) {
      const nulls = program.fresh('o')
      program.before(`const ${nulls} = output.batch.columns[${at}].nulls`)
      program.line(`${nulls}[m] = ${isNull ?? 'false'} ? 1 : 0`)
    }
  })
}

function isText(type: ColumnType): boolean {
  return type === 'string' || type === 'bytes'
}

class ChainOperator implements Operator {
  readonly name: string
  readonly #input: BatchLayout
  readonly #program: ChainProgram
  #context!: OperatorContext
  #output!: ChainOutput

  constructor(name: string, input: BatchLayout, program: ChainProgram) {
    this.name = name
    this.#input = input
    this.#program = program
  }

  open(context: OperatorContext): void {
    const { output } = this.#program
    this.#context = context
    this.#output =
      output.layout === 'columns'
        ? new ColumnChainOutput(context.output, output.schema)
        : new ObjectChainOutput(context.output)
  }

  processBatch(batch: Batch): void {
    checkLayout(batch, this.#input)
    this.#output.begin(batch)
    this.#program.run(this, batch, this.#output)
  }

  processWatermark(timestamp: number): void {
    this.#context.output.watermark(timestamp)
  }

  processStatus(idle: boolean): void {
    this.#context.output.status(idle)
  }

  endInput(): void {}

  snapshot(_barrier: Barrier): OperatorSnapshot | undefined {
    return undefined
  }

  close(): void {}

  /** Called by the program: what to throw for `cause`. An error from downstream is not this operator's. */
  failed(cause: unknown, step: number, batch: Batch, index: number): unknown {
    return step === -1 ? cause : this.#context.userError(cause, batch, index, this.#program.steps[step])
  }
}

/** A batch in another layout than planned is a defect of the planner. */
export function checkLayout(batch: Batch, planned: BatchLayout): void {
  assert(batch.layout === planned.layout, `a batch of ${batch.layout} came where ${planned.layout} were planned`)
  if (batch.layout === 'columns' && planned.layout === 'columns') {
    assert(schemasEqual(batch.schema, planned.schema), 'a batch has another schema than planned')
  }
}
