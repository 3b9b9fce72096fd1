import { type BatchOrigin, type ObjectBatch, objectBatch } from '../element/batch.ts'
import type { StreamElement } from '../element/element.ts'

/** Batches that may wait in a channel before its producer has to wait. */
const capacity = 8
/** Records of a batch on a channel. */
export const channelBatchSize = 1024

/**
 * Where the records of a batch on a channel came from. The batches that they were taken from are used again, so only
 * the first record of each is known.
 */
export class ChannelOrigin implements BatchOrigin {
  readonly #starts: number[] = []
  readonly #texts: string[] = []

  /** The records from `start` on come from the batch whose first record is `text`. */
  add(start: number, text: string): void {
    this.#starts.push(start)
    this.#texts.push(text)
  }

  clear(): void {
    this.#starts.length = 0
    this.#texts.length = 0
  }

  describe(index: number): string {
    const at = this.#starts.findLastIndex((start) => start <= index)
    return at === -1 ? 'a record of unknown origin' : `${this.#texts[at]}, or one that was read soon after it`
  }
}

/**
 * One direction of an edge between two subtasks: a bounded queue. Its batches belong to the channel, and go round: the
 * consumer gives each back when it has processed it.
 */
export class Channel {
  readonly #queue: StreamElement[] = []
  #head = 0
  #batches = 0
  readonly #free: ObjectBatch[] = []
  /** Called when something has come for the consumer. */
  onElement: () => void = () => {}
  /** Called when a full channel has room again. */
  onSpace: () => void = () => {}

  get isEmpty(): boolean {
    return this.#head === this.#queue.length
  }

  /** The producer finishes the batch at hand and then waits. */
  get isFull(): boolean {
    return this.#batches >= capacity
  }

  /** An empty batch to fill and push. */
  takeBatch(): ObjectBatch {
    return this.#free.pop() ?? objectBatch([], new Float64Array(channelBatchSize), 0, new ChannelOrigin())
  }

  push(element: StreamElement): void {
    if (element.kind === 'batch') this.#batches++
    this.#queue.push(element)
    this.onElement()
  }

  shift(): StreamElement {
    const element = this.#queue[this.#head++] as StreamElement
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0
      this.#head = 0
    }
    return element
  }

  /** The consumer is done with a batch that it got from {@link shift}. */
  recycle(batch: ObjectBatch): void {
    // The records must not live on with the array.
    batch.values.fill(undefined, 0, batch.length)
    batch.length = 0
    ;(batch.origin as ChannelOrigin).clear()
    this.#free.push(batch)
    const wasFull = this.isFull
    this.#batches--
    if (wasFull) this.onSpace()
  }
}
