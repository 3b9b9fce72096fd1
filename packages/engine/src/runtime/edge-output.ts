import type { Batch, ObjectBatch } from '../element/batch.ts'
import { endOfInput, statusActive, statusIdle, type StreamElement, watermark } from '../element/element.ts'
import type { JobEdge } from '../plan/job-graph.ts'
import { type Channel, channelBatchSize, type ChannelOrigin } from './channel.ts'
import { createPartitioner, type Partitioner } from './partitioner.ts'

/**
 * The sending end of an edge in one subtask: deals records out to the channels, in batches of the channels' own.
 * Nothing overtakes: what waits in a batch goes before a watermark, a status or a barrier.
 */
export class EdgeOutput {
  readonly #channels: readonly Channel[]
  readonly #open: (ObjectBatch | undefined)[]
  readonly #partitioner: Partitioner
  readonly #wrap: (cause: unknown, batch: Batch, index: number) => Error
  readonly #cursor = { index: -1 }
  /** The first record of the batch at hand, and which channels' batches know it. */
  #origin: string | undefined
  #inputs = 0
  readonly #knownInput: Float64Array
  #targets = new Int32Array(channelBatchSize)

  /** `channels`: those that this subtask sends to, in the order of the subtasks at the other end. */
  constructor(
    edge: JobEdge,
    channels: readonly Channel[],
    maxParallelism: number,
    subtask: number,
    wrap: (cause: unknown, batch: Batch, index: number) => Error,
  ) {
    this.#channels = channels
    this.#open = channels.map(() => undefined)
    this.#knownInput = new Float64Array(channels.length)
    this.#partitioner = createPartitioner(edge.partitioning, channels.length, maxParallelism, subtask)
    this.#wrap = wrap
  }

  /** False: a channel is full; the task stops until it has room. */
  get isReady(): boolean {
    for (const channel of this.#channels) if (channel.isFull) return false
    return true
  }

  batch(batch: ObjectBatch): void {
    if (batch.length === 0) return
    this.#inputs++
    this.#origin = batch.origin?.describe(0)
    if (this.#channels.length === 1) {
      this.#appendAll(0, batch)
    } else if (this.#partitioner.broadcast) {
      for (let channel = 0; channel < this.#channels.length; channel++) this.#appendAll(channel, batch)
    } else {
      this.#distribute(batch)
    }
  }

  watermark(timestamp: number): void {
    this.send(watermark(timestamp))
  }

  status(idle: boolean): void {
    this.send(idle ? statusIdle : statusActive)
  }

  end(): void {
    this.send(endOfInput)
  }

  /** To all channels, after what they wait for. */
  send(element: Exclude<StreamElement, Batch>): void {
    this.flush()
    for (const channel of this.#channels) channel.push(element)
  }

  /** Sends what waits, also when the batches are small: there is nothing else to do now. */
  flush(): void {
    for (let i = 0; i < this.#open.length; i++) {
      const batch = this.#open[i]
      if (batch === undefined || batch.length === 0) continue
      this.#open[i] = undefined
      ;(this.#channels[i] as Channel).push(batch)
    }
  }

  #distribute(batch: ObjectBatch): void {
    const { values, timestamps, length } = batch
    if (this.#targets.length < length) this.#targets = new Int32Array(length)
    const targets = this.#targets
    this.#cursor.index = -1
    try {
      this.#partitioner.select(values, length, targets, this.#cursor)
    } catch (cause) {
      throw this.#wrap(cause, batch, this.#cursor.index)
    }
    for (let i = 0; i < length; i++) {
      this.#append(targets[i] as number, values[i], timestamps[i] as number)
    }
  }

  #appendAll(channel: number, batch: ObjectBatch): void {
    for (let i = 0; i < batch.length; i++) this.#append(channel, batch.values[i], batch.timestamps[i] as number)
  }

  #append(channel: number, value: unknown, timestamp: number): void {
    let open = this.#open[channel]
    if (open === undefined) {
      open = (this.#channels[channel] as Channel).takeBatch()
      this.#open[channel] = open
      this.#knownInput[channel] = 0
    }
    const at = open.length
    if (this.#knownInput[channel] !== this.#inputs) {
      this.#knownInput[channel] = this.#inputs
      if (this.#origin !== undefined) (open.origin as ChannelOrigin).add(at, this.#origin)
    }
    open.values[at] = value
    open.timestamps[at] = timestamp
    open.length = at + 1
    if (at + 1 === channelBatchSize) {
      this.#open[channel] = undefined
      ;(this.#channels[channel] as Channel).push(open)
    }
  }
}
