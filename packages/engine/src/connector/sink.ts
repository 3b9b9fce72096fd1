import type { System } from '@millrace/std'
import type { Batch } from '../element/batch.ts'
import type { RunSettings } from './source.ts'

/** Takes the records of a stream out of the job. At least once: what was flushed is durable outside. */
export interface Sink<T> {
  /** For explain and messages: `Kafka sink (word-counts)`. */
  readonly name: string
  /** Which layouts the writer takes: with `columns` it takes both, and the planner need not convert. */
  readonly layout: 'objects' | 'columns'
  createWriter(context: WriterContext): SinkWriter
  /** Never set: carries the record type. */
  readonly recordType?: (record: T) => void
}

export interface SinkWriter {
  /** Connects, checks that the target exists. The task starts when it has resolved. */
  open(): Promise<void>
  /** Takes the batch over into its own buffers; never blocks. */
  write(batch: Batch): void
  /** False: too much is under way. The task stops its inputs until `context.ready()`. */
  readonly isReady: boolean
  /** Resolves when all that was written is durable outside; rejects when something was refused. */
  flush(): Promise<void>
  /**
   * The last call. A job that ends well has flushed before; one that failed or was cancelled has not, and may close a
   * writer while `open` is under way, which then ends soon, either way.
   */
  close(): Promise<void>
}

export interface WriterContext {
  readonly subtaskIndex: number
  readonly parallelism: number
  readonly system: System
  readonly settings: RunSettings
  ready(): void
  /**
   * For what a function of the user, or a format, threw at a record of a batch: an error that names the operator, the
   * record's origin and the user's own line. Throw it, or give it to `fail`.
   */
  userError(cause: unknown, batch: Batch, index: number): Error
  /** A write that was accepted has failed: fails the job. */
  fail(error: Error): void
}
