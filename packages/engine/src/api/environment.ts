import { MillraceError } from '@millrace/std'
import { collectionSource } from '../connector/collection-source.ts'
import type { Source } from '../connector/source.ts'
import { GraphBuilder } from '../graph/graph-builder.ts'
import type { WatermarkStrategy } from '../time/watermark-strategy.ts'
import { DataStream } from './data-stream.ts'
import { checkOptions, describe } from './options.ts'
import { toStrategy, type WatermarkOptions } from './watermark-strategy.ts'

export interface SourceOptions<T> {
  /** Event time and watermarks. Default: what the source offers, such as the records' own time stamps in Kafka. */
  readonly watermarks?: WatermarkStrategy<T> | WatermarkOptions<T>
  /** For explain, metrics and messages. */
  readonly name?: string
  /** Names the source's state in snapshots, whatever happens to the graph around it. */
  readonly uid?: string
  /** Number of subtasks. Default: the job's. */
  readonly parallelism?: number
}

/** Where a job begins: makes streams from sources. Passed to the function that defines a job. */
export class StreamExecutionEnvironment {
  readonly #graph: GraphBuilder

  constructor(graph: GraphBuilder) {
    this.#graph = graph
  }

  /**
   * The records of a source.
   *
   * @example
   * env.fromSource(kafkaSource({ topic: 'lines', value: text() }))
   */
  fromSource<T>(source: Source<T>, options?: SourceOptions<T>): DataStream<T> {
    checkOptions(options, ['watermarks', 'name', 'uid', 'parallelism'], 'fromSource()')
    if (typeof source?.createReader !== 'function') {
      throw new MillraceError('API_NOT_A_SOURCE', {
        message: `fromSource() needs a source, not ${describe(source)}.`,
        fix: "Pass what a connector makes, such as kafkaSource({ topic: 'lines', value: text() }), or use fromCollection([…]).",
      })
    }
    const watermarks = options?.watermarks && toStrategy(options.watermarks, 'fromSource()')
    const node = this.#graph.add({
      kind: 'source',
      name: options?.name ?? source.name,
      source,
      watermarks: watermarks as WatermarkStrategy<unknown> | undefined,
    })
    const stream = new DataStream<T>(this.#graph, node)
    if (options?.uid !== undefined) stream.uid(options.uid)
    if (options?.parallelism !== undefined) stream.setParallelism(options.parallelism)
    return stream
  }

  /**
   * A bounded stream of the given records, for tests and first steps.
   *
   * @example
   * env.fromCollection([{ word: 'to', at: 0 }, { word: 'be', at: 900 }], { watermarks: { timestamp: (record) => record.at } })
   */
  fromCollection<T>(records: readonly T[], options?: SourceOptions<T>): DataStream<T> {
    if (!Array.isArray(records)) {
      throw new MillraceError('API_NOT_A_SOURCE', {
        message: `fromCollection() needs an array, not ${describe(records)}.`,
        fix: 'Pass [...records].',
      })
    }
    return this.fromSource(collectionSource(records), options)
  }
}
