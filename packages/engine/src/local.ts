import { hostSystem, MillraceError, type System } from '@millrace/std'
import { buildGraph, isJobDefinition, type JobDefinition } from './api/job.ts'
import { checkOptions, describe } from './api/options.ts'
import type { RunSettings } from './connector/source.ts'
import { describeJob, explainJob, type JobDescription } from './plan/explain.ts'
import { planJob } from './plan/plan-job.ts'
import { JobExecution, type JobResult } from './runtime/job-execution.ts'
import type { JobMetrics } from './runtime/metrics.ts'
import { type Duration, positiveDurationMs } from './time/duration.ts'

export interface ExecuteOptions {
  /** Clock, timers, files and sockets (default: the host's). */
  readonly system?: System
  /** Subtasks per operator; overrides the job's own. */
  readonly parallelism?: number
  /** What connectors fall back to: `{ 'bootstrap.servers': '127.0.0.1:9092' }`. */
  readonly settings?: RunSettings
  /** Between two commits of the sources' progress (default 1 s). */
  readonly commitInterval?: Duration
  /** Cancels the job. */
  readonly signal?: AbortSignal
}

/** A job that runs. */
export interface JobHandle extends AsyncDisposable {
  readonly jobName: string
  /** Resolves when everything is closed; rejects with what the job failed with. */
  readonly result: Promise<JobResult>
  /** Ends at once: what was not flushed is read again by the next run. Resolves when everything is closed. */
  cancel(): Promise<void>
  /**
   * Reads no more, lets what was read flow to the end (open windows fire, as with Flink's stop --drain), flushes the
   * sinks, commits progress. Resolves when everything is closed; rejects when that failed.
   */
  stop(): Promise<JobResult>
  metrics(): JobMetrics
}

/**
 * Runs a job in this process, in this thread. Resolves when its sinks are connected and its sources read.
 *
 * @throws MillraceError what is wrong with the job, or what could not start
 * @example
 * const handle = await executeJob(wordCount, { settings: { 'bootstrap.servers': '127.0.0.1:9092' } })
 * const { status, metrics } = await handle.result
 */
export async function executeJob(definition: JobDefinition, options: ExecuteOptions = {}): Promise<JobHandle> {
  if (!isJobDefinition(definition)) {
    throw new MillraceError('API_BAD_JOB', {
      message: `executeJob() needs a job, not ${describe(definition)}.`,
      fix: "Pass what job('name', (env) => { … }) returns: the default export of a job's module.",
    })
  }
  checkOptions(options, ['system', 'parallelism', 'settings', 'commitInterval', 'signal'], 'executeJob()')
  options.signal?.throwIfAborted()
  const system = options.system ?? hostSystem
  const overrides = options.parallelism === undefined ? {} : { parallelism: options.parallelism }
  const execution = new JobExecution(planJob(buildGraph(definition, overrides)), {
    system,
    settings: options.settings ?? {},
    commitIntervalMs: positiveDurationMs(options.commitInterval ?? 1000, 'the commitInterval of executeJob()'),
  })
  const abort = () => execution.cancel()
  options.signal?.addEventListener('abort', abort, { once: true })
  const settled = execution.result.finally(() => options.signal?.removeEventListener('abort', abort))
  settled.catch(() => {})
  await execution.start()
  const ended = () =>
    settled.then(
      () => {},
      () => {},
    )
  const cancel = () => {
    execution.cancel()
    return ended()
  }
  return {
    jobName: definition.name,
    result: settled,
    cancel,
    stop: () => {
      execution.stop()
      return settled
    },
    metrics: () => execution.metrics(),
    [Symbol.asyncDispose]: cancel,
  }
}

/**
 * How a job will run, as text: its tasks, the operators that are chained in each, edges with their partitioning, the
 * layout of records on every step, and the line of the job's module that added it. Runs nothing.
 */
export function explain(definition: JobDefinition, options: { readonly parallelism?: number } = {}): string {
  return explainJob(planJob(buildGraph(definition, options)))
}

/** As {@link explain}, as data. */
export function describePlan(
  definition: JobDefinition,
  options: { readonly parallelism?: number } = {},
): JobDescription {
  return describeJob(planJob(buildGraph(definition, options)))
}
