import type { BatchLayout, CompiledChain } from '../codegen/compile-chain.ts'
import type { CompiledPaneAggregate } from '../codegen/compile-pane-aggregate.ts'
import type {
  KeySelector,
  Partitioning,
  ProcessNode,
  SinkNode,
  SourceNode,
  WatermarksNode,
  WindowNode,
} from '../graph/node.ts'

/**
 * The job graph: operators that are joined by a forward edge form one vertex, which runs as one task per subtask.
 * Made by {@link planJob}; a value, so that `explain` and the runtime read the same thing.
 */
export interface JobGraph {
  readonly jobName: string
  readonly maxParallelism: number
  readonly watermarkIntervalMs: number
  /** Sources first; an input comes before what reads it. */
  readonly vertices: readonly JobVertex[]
}

export interface JobVertex {
  /** The id of its first node. */
  readonly id: number
  readonly name: string
  readonly parallelism: number
  /** Empty for a vertex that begins with a source. */
  readonly inputs: readonly JobEdge[]
  readonly head: Step
}

/** Records that travel between vertices. */
export interface JobEdge {
  readonly id: number
  readonly partitioning: Partitioning
  readonly fromParallelism: number
  readonly toParallelism: number
  /** Vertex ids. */
  readonly from: number
  readonly to: number
}

interface StepBase {
  /** The id of the (last) node that it runs. */
  readonly id: number
  readonly name: string
  readonly site: string | undefined
  readonly uid: string | undefined
  readonly input: BatchLayout
  readonly output: BatchLayout
  /** Where its records go: to steps of the same vertex, over edges. */
  readonly next: readonly Target[]
  readonly sides: readonly { readonly tag: string; readonly next: readonly Target[] }[]
}

export type Target = { readonly kind: 'step'; readonly step: Step } | { readonly kind: 'edge'; readonly edge: JobEdge }

/** One operator of a vertex. */
export type Step = SourceStep | ChainStep | ConvertStep | WatermarksStep | ProcessStep | WindowStep | SinkStep

export interface SourceStep extends StepBase {
  readonly kind: 'source'
  readonly node: SourceNode
  /** Makes objects of columns, for event time that a function finds; undefined: records stay as the source gives them. */
  readonly conversion: CompiledChain | undefined
  /** The fields that the pipeline reads; undefined: all. */
  readonly projection: readonly string[] | undefined
}

/** A run of stateless nodes, compiled into one function over a batch. */
export interface ChainStep extends StepBase {
  readonly kind: 'chain'
  readonly compiled: CompiledChain
}

/** Columns to objects, for what takes objects only. */
export interface ConvertStep extends StepBase {
  readonly kind: 'convert'
  readonly compiled: CompiledChain
}

export interface WatermarksStep extends StepBase {
  readonly kind: 'watermarks'
  readonly node: WatermarksNode
}

export interface ProcessStep extends StepBase {
  readonly kind: 'process'
  readonly node: ProcessNode
  readonly key: KeySelector | undefined
}

export interface WindowStep extends StepBase {
  readonly kind: 'window'
  readonly node: WindowNode
  /** Undefined: windows over the whole stream. */
  readonly key: KeySelector | undefined
  /** Windows over panes, in one loop with the stateless nodes before them; undefined: the general operator. */
  readonly compiled: CompiledPaneAggregate | undefined
}

export interface SinkStep extends StepBase {
  readonly kind: 'sink'
  readonly node: SinkNode
}
