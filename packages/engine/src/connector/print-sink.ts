import { inspect } from 'node:util'
import type { Batch } from '../element/batch.ts'
import type { Sink, SinkWriter, WriterContext } from './sink.ts'

export interface PrintOptions {
  /** Put before each line, with the subtask's number when there are several. */
  readonly prefix?: string | undefined
  /** Takes the lines (default: standard output). */
  readonly write?: (line: string) => void
}

/**
 * Writes each record as a line, as Flink's print() does: strings as they are, everything else as Node shows it.
 *
 * @example
 * counts.sinkTo(printSink({ prefix: 'count' })) // count> { key: 'the', start: 0, end: 5000, count: 19 }
 */
export function printSink<T>(options: PrintOptions = {}): Sink<T> {
  const write = options.write ?? ((line: string) => console.log(line))
  return {
    name: options.prefix ? `print (${options.prefix})` : 'print',
    layout: 'objects',
    createWriter: (context) => new PrintWriter(context, options.prefix, write),
  }
}

class PrintWriter implements SinkWriter {
  readonly isReady = true
  readonly #prefix: string
  readonly #write: (line: string) => void

  constructor(context: WriterContext, prefix: string | undefined, write: (line: string) => void) {
    const subtask = context.parallelism > 1 ? String(context.subtaskIndex + 1) : undefined
    const label = [prefix, subtask].filter((part) => part !== undefined).join(':')
    this.#prefix = label === '' ? '' : `${label}> `
    this.#write = write
  }

  open(): Promise<void> {
    return Promise.resolve()
  }

  write(batch: Batch): void {
    if (batch.layout !== 'objects') return
    for (let i = 0; i < batch.length; i++) {
      const value = batch.values[i]
      this.#write(
        this.#prefix + (typeof value === 'string' ? value : inspect(value, { breakLength: Infinity, depth: 6 })),
      )
    }
  }

  flush(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
