import { MIN_TIMESTAMP } from '../element/batch.ts'
import type { ValveOutput } from './watermark-valve.ts'
import type { WatermarkOutput } from './watermark-strategy.ts'

/** Turns what generators say into what may flow: watermarks that rise, each change of status once. */
export class WatermarkEmitter implements WatermarkOutput {
  readonly #output: ValveOutput
  #current = MIN_TIMESTAMP
  #idle = false

  constructor(output: ValveOutput) {
    this.#output = output
  }

  get current(): number {
    return this.#current
  }

  emitWatermark(timestamp: number): void {
    if (!(timestamp > this.#current)) return
    this.#current = timestamp
    this.markActive()
    this.#output.watermark(timestamp)
  }

  markIdle(): void {
    if (this.#idle) return
    this.#idle = true
    this.#output.status(true)
  }

  markActive(): void {
    if (!this.#idle) return
    this.#idle = false
    this.#output.status(false)
  }
}
