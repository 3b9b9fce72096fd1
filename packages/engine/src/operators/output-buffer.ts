import { type BatchOrigin, objectBatch, type ObjectBatch } from '../element/batch.ts'
import type { Output } from './operator.ts'

const CAPACITY = 1024

/** Where the record came from that is being processed, for the origin of what it causes. */
export interface RecordCursor {
  origin: BatchOrigin | undefined
  /** Index of the record in its batch; -1: a timer. */
  index: number
}

/**
 * Collects records into object batches of at most 1,024 and sends them on. The arrays are used again, so whoever gets
 * the batch copies what it keeps. Each record remembers the record that caused it, for messages about it.
 */
export class OutputBuffer implements BatchOrigin {
  readonly #output: Output
  readonly #tag: string | undefined
  readonly #cursor: RecordCursor
  readonly #causes = new Int32Array(CAPACITY)
  readonly #batch: ObjectBatch

  /** `tag`: the side output to send to; undefined for the main one. */
  constructor(output: Output, tag: string | undefined, cursor: RecordCursor) {
    this.#output = output
    this.#tag = tag
    this.#cursor = cursor
    this.#batch = objectBatch([], new Float64Array(CAPACITY), 0, this)
  }

  add(value: unknown, timestamp: number): void {
    const batch = this.#batch
    const at = batch.length
    batch.values[at] = value
    batch.timestamps[at] = timestamp
    this.#causes[at] = this.#cursor.index
    batch.length = at + 1
    if (at + 1 === CAPACITY) this.flush()
  }

  flush(): void {
    const batch = this.#batch
    if (batch.length === 0) return
    if (this.#tag === undefined) this.#output.batch(batch)
    else this.#output.side(this.#tag, batch)
    batch.length = 0
    batch.values.length = 0
  }

  describe(index: number): string {
    const cause = this.#causes[index] as number
    if (cause === -1) return 'a timer'
    return this.#cursor.origin === undefined ? 'a record of unknown origin' : this.#cursor.origin.describe(cause)
  }
}

/** The main output and the side outputs of an operator, flushed together. */
export class OutputBuffers {
  readonly main: OutputBuffer
  readonly #output: Output
  readonly #cursor: RecordCursor = { origin: undefined, index: -1 }
  readonly #sides = new Map<string, OutputBuffer>()

  constructor(output: Output) {
    this.#output = output
    this.main = new OutputBuffer(output, undefined, this.#cursor)
  }

  /** What follows is caused by this record. */
  set index(index: number) {
    this.#cursor.index = index
  }

  side(tag: string, value: unknown, timestamp: number): void {
    let buffer = this.#sides.get(tag)
    if (buffer === undefined) {
      buffer = new OutputBuffer(this.#output, tag, this.#cursor)
      this.#sides.set(tag, buffer)
    }
    buffer.add(value, timestamp)
  }

  begin(origin: BatchOrigin | undefined): void {
    this.#cursor.origin = origin
  }

  /** Sends on what was collected; what comes next is caused by timers. */
  flush(): void {
    this.main.flush()
    for (const buffer of this.#sides.values()) buffer.flush()
    this.#cursor.origin = undefined
    this.#cursor.index = -1
  }
}
