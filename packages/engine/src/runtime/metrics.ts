/** Counters of one operator in one subtask. Plain fields: they are touched once per batch. */
export class OperatorMetrics {
  readonly nodeId: number
  readonly name: string
  readonly subtask: number
  numRecordsIn = 0
  numRecordsOut = 0
  /** The watermark that reached the operator last, in ms; -Infinity before the first. */
  currentInputWatermark = Number.NEGATIVE_INFINITY
  /** Records that a window operator has dropped because they came too late; undefined for other operators. */
  numLateRecordsDropped: (() => number | undefined) | undefined
  /** Records of a source that have not been read yet; undefined where that is not known. */
  pendingRecords: (() => number | undefined) | undefined

  constructor(nodeId: number, name: string, subtask: number) {
    this.nodeId = nodeId
    this.name = name
    this.subtask = subtask
  }
}

/** One operator of a job, all subtasks together. */
export interface OperatorMetricsSnapshot {
  /** The node's id in the job's graph. */
  readonly id: number
  readonly name: string
  readonly parallelism: number
  readonly numRecordsIn: number
  readonly numRecordsOut: number
  /** Windows: records that came too late and had no side output to go to. 0 for other operators. */
  readonly numLateRecordsDropped: number
  /** The smallest of its subtasks, in ms; -Infinity before the first, Infinity after the last. */
  readonly currentInputWatermark: number
  /** Sources: records that have not been read yet (the lag), or undefined where that is not known. */
  readonly pendingRecords: number | undefined
}

export interface JobMetrics {
  readonly operators: readonly OperatorMetricsSnapshot[]
  /** Smallest watermark that has reached a sink, in ms. */
  readonly currentWatermark: number
  /** Over all sources; undefined when one of them does not know. */
  readonly pendingRecords: number | undefined
}

export function summarize(all: readonly OperatorMetrics[], sinkIds: ReadonlySet<number>): JobMetrics {
  const byNode = Map.groupBy(all, (metrics) => metrics.nodeId)
  const operators = [...byNode.entries()]
    .sort(([a], [b]) => a - b)
    .map(
      ([id, subtasks]): OperatorMetricsSnapshot => ({
        id,
        name: (subtasks[0] as OperatorMetrics).name,
        parallelism: subtasks.length,
        numRecordsIn: subtasks.reduce((sum, each) => sum + each.numRecordsIn, 0),
        numRecordsOut: subtasks.reduce((sum, each) => sum + each.numRecordsOut, 0),
        numLateRecordsDropped: subtasks.reduce((sum, each) => sum + (each.numLateRecordsDropped?.() ?? 0), 0),
        currentInputWatermark: Math.min(...subtasks.map((each) => each.currentInputWatermark)),
        pendingRecords: totalPending(subtasks),
      }),
    )
  const sources = all.filter((metrics) => metrics.pendingRecords !== undefined)
  const sinks = operators.filter((operator) => sinkIds.has(operator.id))
  return {
    operators,
    currentWatermark: Math.min(...sinks.map((sink) => sink.currentInputWatermark)),
    pendingRecords: totalPending(sources),
  }
}

function totalPending(subtasks: readonly OperatorMetrics[]): number | undefined {
  let total: number | undefined
  for (const { pendingRecords } of subtasks) {
    const pending = pendingRecords?.()
    if (pending === undefined) return undefined
    total = (total ?? 0) + pending
  }
  return total
}
