import type { Sink } from '../connector/sink.ts'
import type { Source } from '../connector/source.ts'
import type { Expression } from './expression.ts'
import type { WatermarkStrategy } from '../time/watermark-strategy.ts'
import type { KeyedProcess } from '../operators/process.ts'
import type { WindowDefinition } from '../operators/window/definition.ts'

/**
 * Nodes of the logical graph: frozen values that methods of the API build and nothing changes afterwards. An edge is
 * the `input` of a node. What user code is in them is never called while the graph is built.
 */
export type LogicalNode =
  | SourceNode
  | WatermarksNode
  | MapNode
  | FilterNode
  | FlatMapNode
  | SelectNode
  | WhereNode
  | UnionNode
  | KeyByNode
  | ProcessNode
  | WindowNode
  | SideOutputNode
  | PartitionNode
  | SinkNode

interface NodeBase {
  /** Position in the job: 1, 2, … in the order in which the job built them; the same in every process. */
  readonly id: number
  /** What the user calls it, or the kind with its arguments: `map`, `tumbling window (5 s) count`. */
  readonly name: string
  /** File and line in the user's code, for explain and for errors: `jobs/words.ts:12`. */
  readonly site: string | undefined
  /** Undefined: the job's parallelism. */
  readonly parallelism: number | undefined
  /** Names the operator's state in snapshots, whatever happens to the graph around it. */
  readonly uid: string | undefined
}

export interface SourceNode extends NodeBase {
  readonly kind: 'source'
  readonly source: Source<unknown>
  readonly watermarks: WatermarkStrategy<unknown> | undefined
}

export interface WatermarksNode extends NodeBase {
  readonly kind: 'watermarks'
  readonly input: LogicalNode
  readonly strategy: WatermarkStrategy<unknown>
}

export interface MapNode extends NodeBase {
  readonly kind: 'map'
  readonly input: LogicalNode
  readonly fn: (value: unknown) => unknown
}

export interface FilterNode extends NodeBase {
  readonly kind: 'filter'
  readonly input: LogicalNode
  readonly fn: (value: unknown) => boolean
}

export interface FlatMapNode extends NodeBase {
  readonly kind: 'flatMap'
  readonly input: LogicalNode
  /** Returns what to emit, or calls `collector.collect`. */
  readonly fn: (value: unknown, collector: { collect(value: unknown): void }) => Iterable<unknown> | void
}

/** `map` by field expressions: stays in columns. */
export interface SelectNode extends NodeBase {
  readonly kind: 'select'
  readonly input: LogicalNode
  readonly fields: readonly { readonly name: string; readonly expression: Expression }[]
}

/** `filter` by a field expression: stays in columns. */
export interface WhereNode extends NodeBase {
  readonly kind: 'where'
  readonly input: LogicalNode
  readonly predicate: Expression
}

export interface UnionNode extends NodeBase {
  readonly kind: 'union'
  readonly inputs: readonly LogicalNode[]
}

export interface KeyByNode extends NodeBase {
  readonly kind: 'keyBy'
  readonly input: LogicalNode
  readonly key: KeySelector
}

/** A closure, or a field (or several) of a known schema. */
export type KeySelector =
  | { readonly kind: 'closure'; readonly fn: (value: unknown) => unknown }
  | { readonly kind: 'expression'; readonly expression: Expression }

export interface ProcessNode extends NodeBase {
  readonly kind: 'process'
  /** A {@link KeyByNode} for a keyed process function. */
  readonly input: LogicalNode
  readonly process: KeyedProcess
}

export interface WindowNode extends NodeBase {
  readonly kind: 'window'
  /** A {@link KeyByNode}, or any node for windowAll. */
  readonly input: LogicalNode
  readonly window: WindowDefinition
}

/** The records that `input` sends to the side output `tag`. */
export interface SideOutputNode extends NodeBase {
  readonly kind: 'sideOutput'
  readonly input: LogicalNode
  readonly tag: string
}

/** An explicit partitioning of the edge to what follows: rebalance(), rescale(), broadcast(), global(). */
export interface PartitionNode extends NodeBase {
  readonly kind: 'partition'
  readonly input: LogicalNode
  readonly partitioning: Exclude<Partitioning, { kind: 'hash' } | { kind: 'forward' }>
}

export interface SinkNode extends NodeBase {
  readonly kind: 'sink'
  readonly input: LogicalNode
  readonly sink: Sink<unknown>
}

/** How records on an edge find their subtask. A value that the runtime interprets. */
export type Partitioning =
  | { readonly kind: 'forward' }
  | { readonly kind: 'hash'; readonly key: KeySelector }
  | { readonly kind: 'rebalance' }
  | { readonly kind: 'rescale' }
  | { readonly kind: 'broadcast' }
  | { readonly kind: 'global' }

/** A job as its module defines it: everything that is needed to plan it, in any process. */
export interface LogicalGraph {
  readonly jobName: string
  readonly parallelism: number
  /** Number of key groups: the largest parallelism that a snapshot can be restored at. */
  readonly maxParallelism: number
  /** How often watermark generators are asked for a watermark, in ms (Flink: pipeline.auto-watermark-interval). */
  readonly watermarkIntervalMs: number
  /** In the order of their ids: an input comes before what reads it. */
  readonly nodes: readonly LogicalNode[]
}
