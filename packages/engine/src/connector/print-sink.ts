import { inspect } from 'node:util'
import type { Batch } from '../element/batch.ts'
import { LineOutput } from './line-output.ts'
import type { Sink, SinkWriter, WriterContext } from './sink.ts'

export interface PrintOptions {
  /** Put before each line, with the subtask's number when there are several. */
  readonly prefix?: string | undefined
  /** Takes the lines (default: standard output, where a slow reader slows the job down). */
  readonly write?: (line: string) => void
}

const standardOutput = new LineOutput({
  // Asked for at each call: a test runner may have put another in its place.
  write: (text) => process.stdout.write(text),
  once: (event, listener) => process.stdout.once(event, listener),
})

/**
 * Writes each record as a line, as Flink's print() does: strings as they are, everything else as Node shows it.
 *
 * @example
 * counts.sinkTo(printSink({ prefix: 'count' })) // count> { key: 'the', start: 0, end: 5000, count: 19 }
 */
export function printSink<T>(options: PrintOptions = {}): Sink<T> {
  const { prefix, write } = options
  return {
    name: prefix ? `print (${prefix})` : 'print',
    layout: 'objects',
    createWriter: (context) => new PrintWriter(context, prefix, write),
  }
}

class PrintWriter implements SinkWriter {
  readonly #prefix: string
  readonly #write: ((line: string) => void) | undefined
  readonly #forget: () => void

  constructor(context: WriterContext, prefix: string | undefined, write: ((line: string) => void) | undefined) {
    const subtask = context.parallelism > 1 ? String(context.subtaskIndex + 1) : undefined
    const label = [prefix, subtask].filter((part) => part !== undefined).join(':')
    this.#prefix = label === '' ? '' : `${label}> `
    this.#write = write
    this.#forget = standardOutput.onReady(() => context.ready())
  }

  get isReady(): boolean {
    return this.#write !== undefined || standardOutput.isReady
  }

  open(): Promise<void> {
    return Promise.resolve()
  }

  write(batch: Batch): void {
    if (batch.layout !== 'objects') return
    let text = ''
    for (let i = 0; i < batch.length; i++) {
      const line = this.#lineOf(batch.values[i])
      if (this.#write) this.#write(line)
      else text += `${line}\n`
    }
    if (text !== '') standardOutput.write(text)
  }

  flush(): Promise<void> {
    return this.#write ? Promise.resolve() : standardOutput.drained()
  }

  close(): Promise<void> {
    this.#forget()
    return Promise.resolve()
  }

  #lineOf(value: unknown): string {
    return this.#prefix + (typeof value === 'string' ? value : inspect(value, { breakLength: Infinity, depth: 6 }))
  }
}
