import type { Barrier } from '../element/element.ts'
import type { Batch } from '../element/batch.ts'
import type { JobEdge, JobVertex, Step, Target } from '../plan/job-graph.ts'
import type { Operator, OperatorContext, Output } from '../operators/operator.ts'
import type { ProcessingTimeService } from '../time/processing-time.ts'
import { closeQuietly } from './close-quietly.ts'
import { EdgeOutput } from './edge-output.ts'
import type { Channel } from './channel.ts'
import { OperatorMetrics } from './metrics.ts'
import type { SinkOperator } from './sink-operator.ts'
import { type ChainedOperator, type Readers, StepOutput } from './step-output.ts'
import { wrapUserError } from './user-error.ts'

/** What a chain needs to be built for one subtask. */
export interface ChainEnvironment {
  readonly jobName: string
  readonly vertex: JobVertex
  readonly subtask: number
  readonly maxParallelism: number
  readonly processingTime: ProcessingTimeService
  createOperator(step: Exclude<Step, { kind: 'source' | 'sink' }>): Operator
  createSink(step: Extract<Step, { kind: 'sink' }>): SinkOperator
  /** The channels that this subtask sends to on an edge, in the order of the subtasks at the other end. */
  channelsOf(edge: JobEdge): readonly Channel[]
}

interface BuiltOperator extends ChainedOperator {
  readonly step: Step
  readonly output: Output
}

/** The operators of one task: each calls what follows it at once, so a batch runs through without a queue between. */
export class OperatorChain {
  /** In stream order: an operator comes before those that read it. */
  readonly #operators: BuiltOperator[] = []
  readonly edges: EdgeOutput[] = []
  readonly sinks: SinkOperator[] = []
  readonly metrics: OperatorMetrics[] = []
  readonly #environment: ChainEnvironment
  /** The first operator; for a source vertex what the source emits into. */
  readonly head: ChainedOperator | undefined
  readonly sourceOutput: StepOutput | undefined
  /** Of the head: the source's, or the first operator's. */
  readonly headMetrics: OperatorMetrics

  constructor(environment: ChainEnvironment) {
    this.#environment = environment
    const { head } = environment.vertex
    if (head.kind === 'source') {
      this.headMetrics = this.#addMetrics(head)
      this.sourceOutput = this.#outputOf(head, this.headMetrics)
    } else {
      this.head = this.#build(head)
      this.headMetrics = this.head.metrics
    }
  }

  /** False: an edge is full or a sink has too much under way. */
  get isReady(): boolean {
    for (let i = 0; i < this.edges.length; i++) if (!(this.edges[i] as EdgeOutput).isReady) return false
    for (let i = 0; i < this.sinks.length; i++) if (!(this.sinks[i] as SinkOperator).writer.isReady) return false
    return true
  }

  /** Last first: what follows is open before anything can reach it. */
  open(): void {
    for (const built of this.#operators.toReversed()) built.operator.open(this.#contextOf(built))
  }

  /** Sends batches that are not full: the task has nothing else to do now. */
  flushEdges(): void {
    for (let i = 0; i < this.edges.length; i++) (this.edges[i] as EdgeOutput).flush()
  }

  /**
   * The barrier goes on behind the records before it; resolves when the sinks have made those durable. It is for the
   * progress of the sources alone: no operator is asked for a snapshot that nobody would keep.
   */
  barrier(barrier: Barrier): Promise<unknown> {
    for (const edge of this.edges) edge.send(barrier)
    return this.flushSinks()
  }

  flushSinks(): Promise<unknown> {
    return this.sinks.length === 0 ? done : Promise.all(this.sinks.map((sink) => sink.writer.flush()))
  }

  endInput(): void {
    for (const { operator } of this.#operators) operator.endInput(0)
    for (const edge of this.edges) edge.end()
  }

  /** Closes everything, whatever fails on the way; gives what failed. */
  async close(): Promise<unknown[]> {
    const closed = await Promise.all([
      ...this.#operators.map(async ({ operator, step }) => {
        const failures = await closeQuietly(() => operator.close())
        return failures.map((cause) => wrapUserError(cause, step.name, step.site, undefined, -1))
      }),
      ...this.sinks.map((sink) => closeQuietly(() => sink.writer.close())),
    ])
    return closed.flat()
  }

  #build(step: Exclude<Step, { kind: 'source' }>): ChainedOperator {
    const metrics = this.#addMetrics(step)
    let operator: Operator
    if (step.kind === 'sink') {
      const sink = this.#environment.createSink(step)
      this.sinks.push(sink)
      operator = sink
    } else {
      operator = this.#environment.createOperator(step)
    }
    metrics.numLateRecordsDropped = () => operator.numLateRecordsDropped
    // Its place is before its readers, which are built with its output.
    const at = this.#operators.length
    this.#operators.push(undefined as never)
    const built: BuiltOperator = { operator, metrics, step, output: this.#outputOf(step, metrics) }
    this.#operators[at] = built
    return built
  }

  #outputOf(step: Step, metrics: OperatorMetrics): StepOutput {
    const main = this.#readersOf(step, step.next)
    const sides = new Map(step.sides.map(({ tag, next }) => [tag, this.#readersOf(step, next)]))
    return new StepOutput(metrics, main, sides)
  }

  #readersOf(from: Step, targets: readonly Target[]): Readers {
    const operators: ChainedOperator[] = []
    const edges: EdgeOutput[] = []
    for (const target of targets) {
      if (target.kind === 'edge') edges.push(this.#edge(from, target.edge))
      else if (target.step.kind !== 'source') operators.push(this.#build(target.step))
    }
    return { operators, edges }
  }

  #edge(from: Step, edge: JobEdge): EdgeOutput {
    const { channelsOf, maxParallelism, subtask } = this.#environment
    const wrap = (cause: unknown, batch: Batch, index: number) =>
      wrapUserError(cause, `keyBy after ${from.name}`, from.site, batch, index)
    const output = new EdgeOutput(edge, channelsOf(edge), maxParallelism, subtask, wrap)
    this.edges.push(output)
    return output
  }

  #addMetrics(step: Step): OperatorMetrics {
    const metrics = new OperatorMetrics(step.id, step.name, this.#environment.subtask)
    // A conversion belongs to the operator whose records it converts.
    if (step.kind !== 'convert') this.metrics.push(metrics)
    return metrics
  }

  #contextOf({ step, output }: BuiltOperator): OperatorContext {
    const { jobName, vertex, subtask, maxParallelism, processingTime } = this.#environment
    return {
      output,
      processingTime,
      subtask: {
        jobName,
        operatorName: step.name,
        index: subtask,
        parallelism: vertex.parallelism,
        maxParallelism,
      },
      restored: undefined,
      userError: (cause, batch, index, at = step) => wrapUserError(cause, at.name, at.site, batch, index),
    }
  }
}

const done: Promise<undefined> = Promise.resolve(undefined)
