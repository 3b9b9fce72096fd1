import { type ObjectBatch, objectBatch } from '../element/batch.ts'
import type { StreamElement } from '../element/element.ts'

/** Batches that may wait in a channel before its producer has to wait. */
const capacity = 8
/** Records of a batch on a channel. */
export const channelBatchSize = 1024

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
    return this.#free.pop() ?? objectBatch([], new Float64Array(channelBatchSize), 0)
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
    batch.length = 0
    batch.values.length = 0
    batch.origin = undefined
    this.#free.push(batch)
    const wasFull = this.isFull
    this.#batches--
    if (wasFull) this.onSpace()
  }
}
