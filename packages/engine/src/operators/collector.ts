import { MillraceError } from '@millrace/std'
import type { OutputBuffers } from './output-buffer.ts'
import type { Collector } from './process.ts'

/** The collector that user functions get: records take the time stamp that is set when they are collected. */
export class TimestampedCollector implements Collector<unknown> {
  /** NaN: none. */
  timestamp = Number.NaN
  readonly #buffers: OutputBuffers

  constructor(buffers: OutputBuffers) {
    this.#buffers = buffers
  }

  collect(value: unknown): void {
    this.#buffers.main.add(value, this.timestamp)
  }

  /** Emits what a function returned, after what it collected. */
  collectReturned(returned: Iterable<unknown> | void): void {
    if (returned === undefined) return
    if (typeof (returned as { then?: unknown } | null)?.then === 'function') throw returnsPromise()
    for (const value of returned) this.collect(value)
  }
}

/** A side output's name; users pass the tag that `outputTag` made. */
export function tagId(tag: { readonly id: string }): string {
  if (typeof tag?.id !== 'string') {
    throw new MillraceError('API_BAD_OUTPUT_TAG', {
      message: 'The first argument of output() is not a tag.',
      fix: "Make one with outputTag('name') and pass it.",
    })
  }
  return tag.id
}

function returnsPromise(): MillraceError {
  return new MillraceError('API_PROMISE_RETURNED', {
    message: 'The function returned a promise, but it must return its records at once: nothing would wait for them.',
    fix: 'Remove async from the function; look things up before keyBy, or use an asynchronous operator.',
  })
}
