import type { BatchLayout } from '../codegen/compile-chain.ts'
import type { Partitioning } from '../graph/node.ts'
import type { JobGraph, JobVertex, Step, Target } from './job-graph.ts'

/** A job as it will run, as data: what `explain --json` prints. */
export interface JobDescription {
  readonly job: string
  readonly maxParallelism: number
  readonly tasks: readonly TaskDescription[]
}

export interface TaskDescription {
  /** The id of its first operator. */
  readonly id: number
  readonly name: string
  readonly parallelism: number
  readonly inputs: readonly EdgeDescription[]
  readonly operators: readonly OperatorDescription[]
}

export interface EdgeDescription {
  readonly from: number
  readonly to: number
  /** `hash by auction`, `rebalance` … */
  readonly partitioning: string
}

export interface OperatorDescription {
  readonly id: number
  readonly kind: Step['kind']
  readonly name: string
  readonly uid: string | undefined
  /** Where the job's module added it. */
  readonly site: string | undefined
  readonly input: string
  readonly output: string
  /** Sources of columns: the fields that are decoded. */
  readonly fields: readonly string[] | undefined
  readonly key: string | undefined
  /** Ids of operators in the same task that it feeds; those of other tasks are in their `inputs`. */
  readonly feeds: readonly number[]
  readonly sideOutputs: readonly string[]
}

/** The plan as data. */
export function describeJob(graph: JobGraph): JobDescription {
  return {
    job: graph.jobName,
    maxParallelism: graph.maxParallelism,
    tasks: graph.vertices.map((vertex) => ({
      id: vertex.id,
      name: vertex.name,
      parallelism: vertex.parallelism,
      inputs: vertex.inputs.map(({ from, to, partitioning }) => ({
        from,
        to,
        partitioning: partitioningText(partitioning),
      })),
      operators: [...stepsOf(vertex.head)].map(describeStep),
    })),
  }
}

/** The plan as text: chains, edges, layouts, conversions, and where each step was added. */
export function explainJob(graph: JobGraph): string {
  const subtasks = graph.vertices.reduce((sum, vertex) => sum + vertex.parallelism, 0)
  const head = `Job '${graph.jobName}': ${count(graph.vertices.length, 'task')}, ${count(subtasks, 'subtask')}, ${graph.maxParallelism} key groups`
  return [head, ...graph.vertices.map(vertexText)].join('\n\n')
}

function vertexText(vertex: JobVertex): string {
  const lines = [`Task ${vertex.id} (${count(vertex.parallelism, 'subtask')})`]
  for (const { from, partitioning } of vertex.inputs)
    lines.push(`  reads task ${from}: ${partitioningText(partitioning)}`)
  const rows: [string, string][] = []
  addRows(vertex.head, '  ', rows)
  const width = Math.max(...rows.map(([left]) => left.length))
  for (const [left, site] of rows) lines.push(site === '' ? left : `${left.padEnd(width)}  ${site}`)
  return lines.join('\n')
}

/** One row per operator; branches are indented. */
function addRows(step: Step, indent: string, rows: [string, string][]): void {
  rows.push([`${indent}${stepText(step)}`, step.site ?? ''])
  const targets = [
    ...step.next.map((target) => ({ target, label: '' })),
    ...step.sides.flatMap(({ tag, next }) => next.map((target) => ({ target, label: `side output ${tag}` }))),
  ]
  const forked = targets.length > 1
  for (const { target, label } of targets) {
    const below = forked || label !== '' ? `${indent}  ` : indent
    if (target.kind === 'edge') {
      rows.push([
        `${below}→ ${label === '' ? '' : `${label}: `}task ${target.edge.to} (${partitioningText(target.edge.partitioning)})`,
        '',
      ])
      continue
    }
    if (forked || label !== '') rows.push([`${indent}└ ${label || 'branch'}`, ''])
    addRows(target.step, below, rows)
  }
}

function stepText(step: Step): string {
  const details: string[] = []
  if (step.kind === 'source') {
    details.push(step.conversion ? 'columns → objects, for time stamps by a function' : layoutText(step.output))
    if (step.output.layout === 'columns') {
      const all = step.projection === undefined || step.projection.length === step.output.schema.fields.length
      details.push(all ? 'reads all fields' : `reads ${step.projection.join(', ') || 'no field'}`)
    }
  } else if (step.kind === 'convert') {
    return `conversion: columns → objects`
  } else if (step.kind === 'sink') {
    details.push(layoutText(step.input))
  } else {
    details.push(
      step.input.layout === step.output.layout
        ? layoutText(step.input)
        : `${layoutText(step.input)} → ${layoutText(step.output)}`,
    )
  }
  if (step.kind === 'window' && step.compiled) details.push('panes')
  const key = keyText(step)
  if (key !== undefined) details.push(`key: ${key}`)
  if (step.uid !== undefined) details.push(`uid: ${step.uid}`)
  return `${step.name}  [${details.join('; ')}]`
}

function describeStep(step: Step): OperatorDescription {
  return {
    id: step.id,
    kind: step.kind,
    name: step.name,
    uid: step.uid,
    site: step.site,
    input: layoutText(step.input),
    output: layoutText(step.output),
    fields: step.kind === 'source' ? step.projection : undefined,
    key: keyText(step),
    feeds: [...step.next, ...step.sides.flatMap((side) => side.next)].flatMap((target) =>
      target.kind === 'step' ? [target.step.id] : [],
    ),
    sideOutputs: step.sides.map((side) => side.tag),
  }
}

/** All steps of a task, in stream order. */
export function* stepsOf(step: Step): Generator<Step> {
  yield step
  const targets: readonly Target[] = [...step.next, ...step.sides.flatMap((side) => side.next)]
  for (const target of targets) if (target.kind === 'step') yield* stepsOf(target.step)
}

function layoutText(layout: BatchLayout): string {
  return layout.layout
}

function keyText(step: Step): string | undefined {
  if ((step.kind !== 'process' && step.kind !== 'window') || step.key === undefined) return undefined
  return step.key.kind === 'closure' ? 'by a function' : fieldName(step.key.expression)
}

function partitioningText(partitioning: Partitioning): string {
  if (partitioning.kind !== 'hash') return partitioning.kind
  return partitioning.key.kind === 'closure' ? 'hash of the key' : `hash of ${fieldName(partitioning.key.expression)}`
}

function fieldName(expression: { readonly kind: string; readonly name?: string }): string {
  return expression.name ?? 'an expression'
}

const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`
