import type { Batch } from '../element/batch.ts'
import type { Barrier } from '../element/element.ts'
import type { ProcessingTimeService } from '../time/processing-time.ts'

/**
 * One step of a task. Operators of one task run on one thread; nothing here is called while another call is under way.
 *
 * The caller's promise: `open` once, first. Then any number of `process*` calls, in the order of the stream. A watermark
 * is greater than the one before it. After `endInput(i)` nothing more comes for input `i`; the final watermark
 * (MAX_TIMESTAMP) came before it. `snapshot` is called between batches only, when the barrier has come on all inputs.
 * `close` is the last call, also after a failure.
 *
 * The operator's promise: what it emits in a call goes to its output within that call, in order; it forwards
 * watermarks and status itself (after what they caused). It never awaits. It keeps no batch after the call.
 */
export interface Operator {
  /** For messages and metrics: `window (5 s) count`. */
  readonly name: string
  /** Records that came too late for their windows and had no side output to go to. Absent: it has no windows. */
  readonly numLateRecordsDropped?: number
  open(context: OperatorContext): void
  processBatch(batch: Batch, input: number): void
  processWatermark(timestamp: number, input: number): void
  processStatus(idle: boolean, input: number): void
  /** The input has ended; called once per input. Emit what was held back. */
  endInput(input: number): void
  /** State at this point of the stream; undefined when it has none. The value is owned by the caller. */
  snapshot(barrier: Barrier): OperatorSnapshot | undefined
  close(): void
}

/** State of one operator of one subtask, in parts that a change of parallelism can deal out. */
export interface OperatorSnapshot {
  /** Bytes per key group that this subtask owns. */
  readonly keyed: ReadonlyMap<number, Uint8Array> | undefined
  /** Named lists whose entries may go to any subtask. */
  readonly operator: ReadonlyMap<string, readonly Uint8Array[]> | undefined
}

/** Where an operator sends what it makes. Calls run what follows in the task at once. */
export interface Output {
  batch(batch: Batch): void
  watermark(timestamp: number): void
  status(idle: boolean): void
  /** Records for a side output; dropped when nobody reads `tag`. */
  side(tag: string, batch: Batch): void
}

export interface OperatorContext {
  readonly output: Output
  readonly processingTime: ProcessingTimeService
  readonly subtask: SubtaskInfo
  /** What was snapshotted, already dealt out to this subtask; undefined at a fresh start. */
  readonly restored: OperatorSnapshot | undefined
  /**
   * Wraps what user code threw: names the operator, the record's origin and the user's source line. Call it in the
   * catch around a batch loop, with the index of the record that was being processed (-1: none, as in a timer). An
   * operator that runs several steps of the job in one loop says which one threw.
   */
  userError(cause: unknown, batch: Batch | undefined, index: number, step?: StepName): Error
}

/** A node of the graph satisfies this. */
export interface StepName {
  readonly name: string
  readonly site: string | undefined
}

export interface SubtaskInfo {
  readonly jobName: string
  readonly operatorName: string
  readonly index: number
  readonly parallelism: number
  readonly maxParallelism: number
}
