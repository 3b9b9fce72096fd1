import { MillraceError } from '@millrace/std'
import { describeLocation, userFrame } from '../graph/call-site.ts'
import { GraphBuilder } from '../graph/graph-builder.ts'
import type { LogicalGraph } from '../graph/node.ts'
import { defaultMaxParallelism } from '../state/key-group.ts'
import { type Duration, positiveDurationMs } from '../time/duration.ts'
import { StreamExecutionEnvironment } from './environment.ts'
import { checkCallback, checkOptions, describe } from './options.ts'

export interface JobOptions {
  /** Subtasks per operator (default 1). */
  readonly parallelism?: number
  /** Number of key groups: the largest parallelism that a snapshot can be restored at (default: as in Flink, at least 128). */
  readonly maxParallelism?: number
  /** How often watermarks are made (default 200 ms). */
  readonly watermarkInterval?: Duration
}

/** A job as the default export of its module: any process can load it and build the same graph. */
export interface JobDefinition {
  readonly kind: 'millrace-job'
  readonly name: string
  readonly options: JobOptions
  readonly define: (env: StreamExecutionEnvironment) => void
}

/**
 * Defines a job. `define` builds the graph; it runs no record and may be called more than once.
 *
 * @example
 * export default job('word-count', (env) => {
 *   env
 *     .fromSource(kafkaSource({ topic: 'lines', value: text() }))
 *     .flatMap((line) => line.toLowerCase().split(/\W+/).filter(Boolean))
 *     .keyBy((word) => word)
 *     .window(tumbling('5 s'))
 *     .count()
 *     .sinkTo(kafkaSink({ topic: 'word-counts', value: json() }))
 * })
 */
export function job(name: string, define: (env: StreamExecutionEnvironment) => void): JobDefinition
export function job(name: string, options: JobOptions, define: (env: StreamExecutionEnvironment) => void): JobDefinition
export function job(
  name: string,
  optionsOrDefine: JobOptions | ((env: StreamExecutionEnvironment) => void),
  defineLast?: (env: StreamExecutionEnvironment) => void,
): JobDefinition {
  if (typeof name !== 'string' || name === '') {
    throw new MillraceError('API_BAD_JOB', {
      message: `A job needs a name, not ${describe(name)}.`,
      fix: "Write job('word-count', (env) => { … }).",
    })
  }
  const options = typeof optionsOrDefine === 'function' ? {} : optionsOrDefine
  const define = typeof optionsOrDefine === 'function' ? optionsOrDefine : defineLast
  checkOptions(options, ['parallelism', 'maxParallelism', 'watermarkInterval'], 'job()')
  checkCallback(define, 'job()')
  return Object.freeze({
    kind: 'millrace-job',
    name,
    options: Object.freeze({ ...options }),
    define: define as JobDefinition['define'],
  })
}

export function isJobDefinition(value: unknown): value is JobDefinition {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'millrace-job'
}

const largestMaxParallelism = 32_768

/** Runs the job's definition and freezes what it built. */
export function buildGraph(definition: JobDefinition, overrides: { readonly parallelism?: number } = {}): LogicalGraph {
  const parallelism = wholeNumber(overrides.parallelism ?? definition.options.parallelism ?? 1, 'parallelism')
  const maxParallelism = wholeNumber(
    definition.options.maxParallelism ?? defaultMaxParallelism(parallelism),
    'maxParallelism',
  )
  const builder = new GraphBuilder()
  const returned: unknown = define(definition, new StreamExecutionEnvironment(builder))
  if (typeof (returned as PromiseLike<unknown> | undefined)?.then === 'function') {
    throw new MillraceError('API_ASYNC_CALLBACK', {
      message: `The definition of job '${definition.name}' returned a promise.`,
      fix: 'Await what it needs before job(…), at the top of the module.',
    })
  }
  const graph = builder.build({
    jobName: definition.name,
    parallelism,
    maxParallelism,
    watermarkIntervalMs: positiveDurationMs(
      definition.options.watermarkInterval ?? 200,
      'the watermarkInterval of job()',
    ),
  })
  for (const node of graph.nodes) {
    const own = node.parallelism ?? parallelism
    if (own > maxParallelism) {
      throw new MillraceError('API_BAD_PARALLELISM', {
        message: `'${node.name}' (${node.site}) has parallelism ${own}, the job's maxParallelism is ${maxParallelism}.`,
        fix: 'Lower the one or raise the other: job(name, { maxParallelism }, …).',
      })
    }
  }
  return graph
}

/** Errors of ours say what is wrong themselves; others get the line of the definition. */
function define({ name, define: run }: JobDefinition, env: StreamExecutionEnvironment): unknown {
  try {
    return run(env)
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause
    const frame = cause instanceof Error ? userFrame(cause.stack) : undefined
    const place = frame === undefined ? '' : ` at ${describeLocation(frame)}`
    throw new MillraceError('API_DEFINITION_FAILED', {
      message: `The definition of job '${name}' failed${place}: ${String(cause)}`,
      fix: 'Correct the function that job(…) was given.',
      cause,
    })
  }
}

/** @throws MillraceError `API_BAD_PARALLELISM` */
export function wholeNumber(value: number, what: string): number {
  if (Number.isInteger(value) && value >= 1 && value <= largestMaxParallelism) return value
  throw new MillraceError('API_BAD_PARALLELISM', {
    message: `The ${what} is ${String(value)}, which is not a whole number from 1 to ${largestMaxParallelism}.`,
    fix: `Give a ${what} such as 4.`,
  })
}
