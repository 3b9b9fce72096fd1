import type { Batch, ObjectBatch } from '../element/batch.ts'
import type { Operator, Output } from '../operators/operator.ts'
import type { EdgeOutput } from './edge-output.ts'
import type { OperatorMetrics } from './metrics.ts'

/** An operator in its task, with what is counted about it. */
export interface ChainedOperator {
  readonly operator: Operator
  readonly metrics: OperatorMetrics
}

/** Where the records of one stream go: operators of the same task, which run at once, and edges. */
export interface Readers {
  readonly operators: readonly ChainedOperator[]
  readonly edges: readonly EdgeOutput[]
}

/** The output of one operator. Watermarks and statuses go to the readers of side outputs too. */
export class StepOutput implements Output {
  readonly #metrics: OperatorMetrics
  readonly #main: Readers
  readonly #sides: ReadonlyMap<string, Readers>
  readonly #all: Readers

  constructor(metrics: OperatorMetrics, main: Readers, sides: ReadonlyMap<string, Readers>) {
    this.#metrics = metrics
    this.#main = main
    this.#sides = sides
    const every = [main, ...sides.values()]
    this.#all = { operators: every.flatMap((each) => each.operators), edges: every.flatMap((each) => each.edges) }
  }

  batch(batch: Batch): void {
    this.#metrics.numRecordsOut += batch.length
    pass(this.#main, batch)
  }

  side(tag: string, batch: Batch): void {
    const readers = this.#sides.get(tag)
    if (readers) pass(readers, batch)
  }

  watermark(timestamp: number): void {
    const { operators, edges } = this.#all
    for (let i = 0; i < operators.length; i++) {
      const { operator, metrics } = operators[i] as ChainedOperator
      metrics.currentInputWatermark = timestamp
      operator.processWatermark(timestamp, 0)
    }
    for (let i = 0; i < edges.length; i++) (edges[i] as EdgeOutput).watermark(timestamp)
  }

  status(idle: boolean): void {
    for (const { operator } of this.#all.operators) operator.processStatus(idle, 0)
    for (const edge of this.#all.edges) edge.status(idle)
  }
}

function pass(readers: Readers, batch: Batch): void {
  const { operators, edges } = readers
  for (let i = 0; i < operators.length; i++) {
    const { operator, metrics } = operators[i] as ChainedOperator
    metrics.numRecordsIn += batch.length
    operator.processBatch(batch, 0)
  }
  // The planner puts a conversion before every edge: they carry objects.
  for (let i = 0; i < edges.length; i++) (edges[i] as EdgeOutput).batch(batch as ObjectBatch)
}
