import {
  buildGraph,
  type DataStream,
  type Duration,
  job,
  ManualExecution,
  type ManualSource,
  planJob,
  type Sink,
  type Source,
  type StreamExecutionEnvironment,
  type WatermarkOptions,
  type WatermarkStrategy,
} from '@millrace/engine'
import { HarnessTime } from './harness-time.ts'

/** What came out of a harness, in order. */
export type HarnessOutput =
  | {
      readonly kind: 'record'
      /** The name of the stream in what `define` returned; `main` for a single one. */
      readonly output: string
      readonly value: unknown
      /** Undefined: the record has none. */
      readonly timestamp: number | undefined
    }
  /** Infinity is the final one. */
  | { readonly kind: 'watermark'; readonly timestamp: number }
  | { readonly kind: 'status'; readonly idle: boolean }

export interface JobHarnessOptions<T> {
  /** The clock at the start, in ms (default 0). */
  readonly startTime?: number
  /** Default 200 ms. */
  readonly watermarkInterval?: Duration
  /** Event time and watermarks of the source, for {@link JobHarness.pushToSplit}. */
  readonly watermarks?: WatermarkStrategy<T> | WatermarkOptions<T>
  /** Several input channels for the first step, joined by a union (default 1). */
  readonly channels?: number
}

/** A harness takes streams of anything. */
type AnyStream = DataStream<any>

/**
 * A part of a job under the microscope: records, watermarks and the clock are pushed in one by one, what comes out can
 * be looked at after each. The same plan and operators run as in a real job, all within the call.
 *
 * @example
 * const harness = jobHarness<string>((env, words) => words.keyBy((word) => word).window(tumbling('5 s')).count())
 * harness.push('to', 1000)
 * harness.watermark(4999)
 * harness.output() // [{ kind: 'record', output: 'main', value: { key: 'to', start: 0, end: 5000, count: 1 }, timestamp: 4999 },
 *                  //  { kind: 'watermark', timestamp: 4999 }]
 */
export function jobHarness<T>(
  define: (env: StreamExecutionEnvironment, source: DataStream<T>) => AnyStream | Readonly<Record<string, AnyStream>>,
  options: JobHarnessOptions<T> = {},
): JobHarness<T> {
  return new JobHarness(define, options)
}

export class JobHarness<T> {
  readonly #time: HarnessTime
  readonly #execution: ManualExecution
  #output: HarnessOutput[] = []

  constructor(
    define: (env: StreamExecutionEnvironment, source: DataStream<T>) => AnyStream | Readonly<Record<string, AnyStream>>,
    options: JobHarnessOptions<T>,
  ) {
    const { startTime = 0, watermarkInterval = 200, watermarks, channels = 1 } = options
    const names: string[] = []
    const definition = job('harness', { watermarkInterval }, (env) => {
      const sources = Array.from({ length: channels }, () =>
        env.fromSource(harnessSource<T>(), watermarks === undefined ? {} : { watermarks }),
      )
      const [first, ...others] = sources as [DataStream<T>, ...DataStream<T>[]]
      const result = define(env, first.union(...others))
      const streams = 'sinkTo' in result && typeof result.sinkTo === 'function' ? { main: result as AnyStream } : result
      for (const [name, stream] of Object.entries(streams as Record<string, AnyStream>)) {
        names.push(name)
        stream.sinkTo(harnessSink(name))
      }
    })
    this.#time = new HarnessTime(startTime)
    const graph = buildGraph(definition)
    const sinkNames = new Map(graph.nodes.filter((node) => node.kind === 'sink').map((node) => [node.id, node.name]))
    // Every sink sees the watermarks: those of the first are enough.
    const isFirst = (id: number) => sinkNames.get(id) === names[0]
    this.#execution = new ManualExecution(planJob(graph), this.#time, {
      record: (id, value, timestamp) => {
        const output = sinkNames.get(id) ?? 'main'
        this.#output.push({
          kind: 'record',
          output,
          value,
          timestamp: Number.isNaN(timestamp) ? undefined : timestamp,
        })
      },
      watermark: (id, timestamp) => {
        if (isFirst(id)) this.#output.push({ kind: 'watermark', timestamp })
      },
      status: (id, idle) => {
        if (isFirst(id)) this.#output.push({ kind: 'status', idle })
      },
    })
  }

  /** A record, with event time in ms or none, as if it came from before the first step. */
  push(value: T, timestamp = Number.NaN, channel = 0): void {
    this.#source(channel).record(value, timestamp)
    this.#execution.run()
  }

  watermark(timestamp: number, channel = 0): void {
    this.#source(channel).watermark(timestamp)
    this.#execution.run()
  }

  status(status: 'idle' | 'active', channel = 0): void {
    this.#source(channel).status(status === 'idle')
    this.#execution.run()
  }

  /** A record of a split, with time stamps and watermarks of the `watermarks` option. */
  pushToSplit(splitId: string, value: T, timestamp = Number.NaN): void {
    this.#source(0).splitRecord(splitId, value, timestamp)
    this.#execution.run()
  }

  openSplit(splitId: string): void {
    this.#source(0).addSplit(splitId)
    this.#execution.run()
  }

  releaseSplit(splitId: string): void {
    this.#source(0).releaseSplit(splitId)
    this.#execution.run()
  }

  /** Moves the clock to `timestamp` ms: timers up to then fire in the order of time, and see the clock there already. */
  processingTime(timestamp: number): void {
    this.#time.moveTo(timestamp, () => this.#execution.run())
  }

  /** The final watermark and the end of the input, on all channels. */
  end(): void {
    for (const source of this.#execution.sources) {
      source.end()
      this.#execution.run()
    }
  }

  /** What came out since the last call. */
  output(): HarnessOutput[] {
    const output = this.#output
    this.#output = []
    return output
  }

  /** The values of the records of one output since the last call, without the rest. */
  values(output = 'main'): unknown[] {
    return this.output().flatMap((item) => (item.kind === 'record' && item.output === output ? [item.value] : []))
  }

  close(): Promise<void> {
    return this.#execution.close()
  }

  #source(channel: number): ManualSource {
    return this.#execution.sources[channel] as ManualSource
  }
}

/** Never read: the harness drives the source's task itself. */
function harnessSource<T>(): Source<T> {
  const unused = () => {
    throw new Error('A harness pushes its records.')
  }
  return {
    name: 'harness',
    boundedness: 'unbounded',
    schema: undefined,
    defaultWatermarks: undefined,
    createEnumerator: unused,
    createReader: unused,
    splitSerializer: { version: 1, serialize: unused, deserialize: unused },
  }
}

function harnessSink(name: string): Sink<unknown> {
  return {
    name,
    layout: 'objects',
    createWriter: () => {
      throw new Error('A harness collects what comes out.')
    },
  }
}
