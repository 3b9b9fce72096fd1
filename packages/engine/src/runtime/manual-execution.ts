import type { Clock, Timers } from '@millrace/std'
import { type Batch, objectBatch } from '../element/batch.ts'
import type { JobGraph, SinkStep } from '../plan/job-graph.ts'
import { type Deployment, deploy } from './deployment.ts'
import { createOperator } from './operator-factory.ts'
import { type DriverContext, SourceWatermarks } from './reader-driver.ts'
import { TaskScheduler } from './scheduler.ts'
import { SinkOperator } from './sink-operator.ts'
import type { SourceDriver } from './source-task.ts'
import type { Task, TaskObserver } from './task.ts'

/** What reaches the sinks of a job that is driven by hand. */
export interface ManualSinks {
  record(sinkId: number, value: unknown, timestamp: number): void
  watermark(sinkId: number, timestamp: number): void
  status(sinkId: number, idle: boolean): void
}

/**
 * A job whose sources are driven by hand, element by element: the same plan, tasks and operators as in a real run, but
 * everything runs within the call, and connectors are never asked for readers and writers. The base of test harnesses.
 */
export class ManualExecution implements TaskObserver {
  readonly sources: readonly ManualSource[]
  readonly #scheduler: TaskScheduler
  readonly #deployment: Deployment
  #failure: unknown

  constructor(graph: JobGraph, time: Clock & Timers, sinks: ManualSinks) {
    this.#scheduler = new TaskScheduler(time, time)
    const sources: ManualSource[] = []
    this.#deployment = deploy(graph, {
      services: { clock: time, timers: time, scheduler: this.#scheduler },
      observer: this,
      createOperator,
      createDriver: (context) => {
        const source = new ManualSource(context)
        sources.push(source)
        return source
      },
      createSink: (step) => new ManualSink(step, sinks),
    })
    this.sources = sources
    for (const task of this.#deployment.tasks.toReversed()) task.start()
    this.run()
  }

  /** Runs until nothing is left to do; throws what a task failed with. */
  run(): void {
    this.#scheduler.runUntilIdle()
    if (this.#failure !== undefined) throw this.#failure
  }

  async close(): Promise<void> {
    this.#scheduler.close()
    for (const task of this.#deployment.tasks) await task.close()
  }

  finished(): void {}

  acknowledged(): void {}

  failed(_task: Task, error: unknown): void {
    this.#failure ??= error
  }
}

/** A source that emits what it is told. */
export class ManualSource implements SourceDriver {
  readonly #context: DriverContext
  readonly #watermarks: SourceWatermarks
  readonly #queue: (() => void)[] = []
  #ended = false

  constructor(context: DriverContext) {
    this.#context = context
    this.#watermarks = new SourceWatermarks(context)
  }

  /** The source's node in the job's graph. */
  get id(): number {
    return this.#context.step.id
  }

  /** A record, past the source's own time stamps and watermarks. */
  record(value: unknown, timestamp: number): void {
    this.#enqueue(() => this.#context.output.batch(batchOf(value, timestamp)))
  }

  watermark(timestamp: number): void {
    this.#enqueue(() => this.#context.output.watermark(timestamp))
  }

  status(idle: boolean): void {
    this.#enqueue(() => this.#context.output.status(idle))
  }

  /** A record of a split, as a reader would emit it: with time stamps and watermarks of the source's strategy. */
  splitRecord(splitId: string, value: unknown, timestamp: number): void {
    this.#enqueue(() => this.#watermarks.emit(batchOf(value, timestamp), splitId))
  }

  addSplit(splitId: string): void {
    this.#enqueue(() => this.#watermarks.splits.addSplit(splitId))
  }

  releaseSplit(splitId: string): void {
    this.#enqueue(() => this.#watermarks.releaseSplit(splitId))
  }

  /** The final watermark, and the end of the input. */
  end(): void {
    this.#ended = true
    this.#context.wake()
  }

  start(): void {
    this.#watermarks.start()
  }

  poll(): 'more' | 'nothing' | 'end' {
    const next = this.#queue.shift()
    if (next !== undefined) {
      next()
      return 'more'
    }
    if (!this.#ended) return 'nothing'
    this.drain()
    return 'end'
  }

  drain(): void {
    this.#context.output.watermark(Number.POSITIVE_INFINITY)
  }

  snapshot(): void {}

  checkpointComplete(): void {}

  close(): Promise<void> {
    return Promise.resolve()
  }

  #enqueue(emit: () => void): void {
    this.#queue.push(emit)
    this.#context.wake()
  }
}

function batchOf(value: unknown, timestamp: number): Batch {
  return objectBatch([value], Float64Array.of(timestamp), 1, { describe: () => 'the record that was pushed' })
}

class ManualSink extends SinkOperator {
  readonly #id: number
  readonly #sinks: ManualSinks

  constructor(step: SinkStep, sinks: ManualSinks) {
    super(step.name, {
      isReady: true,
      open: () => Promise.resolve(),
      write: () => {},
      flush: () => Promise.resolve(),
      close: () => Promise.resolve(),
    })
    this.#id = step.id
    this.#sinks = sinks
  }

  override processBatch(batch: Batch): void {
    if (batch.layout !== 'objects') return
    for (let i = 0; i < batch.length; i++) {
      this.#sinks.record(this.#id, batch.values[i], batch.timestamps[i] as number)
    }
  }

  override processWatermark(timestamp: number): void {
    this.#sinks.watermark(this.#id, timestamp)
  }

  override processStatus(idle: boolean): void {
    this.#sinks.status(this.#id, idle)
  }
}
