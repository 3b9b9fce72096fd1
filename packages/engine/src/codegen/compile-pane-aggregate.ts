import type { Field } from '../element/schema.ts'
import type { KeySelector } from '../graph/node.ts'
import type { Operator, StepName } from '../operators/operator.ts'
import { contentsOf } from '../operators/window/contents.ts'
import type { WindowDefinition } from '../operators/window/definition.ts'
import type { FirstColumn, Pane } from '../operators/window/pane.ts'
import { PaneAggregateOperator } from '../operators/window/pane-aggregate.ts'
import { countFunction, numberFunction, type PaneFunction, valueFunction } from '../operators/window/pane-function.ts'
import { type PaneGeometry, paneGeometry } from '../operators/window/pane-geometry.ts'
import { checkLayout } from './compile-chain.ts'
import { findField } from './expression-code.ts'
import { keySlot } from './key-code.ts'
import { Program } from './program.ts'
import { type FieldRow, fieldValue, type Row, type RowField, userValue } from './row.ts'
import { type BatchLayout, type StatelessNode, StepProgram } from './step-code.ts'

/** A window over panes, with the stateless steps in front of it in the same loop. */
export interface CompiledPaneAggregate {
  readonly input: BatchLayout
  /** Fields of the input schema that are read; undefined over objects. What else comes in may be left out. */
  readonly fieldsRead: readonly string[] | undefined
  /** A new operator, with a program and state of its own. */
  createOperator(): Operator
}

export interface PaneAggregateDraft {
  /** Of the task's part that this is: `filter → tumbling window (1 s) count`. */
  readonly name: string
  /** Steps between the input and the key. */
  readonly steps: readonly StatelessNode[]
  readonly input: BatchLayout
  /** Undefined for windows over the whole stream. */
  readonly key: KeySelector | undefined
  /** The keyBy, for errors of its function; the window when there is none. */
  readonly keyStep: StepName
  readonly windowStep: StepName
  readonly window: WindowDefinition
}

/** Whether {@link compilePaneAggregate} takes a window; what it does not take is for the general window operator. */
export function canUsePanes(window: WindowDefinition): boolean {
  const { assigner, trigger, evictor, function: fn } = window
  if (
    evictor !== undefined ||
    assigner.kind === 'global' ||
    assigner.time !== 'event' ||
    (trigger !== undefined && trigger.kind !== 'eventTime')
  ) {
    return false
  }
  if (fn.kind === 'process' || ((fn.kind === 'reduce' || fn.kind === 'aggregate') && fn.finish !== undefined))
    return false
  return paneGeometry(assigner, fn.kind === 'count') !== undefined
}

/**
 * Compiles steps, key and window into one function that takes a batch from its columns (or objects) to the panes' columns:
 * there is no collection, object or call per record in between, other than what user functions need.
 *
 * @throws MillraceError `PLAN_UNKNOWN_FIELD`, `PLAN_BAD_EXPRESSION`
 */
export function compilePaneAggregate(draft: PaneAggregateDraft): CompiledPaneAggregate {
  const { columns } = compileProgram(draft)
  const { input } = draft
  const fieldsRead =
    columns && input.layout === 'columns'
      ? [...columns.read].map((index) => (input.schema.fields[index] as Field).name)
      : undefined
  return { input, fieldsRead, createOperator: () => createOperator(draft) }
}

function createOperator(draft: PaneAggregateDraft): Operator {
  const { run, steps, geometry, accumulation } = compileProgram(draft)
  const { allowedLateness, lateTag } = draft.window
  return new PaneAggregateOperator({
    name: draft.name,
    step: draft.windowStep,
    steps,
    geometry,
    allowedLateness,
    lateTag,
    fn: accumulation.fn,
    run,
    checkBatch: (batch) => checkLayout(batch, draft.input),
  })
}

/** How records are added: the code that does it for the record at hand, and what is not generated. */
interface Accumulation {
  readonly fn: PaneFunction
  /** Names of locals that hold arrays of the pane `P`, and what they are: `['A', 'numbers']`. */
  readonly arrays: readonly (readonly [name: string, property: string])[]
  /** Lines that add the record to `slot` of the pane; `P.touch` is called for a key that is new there. */
  readonly lines: string
}

const ENTER = 'P.touch(slot)'
/** Where the pane's arrays are read again. A comment: no name in a program is like it. */
const LOAD = '/*load*/'

function compileProgram(draft: PaneAggregateDraft) {
  const chain = new StepProgram(draft.input)
  const { program } = chain
  for (const step of draft.steps) chain.add(step)
  // A record that no window takes is refused before its key is asked for.
  chain.enter(draft.windowStep)
  const windowStep = chain.steps.length - 1
  const timestamp = program.local('T[i]')
  const geometry = paneGeometry(draft.window.assigner, draft.window.function.kind === 'count') as PaneGeometry
  const single = geometry.shared || geometry.slide >= geometry.size
  const refused = chain.columns?.aside(() => lateRecord(chain, draft)) ?? lateRecord(chain, draft)
  program.line(`if (!(${timestamp} >= low && ${timestamp} < high)) {
    const span = operator.select(${timestamp})
    if (span === undefined) { ${refused}; step = -1; operator.refuse(late, ${timestamp}, i); continue }
    low = span.low; high = span.high; panes = span.panes
    ${single ? `P = panes[0]; ${LOAD}` : ''}
  }`)
  if (draft.key !== undefined) chain.enter(draft.keyStep)
  keySlot(chain, draft.key)
  program.line(`step = ${windowStep}`)
  const accumulation = accumulate(chain, draft.window)
  const load = accumulation.arrays.map(([name, property]) => `${name} = P.${property}`).join('; ')
  const again = draft.window.allowedLateness > 0 ? 'if (P.hasFired) { step = -1; operator.fireAgain(P, slot, i) }' : ''
  const reserve = 'if (slot >= P.capacity) P.reserve(slot + 1)'
  if (single) program.line(`if (slot >= capacity) { ${reserve}; ${LOAD} }\n${accumulation.lines}\n${again}`)
  else {
    const declared = accumulation.arrays.map(([name, property]) => `const ${name} = P.${property}`).join('; ')
    program.line(`for (let w = 0; w < panes.length; w++) {
      const P = panes[w]
      ${reserve}
      ${declared}
      step = ${windowStep}
      ${accumulation.lines}
      ${again}
    }`)
  }
  const reload = `${load}; capacity = P.capacity`
  const locals = single
    ? `let P = panes.length === 0 ? undefined : panes[0], ${accumulation.arrays.map(([name]) => name).join(', ')}, capacity = 0
       if (P !== undefined) { ${reload} }`
    : ''
  const run = program.build<(operator: PaneAggregateOperator, batch: unknown) => void>((prelude, body) =>
    `
return function window(operator, batch) {
  const n = batch.length, T = batch.timestamps
  const keys = operator.keys, integers = keys.integers
  let E = integers.entries, M = integers.mask, H = integers.shift
  let { low, high, panes } = operator.span
  ${locals}
  let i = 0, step = -1
  ${prelude}
  try {
    for (; i < n; i++) {
      ${body}
    }
  } catch (cause) {
    throw operator.failed(cause, step, batch, i)
  }
}`.replaceAll(LOAD, () => reload),
  )
  return { run, steps: chain.steps, geometry, accumulation, columns: chain.columns }
}

/** Code that makes `late` what the side output for late records gets. */
function lateRecord(chain: StepProgram, { window }: PaneAggregateDraft): string {
  if (window.lateTag === undefined) return 'const late = undefined'
  const { row } = chain
  if (row.layout === 'object') return `const late = ${row.value}`
  if (row.object !== undefined) return `const late = ${row.object}`
  const lines: string[] = []
  const object = chain.program.captured(lines, () => chain.object())
  row.object = undefined
  return `${lines.join('\n')}\nconst late = ${object}`
}

function accumulate(chain: StepProgram, { function: fn }: WindowDefinition): Accumulation {
  if (fn.kind === 'count') {
    return { fn: countFunction, arrays: [['A', 'numbers']], lines: `if (A[slot]++ === 0) ${ENTER}` }
  }
  if (fn.kind === 'sum' || fn.kind === 'min' || fn.kind === 'max') {
    const number = numberField(chain.row, fn.field.name)
    if (number !== undefined) return accumulateNumber(chain, fn.kind, number)
  }
  return accumulateValue(chain, fn)
}

/** The field, when it is a number in a column or computed, never null. */
function numberField(row: Row, name: string | number): RowField | undefined {
  if (row.layout === 'object' || row.object !== undefined) return undefined
  const field = findField(row.fields, String(name))
  const isNumber =
    field.type === 'int32' || field.type === 'int64' || field.type === 'float64' || field.type === 'timestamp'
  return isNumber && !field.nullable ? field : undefined
}

function accumulateNumber(chain: StepProgram, kind: 'sum' | 'min' | 'max', field: RowField): Accumulation {
  const row = chain.row as FieldRow
  const others = row.fields.filter((other) => other !== field)
  const firsts = others.map(firstColumn)
  const arrays: [string, string][] = [
    ['A', 'numbers'],
    ['S', 'seen'],
    ...firsts.map((_, i): [string, string] => [`F${i}`, `firsts[${i}]`]),
  ]
  const x = fieldValue(field, chain.columns).code
  const add = kind === 'sum' ? `A[slot] += ${x}` : `if (${x} ${kind === 'min' ? '<' : '>'} A[slot]) A[slot] = ${x}`
  const keep: string[] = []
  chain.columns?.aside(() =>
    chain.program.captured(keep, () => {
      others.forEach((other, i) => {
        const value = fieldValue(other, chain.columns)
        chain.program.line(`F${i}[slot] = ${firsts[i] === 'value' ? userValue(value) : value.code}`)
      })
    }),
  )
  const make = new Program()
  const entries = row.fields.map((each) => {
    const at = others.indexOf(each)
    return `${make.propertyKey(each.name)}: ${at === -1 ? 'pane.numbers[slot]' : `pane.firsts[${at}][slot]`}`
  })
  const constructor = make.build<(pane: Pane, slot: number) => unknown>(
    () => `return function result(pane, slot) { return { ${entries.join(', ')} } }`,
  )
  const described = `${kind} ${field.name} of ${row.fields.map(({ name, type }) => `${name} ${type}`).join(', ')}`
  return {
    fn: numberFunction(described, { kind: 'number', firsts }, constructor),
    arrays,
    lines: `if (S[slot] === 1) { ${add} } else { S[slot] = 1; A[slot] = ${x}; ${keep.join('\n')}\n${ENTER} }`,
  }
}

function firstColumn({ type, nullable }: RowField): FirstColumn {
  if (nullable) return 'value'
  return type === 'int32'
    ? 'int32'
    : type === 'int64' || type === 'float64' || type === 'timestamp'
      ? 'float64'
      : 'value'
}

/** Over objects: what the general window operator does, without its state handles. */
function accumulateValue(chain: StepProgram, fn: WindowDefinition['function']): Accumulation {
  const { program } = chain
  const contents = contentsOf(fn)
  const record = chain.object()
  const arrays = [
    ['A', 'values'],
    ['S', 'seen'],
  ] as const
  const described = 'field' in fn ? `${fn.kind} ${fn.field.name}` : fn.kind
  if (contents.kind === 'reducing') {
    const reduce = program.constant(contents.reduce)
    const lines = `if (S[slot] === 1) A[slot] = ${reduce}(A[slot], ${record}); else { S[slot] = 1; A[slot] = ${record}; ${ENTER} }`
    return { fn: valueFunction(described, undefined), arrays, lines }
  }
  if (contents.kind !== 'aggregating') throw new Error(`windows of ${fn.kind} are not made of panes`)
  const { aggregate } = contents
  const add = program.constant((value: never, accumulator: unknown) => aggregate.add(value, accumulator))
  const create = program.constant(() => aggregate.createAccumulator())
  const lines = `if (S[slot] === 1) A[slot] = ${add}(${record}, A[slot]); else { A[slot] = ${add}(${record}, ${create}()); S[slot] = 1; ${ENTER} }`
  return { fn: valueFunction(described, aggregate), arrays, lines }
}
