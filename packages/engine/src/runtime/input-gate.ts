import type { ObjectBatch } from '../element/batch.ts'
import type { Barrier } from '../element/element.ts'
import { WatermarkValve, type ValveOutput } from '../time/watermark-valve.ts'
import type { Channel } from './channel.ts'

/** What an input gate hands to its task. */
export interface GateHandler extends ValveOutput {
  batch(batch: ObjectBatch): void
  /** The barrier has come on all channels that have not ended. */
  barrier(barrier: Barrier): void
  /** All channels have ended. */
  end(): void
}

/**
 * The receiving end of all edges into one subtask. Channels take turns; watermarks and statuses are combined by a
 * valve; a barrier blocks its channel until it has come on all the others (aligned checkpoints).
 */
export class InputGate {
  readonly #channels: readonly Channel[]
  readonly #handler: GateHandler
  readonly #valve: WatermarkValve
  readonly #ended: Uint8Array
  readonly #blocked: Uint8Array
  #endedCount = 0
  #blockedCount = 0
  #barrier: Barrier | undefined
  #turn = 0

  constructor(channels: readonly Channel[], handler: GateHandler) {
    this.#channels = channels
    this.#handler = handler
    this.#valve = new WatermarkValve(channels.length, handler)
    this.#ended = new Uint8Array(channels.length)
    this.#blocked = new Uint8Array(channels.length)
  }

  /** Handles the next element of the channel whose turn it is. False: nothing can be read now. */
  poll(): boolean {
    const count = this.#channels.length
    for (let tries = 0; tries < count; tries++) {
      const index = this.#turn
      this.#turn = index + 1 === count ? 0 : index + 1
      const channel = this.#channels[index] as Channel
      if (this.#blocked[index] === 1 || channel.isEmpty) continue
      this.#handle(channel, index)
      return true
    }
    return false
  }

  #handle(channel: Channel, index: number): void {
    const element = channel.shift()
    switch (element.kind) {
      case 'batch': {
        const batch = element as ObjectBatch
        this.#handler.batch(batch)
        channel.recycle(batch)
        return
      }
      case 'watermark':
        this.#valve.inputWatermark(index, element.timestamp)
        return
      case 'status':
        this.#valve.inputStatus(index, element.idle)
        return
      case 'barrier':
        this.#barrier = element
        this.#blocked[index] = 1
        this.#blockedCount++
        this.#completeAlignment()
        return
      case 'end':
        this.#ended[index] = 1
        this.#endedCount++
        if (this.#endedCount === this.#channels.length) this.#handler.end()
        else this.#completeAlignment()
    }
  }

  #completeAlignment(): void {
    const barrier = this.#barrier
    if (barrier === undefined || this.#blockedCount + this.#endedCount < this.#channels.length) return
    this.#barrier = undefined
    this.#blocked.fill(0)
    this.#blockedCount = 0
    this.#handler.barrier(barrier)
  }
}
