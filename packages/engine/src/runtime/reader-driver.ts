import type { SplitEnumerator, ReaderOutput, RunSettings, SourceReader, SourceSplit } from '../connector/source.ts'
import type { Batch } from '../element/batch.ts'
import type { System } from '@millrace/std'
import type { Operator } from '../operators/operator.ts'
import type { SourceStep } from '../plan/job-graph.ts'
import type { ProcessingTimeService } from '../time/processing-time.ts'
import { SplitWatermarks } from '../time/split-watermarks.ts'
import { createWatermarkGenerator } from '../time/watermark-generators.ts'
import type { WatermarkStrategy } from '../time/watermark-strategy.ts'
import type { SourceDriver } from './source-task.ts'
import type { StepOutput } from './step-output.ts'
import { TimestampAssigner } from './timestamp-assigner.ts'
import { wrapUserError } from './user-error.ts'

/** What a driver needs of its task and its job. */
export interface DriverContext {
  readonly step: SourceStep
  readonly subtask: number
  readonly parallelism: number
  readonly watermarkIntervalMs: number
  readonly processingTime: ProcessingTimeService
  readonly output: StepOutput
  /** There is something to poll. */
  wake(): void
}

/** After a few ticks at one time more of them change nothing: a clock that jumps by years must not hold the task up. */
const mostTicksAtOnce = 8

const monotonous: WatermarkStrategy<unknown> = {
  generator: { kind: 'monotonous' },
  timestampOf: undefined,
  idlenessMs: undefined,
}
const none: WatermarkStrategy<unknown> = { ...monotonous, generator: { kind: 'none' } }

/** Event time and watermarks of a source step: what the job says, else what the source offers. */
function strategyOf(step: SourceStep): WatermarkStrategy<unknown> {
  return step.node.watermarks ?? (step.node.source.defaultWatermarks === 'monotonous' ? monotonous : none)
}

/** Time stamps and watermarks behind a source: per split, combined, asked for at the watermark interval. */
export class SourceWatermarks implements ReaderOutput {
  readonly #context: DriverContext
  readonly #strategy: WatermarkStrategy<unknown>
  readonly #assigner: TimestampAssigner
  readonly splits: SplitWatermarks
  /** Makes objects of the source's columns. */
  readonly #conversion: Operator | undefined
  #splitId = ''

  constructor(context: DriverContext) {
    this.#context = context
    this.#strategy = strategyOf(context.step)
    this.#assigner = new TimestampAssigner(this.#strategy)
    this.splits = new SplitWatermarks(() => createWatermarkGenerator(this.#strategy, this), context.output)
    this.#conversion = context.step.conversion?.createOperator()
    this.#conversion?.open({
      processingTime: context.processingTime,
      restored: undefined,
      subtask: {
        jobName: '',
        operatorName: context.step.name,
        index: context.subtask,
        parallelism: context.parallelism,
        maxParallelism: context.parallelism,
      },
      userError: (cause, batch, index) => this.userError(cause, batch, index),
      output: {
        batch: (batch) => this.#emit(batch, this.#splitId),
        watermark: () => {},
        status: () => {},
        side: () => {},
      },
    })
  }

  /** Ticks are due at the start plus whole intervals, also when the clock jumps: those that were missed happen now. */
  start(): void {
    if (this.#strategy.generator.kind === 'none') return
    const { processingTime, watermarkIntervalMs } = this.#context
    let due = processingTime.now() + watermarkIntervalMs
    const tick = () => {
      const now = processingTime.now()
      for (let ticks = 0; due <= now && ticks < mostTicksAtOnce; ticks++, due += watermarkIntervalMs) {
        this.splits.onPeriodicEmit(now)
      }
      if (due <= now) due += Math.ceil((now - due + 1) / watermarkIntervalMs) * watermarkIntervalMs
      processingTime.register(due, tick)
    }
    processingTime.register(due, tick)
  }

  emit(batch: Batch, splitId: string): void {
    if (batch.length === 0) return
    if (this.#conversion === undefined) {
      this.#emit(batch, splitId)
    } else {
      this.#splitId = splitId
      this.#conversion.processBatch(batch, 0)
    }
  }

  #emit(batch: Batch, splitId: string): void {
    this.splits.onBatch(this.#assigner.assign(batch, this), splitId)
  }

  watermark(timestamp: number, splitId: string): void {
    this.splits.emitWatermark(timestamp, splitId)
  }

  idle(splitId: string): void {
    this.splits.markIdle(splitId)
  }

  releaseSplit(splitId: string): void {
    this.splits.releaseSplit(splitId)
  }

  userError(cause: unknown, batch: Batch | undefined, index: number): Error {
    const { step } = this.#context
    return wrapUserError(cause, `timestamps of ${step.name}`, step.site, batch, index)
  }
}

export interface ReaderServices {
  readonly system: System
  readonly settings: RunSettings
  readonly enumerator: () => SplitEnumerator<SourceSplit>
  fail(error: Error): void
}

/** Drives a reader of FLIP-27's shape. */
export class ReaderDriver implements SourceDriver {
  readonly #reader: SourceReader<SourceSplit>
  readonly #watermarks: SourceWatermarks
  #splits = 0

  constructor(context: DriverContext, services: ReaderServices) {
    this.#watermarks = new SourceWatermarks(context)
    this.#reader = context.step.node.source.createReader({
      subtaskIndex: context.subtask,
      parallelism: context.parallelism,
      system: services.system,
      settings: services.settings,
      projection: context.step.projection,
      available: () => context.wake(),
      requestSplit: () => services.enumerator().handleSplitRequest(context.subtask),
      userError: (cause, batch, index) => wrapUserError(cause, context.step.name, context.step.site, batch, index),
      fail: (error) => services.fail(error),
    })
  }

  start(): void {
    this.#watermarks.start()
    this.#reader.start()
  }

  addSplits(splits: readonly SourceSplit[]): void {
    this.#splits += splits.length
    for (const split of splits) this.#watermarks.splits.addSplit(split.splitId)
    this.#reader.addSplits(splits)
  }

  noMoreSplits(): void {
    this.#reader.noMoreSplits()
  }

  /** Discovery is done for now: a subtask that got nothing must not hold the others' watermark back. */
  discovered(): void {
    if (this.#splits === 0) this.#watermarks.splits.markSourceIdle()
  }

  poll(): 'more' | 'nothing' | 'end' {
    const result = this.#reader.poll(this.#watermarks)
    if (result === 'end') this.drain()
    return result
  }

  drain(): void {
    this.#watermarks.splits.emitFinalWatermark()
  }

  snapshot(checkpointId: number): void {
    this.#reader.snapshotState(checkpointId)
  }

  checkpointComplete(checkpointId: number): void {
    this.#reader.checkpointComplete(checkpointId)
  }

  pendingRecords(): number | undefined {
    return this.#reader.pendingRecords()
  }

  close(): Promise<void> {
    return this.#reader.close()
  }
}
