import type { System } from '@millrace/std'
import type { Batch } from '../element/batch.ts'
import type { Schema } from '../element/schema.ts'

/**
 * A source in the shape of Flink's FLIP-27: an enumerator finds splits and hands them to readers; readers read splits.
 * `T` is what a record is for user code.
 */
export interface Source<T, SplitT extends SourceSplit = SourceSplit> {
  /** For explain and messages: `Kafka source (lines)`. */
  readonly name: string
  readonly boundedness: 'bounded' | 'unbounded'
  /** Given when the records' fields are known: the reader then emits column batches with just the projected columns. */
  readonly schema: Schema<T> | undefined
  /** Event time and watermarks when the job says nothing: undefined for sources whose records carry no time. */
  readonly defaultWatermarks: 'monotonous' | undefined
  createEnumerator(context: EnumeratorContext<SplitT>): SplitEnumerator<SplitT>
  createReader(context: ReaderContext): SourceReader<SplitT>
  readonly splitSerializer: SplitSerializer<SplitT>
  /** Never set: carries the record type. */
  readonly recordType?: T
}

export interface SourceSplit {
  /** Unique within the source: `lines-2`. */
  readonly splitId: string
}

export interface SplitSerializer<SplitT> {
  readonly version: number
  serialize(split: SplitT): Uint8Array
  deserialize(version: number, bytes: Uint8Array): SplitT
}

/** What the run says and connectors fall back to: `{ 'bootstrap.servers': '127.0.0.1:9092' }` from `--bootstrap`. */
export type RunSettings = Readonly<Record<string, string>>

/** Runs once per job, with the coordinator. */
export interface SplitEnumerator<SplitT extends SourceSplit> {
  /** Begins discovery; it may go on in the background. */
  start(): Promise<void>
  /** Splits that a failed reader gives back, or that were restored. */
  addSplitsBack(splits: readonly SplitT[]): void
  /** A reader has no more to read and asks for work (sources that hand out one split at a time, as files). */
  handleSplitRequest(reader: number): void
  snapshotState(): Uint8Array
  close(): Promise<void>
}

export interface EnumeratorContext<SplitT extends SourceSplit> {
  readonly parallelism: number
  readonly system: System
  readonly settings: RunSettings
  /** State of an earlier run; undefined at a fresh start. */
  readonly restored: Uint8Array | undefined
  assign(reader: number, splits: readonly SplitT[]): void
  /** The reader ends when it has finished the splits that it has. */
  signalNoMoreSplits(reader: number): void
  /** Fails the job. */
  fail(error: Error): void
}

/**
 * Reads splits, on the task's thread. `poll` never blocks; I/O goes on in the background and announces itself through
 * `context.available()`.
 */
export interface SourceReader<SplitT extends SourceSplit> {
  start(): void
  addSplits(splits: readonly SplitT[]): void
  noMoreSplits(): void
  /** Emits at most about one batch into `output`. `nothing`: wait for `context.available()`. `end`: all is read. */
  poll(output: ReaderOutput): 'more' | 'nothing' | 'end'
  /** The splits with the position after what was emitted so far. */
  snapshotState(checkpointId: number): readonly SplitT[]
  /** All that was emitted before this checkpoint's barrier is durable downstream: commit progress. */
  checkpointComplete(checkpointId: number): void
  /** Records that have not been read yet, or undefined when that is not known. For the lag shown to users. */
  pendingRecords(): number | undefined
  /** The last call. Resolves when commits of progress that are under way have ended. */
  close(): Promise<void>
}

export interface ReaderContext {
  readonly subtaskIndex: number
  readonly parallelism: number
  readonly system: System
  readonly settings: RunSettings
  /** Names of the fields that the pipeline reads; undefined: all, or the records have no schema. */
  readonly projection: readonly string[] | undefined
  /** Something can be polled now. Cheap, may be called often. */
  available(): void
  requestSplit(): void
  /**
   * For what a function of the user, or a format, threw at a record of a batch: an error that names the operator, the
   * record's origin and the user's own line. Throw it, or give it to `fail`.
   */
  userError(cause: unknown, batch: Batch, index: number): Error
  /** Fails the job. */
  fail(error: Error): void
}

/** Where a reader puts batches. Watermarks are generated behind it, per split. */
export interface ReaderOutput {
  emit(batch: Batch, splitId: string): void
  /** Punctuation from the source itself. */
  watermark(timestamp: number, splitId: string): void
  idle(splitId: string): void
  /** The split is done: it no longer holds the watermark back. */
  releaseSplit(splitId: string): void
}
