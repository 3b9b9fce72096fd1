import type { Batch } from '../element/batch.ts'
import type { Sink, SinkWriter } from './sink.ts'

/** A sink that keeps what it got in memory. */
export interface CollectSink<T> extends Sink<T> {
  /** The records so far, in the order in which they came. */
  readonly values: readonly T[]
}

/**
 * Gathers the records of a stream in an array of this process: for tests and small results.
 *
 * @example
 * const counts = collectSink<WindowCount<string>>()
 * const handle = await executeJob(job('count', (env) => { … .count().sinkTo(counts) }))
 * await handle.result
 * counts.values // [{ key: 'to', start: 0, end: 5000, count: 2 }, …]
 */
export function collectSink<T>(): CollectSink<T> {
  const values: T[] = []
  return {
    name: 'collect',
    layout: 'objects',
    values,
    createWriter: () => new CollectWriter(values),
  }
}

class CollectWriter implements SinkWriter {
  readonly isReady = true
  readonly #values: unknown[]

  constructor(values: unknown[]) {
    this.#values = values
  }

  open(): Promise<void> {
    return Promise.resolve()
  }

  write(batch: Batch): void {
    if (batch.layout !== 'objects') return
    for (let i = 0; i < batch.length; i++) this.#values.push(batch.values[i])
  }

  flush(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
