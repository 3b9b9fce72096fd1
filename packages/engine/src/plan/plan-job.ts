import { MillraceError } from '@millrace/std'
import { type BatchLayout, compileChain, type StatelessNode } from '../codegen/compile-chain.ts'
import { canUsePanes, compilePaneAggregate } from '../codegen/compile-pane-aggregate.ts'
import type { KeySelector, LogicalGraph, LogicalNode, Partitioning, SourceNode, WindowNode } from '../graph/node.ts'
import type { WatermarkStrategy } from '../time/watermark-strategy.ts'
import { type OperatorInput, type OperatorNode, inputsOf, isOperatorNode } from './inputs.ts'
import type { JobEdge, JobGraph, JobVertex, Step, Target } from './job-graph.ts'

const objects: BatchLayout = Object.freeze({ layout: 'objects' })

interface Reader {
  readonly reader: OperatorNode
  readonly input: OperatorInput
}

/**
 * Makes the job graph: joins operators into vertices, decides the layout on every step, puts conversions where layouts
 * meet, and pushes the fields that are read into the sources.
 *
 * @throws MillraceError when the graph cannot run: no sink, a side output of a step that has none
 */
export function planJob(graph: LogicalGraph): JobGraph {
  return new Planner(graph).plan()
}

class Planner {
  readonly #graph: LogicalGraph
  readonly #inputs = new Map<OperatorNode, readonly OperatorInput[]>()
  readonly #readers = new Map<OperatorNode, Reader[]>()
  /** Edges into a vertex, by the node it begins with; filled while the vertices before it are made. */
  readonly #edges = new Map<OperatorNode, JobEdge[]>()
  #edgeId = 0

  constructor(graph: LogicalGraph) {
    this.#graph = graph
  }

  plan(): JobGraph {
    const operators = this.#graph.nodes.filter(isOperatorNode)
    if (!operators.some((node) => node.kind === 'sink')) {
      throw new MillraceError('API_NO_SINK', {
        message: `Job '${this.#graph.jobName}' has no sink: its records would go nowhere.`,
        fix: 'End a stream with sinkTo(…) or print().',
      })
    }
    checkUids(operators)
    for (const node of operators) {
      const inputs = inputsOf(node)
      this.#inputs.set(node, inputs)
      for (const input of inputs) {
        const readers = this.#readers.get(input.from) ?? []
        readers.push({ reader: node, input })
        this.#readers.set(input.from, readers)
      }
    }
    const heads = operators.filter((node) => !this.#isChained(node))
    const vertices: JobVertex[] = []
    for (const head of heads) {
      const step = this.#step(head, objects, head)
      vertices.push({
        id: head.id,
        name: nameOf(step),
        parallelism: this.#parallelismOf(head),
        inputs: [],
        head: step,
      })
    }
    return {
      jobName: this.#graph.jobName,
      maxParallelism: this.#graph.maxParallelism,
      watermarkIntervalMs: this.#graph.watermarkIntervalMs,
      // A vertex may read one that was made after it only through ids; edges are known when all are made.
      vertices: vertices.map((vertex, i) => ({ ...vertex, inputs: this.#edges.get(heads[i] as OperatorNode) ?? [] })),
    }
  }

  /** Joined with the operator before it: one input, the same subtask. */
  #isChained(node: OperatorNode): boolean {
    const inputs = this.#inputs.get(node) ?? []
    const [input] = inputs
    return inputs.length === 1 && input !== undefined && this.#edgePartitioning(input, node).kind === 'forward'
  }

  /** What is really done on the edge: between one subtask and one there is nothing to decide. */
  #edgePartitioning(input: OperatorInput, to: OperatorNode): Partitioning {
    const from = this.#parallelismOf(input.from)
    const target = this.#parallelismOf(to)
    if (from === 1 && target === 1) return { kind: 'forward' }
    if (input.partitioning.kind === 'forward' && from !== target) return { kind: 'rebalance' }
    return input.partitioning
  }

  #parallelismOf(node: OperatorNode): number {
    return node.parallelism ?? this.#graph.parallelism
  }

  #step(node: OperatorNode, input: BatchLayout, head: OperatorNode): Step {
    const base = {
      id: node.id,
      name: node.name,
      site: node.site,
      uid: node.uid,
      input,
      sides: [],
    }
    switch (node.kind) {
      case 'source': {
        const { schema } = node.source
        const given: BatchLayout = schema ? { layout: 'columns', schema } : objects
        const conversion =
          given.layout === 'columns' && needsRecords(node.watermarks) ? compileChain([], given, 'objects') : undefined
        const output = conversion ? objects : given
        const next = this.#next(node, output, head)
        const projection = conversion ? undefined : projectionOf(node, next)
        return { kind: 'source', ...base, node, conversion, projection, output, next }
      }
      case 'map':
      case 'filter':
      case 'flatMap':
      case 'select':
      case 'where':
        return this.#chain(node, input, head)
      case 'watermarks':
        return { kind: 'watermarks', ...base, node, output: input, next: this.#next(node, input, head) }
      case 'process':
        return {
          kind: 'process',
          ...base,
          node,
          key: keyOf(node.input),
          output: objects,
          // Once per node: asking makes the edges.
          sides: this.#sides(node, head),
          next: this.#next(node, objects, head),
        }
      case 'window':
        return this.#window([], node, input, head)
      case 'sink':
        return { kind: 'sink', ...base, node, output: objects, next: [] }
    }
  }

  /** As many stateless operators as follow one another without a fork. */
  #chain(first: StatelessNode, input: BatchLayout, head: OperatorNode): Step {
    const nodes: StatelessNode[] = [first]
    let last: StatelessNode = first
    for (;;) {
      const readers: readonly Reader[] = this.#readers.get(last) ?? []
      const next: OperatorNode | undefined = readers[0]?.reader
      if (readers.length !== 1 || next === undefined || !isStateless(next) || !this.#isChained(next)) break
      nodes.push(next)
      last = next
    }
    const readers = this.#readers.get(last) ?? []
    const only = readers.length === 1 ? readers[0]?.reader : undefined
    if (only?.kind === 'window' && this.#isChained(only) && canUsePanes(only.window)) {
      return this.#window(nodes, only, input, head)
    }
    // A fork of which one branch takes columns gets columns; the other converts.
    const wanted = readers.some((each) => this.#takesColumns(each)) ? 'columns' : 'objects'
    const compiled = compileChain(nodes, input, wanted)
    const { output } = compiled
    return {
      kind: 'chain',
      id: last.id,
      name: nodes.map((node) => node.name).join(' → '),
      site: first.site,
      uid: last.uid,
      input,
      output,
      compiled,
      sides: [],
      next: this.#next(last, output, head),
    }
  }

  /** A window with the stateless operators before it: in one loop where panes can be used. */
  #window(before: readonly StatelessNode[], node: WindowNode, input: BatchLayout, head: OperatorNode): Step {
    const key = keyOf(node.input)
    const name = [...before, node].map((each) => each.name).join(' → ')
    const compiled = canUsePanes(node.window)
      ? compilePaneAggregate({
          name,
          steps: before,
          input,
          key,
          keyStep: key === undefined ? node : node.input,
          windowStep: node,
          window: node.window,
        })
      : undefined
    return {
      kind: 'window',
      id: node.id,
      name,
      site: node.site,
      uid: node.uid,
      input,
      output: objects,
      node,
      key,
      compiled,
      sides: this.#sides(node, head),
      next: this.#next(node, objects, head),
    }
  }

  #next(node: OperatorNode, layout: BatchLayout, head: OperatorNode): readonly Target[] {
    const readers = (this.#readers.get(node) ?? []).filter(({ input }) => input.tag === undefined)
    return this.#targets(readers, layout, node, head)
  }

  #sides(node: OperatorNode, head: OperatorNode): Step['sides'] {
    const readers = (this.#readers.get(node) ?? []).filter(({ input }) => input.tag !== undefined)
    const byTag = Map.groupBy(readers, ({ input }) => input.tag as string)
    return [...byTag].map(([tag, tagged]) => ({ tag, next: this.#targets(tagged, objects, node, head) }))
  }

  /** Readers that take objects share one conversion. */
  #targets(readers: readonly Reader[], layout: BatchLayout, from: OperatorNode, head: OperatorNode): readonly Target[] {
    const asTheyAre = readers.filter((each) => layout.layout === 'objects' || this.#takesColumns(each))
    const converted = readers.filter((each) => !asTheyAre.includes(each))
    const targets = asTheyAre.map((each) => this.#target(each, layout, head))
    if (converted.length === 0) return targets
    const compiled = compileChain([], layout, 'objects')
    const step: Step = {
      kind: 'convert',
      compiled,
      id: from.id,
      name: 'to objects',
      site: from.site,
      uid: undefined,
      input: layout,
      output: objects,
      sides: [],
      next: converted.map((each) => this.#target(each, objects, head)),
    }
    return [...targets, { kind: 'step', step }]
  }

  #target({ reader, input }: Reader, layout: BatchLayout, head: OperatorNode): Target {
    if (this.#isChained(reader)) return { kind: 'step', step: this.#step(reader, layout, head) }
    const edge: JobEdge = {
      id: ++this.#edgeId,
      partitioning: this.#edgePartitioning(input, reader),
      fromParallelism: this.#parallelismOf(input.from),
      toParallelism: this.#parallelismOf(reader),
      from: head.id,
      to: reader.id,
    }
    const edges = this.#edges.get(reader) ?? []
    edges.push(edge)
    this.#edges.set(reader, edges)
    return { kind: 'edge', edge }
  }

  /** Edges between subtasks carry objects; so do functions of the user that keep records. */
  #takesColumns({ reader }: Reader): boolean {
    if (!this.#isChained(reader)) return false
    switch (reader.kind) {
      case 'sink':
        return reader.sink.layout === 'columns'
      case 'watermarks':
        return !needsRecords(reader.strategy)
      case 'process':
        return false
      case 'window':
        return canUsePanes(reader.window)
      default:
        return true
    }
  }
}

/** Functions of the user see records as objects. */
function needsRecords(strategy: WatermarkStrategy<unknown> | undefined): boolean {
  return strategy !== undefined && (strategy.timestampOf !== undefined || strategy.generator.kind === 'custom')
}

/** The fields that the readers of a source read; undefined: all, or the records have no schema. */
function projectionOf(node: SourceNode, next: readonly Target[]): readonly string[] | undefined {
  if (node.source.schema === undefined) return undefined
  const timestampField = node.watermarks?.timestampField
  const fields = new Set<string>(timestampField === undefined ? [] : [timestampField])
  for (const target of next) {
    const read = target.kind === 'step' && 'compiled' in target.step ? target.step.compiled?.fieldsRead : undefined
    if (read === undefined) return undefined
    for (const name of read) fields.add(name)
  }
  // In the order of the schema, so that a plan does not depend on how it was walked.
  return node.source.schema.fields.map((field) => field.name).filter((name) => fields.has(name))
}

function isStateless(node: OperatorNode): node is StatelessNode {
  return (
    node.kind === 'map' ||
    node.kind === 'filter' ||
    node.kind === 'flatMap' ||
    node.kind === 'select' ||
    node.kind === 'where'
  )
}

/** Two operators with one uid would get each other's state. */
function checkUids(operators: readonly OperatorNode[]): void {
  const seen = new Map<string, OperatorNode>()
  for (const node of operators) {
    if (node.uid === undefined) continue
    const other = seen.get(node.uid)
    if (other) {
      throw new MillraceError('API_DUPLICATE_UID', {
        message: `'${other.name}' (${other.site}) and '${node.name}' (${node.site}) have the same uid '${node.uid}'.`,
        fix: 'Give each its own: the uid names the state of one operator.',
      })
    }
    seen.set(node.uid, node)
  }
}

/** `lines → flatMap → window`, along the first branch. */
function nameOf(step: Step): string {
  const names = [step.name]
  for (let target = step.next[0]; target?.kind === 'step'; target = target.step.next[0]) {
    if (target.step.kind !== 'convert') names.push(target.step.name)
  }
  return names.join(' → ')
}

function keyOf(input: LogicalNode): KeySelector | undefined {
  return input.kind === 'keyBy' ? input.key : undefined
}
