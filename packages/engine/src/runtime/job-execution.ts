import { MillraceError, type System } from '@millrace/std'
import type { RunSettings, SourceSplit, SplitEnumerator } from '../connector/source.ts'
import type { JobGraph, SinkStep } from '../plan/job-graph.ts'
import { type Deployment, deploy } from './deployment.ts'
import { type JobMetrics, summarize } from './metrics.ts'
import { createOperator } from './operator-factory.ts'
import { closeQuietly } from './close-quietly.ts'
import { ProgressCoordinator } from './progress-coordinator.ts'
import { type DriverContext, ReaderDriver } from './reader-driver.ts'
import { TaskScheduler } from './scheduler.ts'
import { SinkOperator } from './sink-operator.ts'
import type { SourceTask } from './source-task.ts'
import type { Task, TaskObserver } from './task.ts'
import { wrapUserError } from './user-error.ts'

export type JobStatus = 'finished' | 'stopped' | 'canceled'

export interface JobResult {
  readonly jobName: string
  /** `finished`: all input was read; `stopped`: by stop(), with what was read flushed; `canceled`: at once. */
  readonly status: JobStatus
  readonly durationMs: number
  readonly metrics: JobMetrics
}

export interface ExecutionOptions {
  readonly system: System
  readonly settings: RunSettings
  /** Between two commits of progress. */
  readonly commitIntervalMs: number
}

/** One run of a job in this thread. */
export class JobExecution implements TaskObserver {
  readonly result: Promise<JobResult>
  readonly #graph: JobGraph
  readonly #options: ExecutionOptions
  readonly #scheduler: TaskScheduler
  readonly #deployment: Deployment
  readonly #drivers: ReaderDriver[] = []
  readonly #enumerators = new Map<number, SplitEnumerator<SourceSplit>>()
  readonly #progress: ProgressCoordinator<Task>
  readonly #sinkIds = new Set<number>()
  readonly #started: number
  readonly #resolve: (result: JobResult) => void
  readonly #reject: (error: unknown) => void
  #unfinished: number
  #ending = false
  #stopping = false

  constructor(graph: JobGraph, options: ExecutionOptions) {
    const { clock, timers } = options.system
    const { promise, resolve, reject } = Promise.withResolvers<JobResult>()
    this.result = promise
    this.#resolve = resolve
    this.#reject = reject
    // Whoever awaits the result sees the error; a caller that does not must not bring the process down.
    promise.catch(() => {})
    this.#graph = graph
    this.#options = options
    this.#started = clock.monotonic()
    this.#scheduler = new TaskScheduler(clock, timers)
    this.#deployment = deploy(graph, {
      services: { clock, timers, scheduler: this.#scheduler },
      observer: this,
      createOperator,
      createDriver: (context, task) => this.#createDriver(context, task),
      createSink: (step, task, parallelism) => this.#createSink(step, task, parallelism),
    })
    this.#unfinished = this.#deployment.tasks.length
    this.#progress = new ProgressCoordinator<Task>(
      {
        running: () => this.#deployment.tasks.filter((task) => !task.isFinished),
        trigger: (id, triggered) => {
          for (const source of this.#deployment.sources) source.triggerBarrier(id, triggered)
        },
        complete: (id) => {
          for (const source of this.#deployment.sources) source.checkpointComplete(id)
        },
      },
      clock,
      timers,
      options.commitIntervalMs,
    )
  }

  /** Connects sinks, opens operators, starts sources. Resolves when records flow; rejects when something cannot start. */
  async start(): Promise<void> {
    try {
      for (const sink of this.#deployment.tasks.flatMap((task) => task.chain.sinks)) {
        await sink.writer.open()
        if (this.#ending) return
      }
      // Readers first: what a task sends must find its reader awake.
      for (const task of this.#deployment.tasks.toReversed()) {
        task.start()
        if (this.#ending) return
      }
      for (const vertex of this.#graph.vertices) {
        const enumerator = this.#enumerators.get(vertex.id)
        await enumerator?.start()
        if (this.#ending) return
      }
      for (const [i, source] of this.#deployment.sources.entries()) {
        source.mail(() => (this.#drivers[i] as ReaderDriver).discovered())
      }
      this.#progress.start()
    } catch (error) {
      this.#end({ error })
      await this.result
    }
  }

  metrics(): JobMetrics {
    return summarize(this.#deployment.metrics, this.#sinkIds)
  }

  /** Reads no more, lets what was read flow through to the end, commits progress. */
  stop(): void {
    if (this.#ending || this.#stopping) return
    this.#stopping = true
    for (const source of this.#deployment.sources) source.stop()
  }

  /** Ends at once: what has not been flushed is read again by the next run. */
  cancel(): void {
    this.#end({ status: 'canceled' })
  }

  finished(task: Task): void {
    this.#progress.finished(task)
    this.#unfinished--
    if (this.#unfinished > 0 || this.#ending) return
    // Everything is durable: the sources may commit all that they have read.
    const finalId = this.#progress.close()
    for (const source of this.#deployment.sources) {
      source.driver.snapshot(finalId)
      source.checkpointComplete(finalId)
    }
    this.#end({ status: this.#stopping ? 'stopped' : 'finished' })
  }

  failed(_task: Task, error: unknown): void {
    this.#end({ error })
  }

  acknowledged(task: Task, checkpointId: number): void {
    if (!this.#ending) this.#progress.acknowledged(task, checkpointId)
  }

  /** The first call decides how the job ends; the result is known when everything is closed. */
  #end(outcome: { readonly status: JobStatus } | { readonly error: unknown }): void {
    if (this.#ending) return
    this.#ending = true
    this.#progress.close()
    this.#scheduler.close()
    const metrics = this.metrics()
    this.#closeAll().then((failures) => {
      const failed = 'error' in outcome
      if (failed || (failures.length > 0 && outcome.status !== 'canceled')) {
        this.#reject(jobError(this.#graph.jobName, failed ? outcome.error : failures[0]))
        return
      }
      const durationMs = this.#options.system.clock.monotonic() - this.#started
      this.#resolve({ jobName: this.#graph.jobName, status: outcome.status, durationMs, metrics })
    })
  }

  /** Everything is closed, whatever fails on the way; gives what failed. */
  async #closeAll(): Promise<unknown[]> {
    const enumerators = [...this.#enumerators.values()]
    const closed = await Promise.all([
      ...this.#deployment.tasks.map((task) => task.close()),
      ...enumerators.map((enumerator) => closeQuietly(() => enumerator.close())),
    ])
    return closed.flat()
  }

  #createDriver(context: DriverContext, task: SourceTask): ReaderDriver {
    const { step } = context
    const driver = new ReaderDriver(context, {
      system: this.#options.system,
      settings: this.#options.settings,
      enumerator: () => this.#enumerators.get(step.id) as SplitEnumerator<SourceSplit>,
      fail: (error) => this.failed(task, error),
    })
    task.chain.headMetrics.pendingRecords = () => driver.pendingRecords()
    this.#drivers.push(driver)
    if (context.subtask === context.parallelism - 1) this.#createEnumerator(context)
    return driver
  }

  /** One per source, when all its readers are there. */
  #createEnumerator({ step, parallelism }: DriverContext): void {
    const first = this.#drivers.length - parallelism
    const reader = (index: number) => this.#drivers[first + index] as ReaderDriver
    const toReader = (index: number, mail: (driver: ReaderDriver) => void) => {
      this.#deployment.sources[first + index]?.mail(() => mail(reader(index)))
    }
    const enumerator = step.node.source.createEnumerator({
      parallelism,
      system: this.#options.system,
      settings: this.#options.settings,
      restored: undefined,
      assign: (index, splits) => toReader(index, (driver) => driver.addSplits(splits)),
      signalNoMoreSplits: (index) => toReader(index, (driver) => driver.noMoreSplits()),
      fail: (error) => this.#end({ error }),
    })
    this.#enumerators.set(step.id, enumerator)
  }

  #createSink(step: SinkStep, task: Task, parallelism: number): SinkOperator {
    this.#sinkIds.add(step.id)
    const writer = step.node.sink.createWriter({
      subtaskIndex: task.subtask,
      parallelism,
      system: this.#options.system,
      settings: this.#options.settings,
      ready: () => task.wake(),
      userError: (cause, batch, index) => wrapUserError(cause, step.name, step.site, batch, index),
      fail: (error) => this.failed(task, error),
    })
    return new SinkOperator(step.name, writer)
  }
}

/** What the job failed with; errors of ours go out as they are. */
function jobError(jobName: string, error: unknown): Error {
  if (error instanceof MillraceError) return error
  const text = error instanceof Error ? error.message : String(error)
  return new MillraceError('ENGINE_JOB_FAILED', {
    message: `Job '${jobName}' failed: ${text}`,
    cause: error,
  })
}
