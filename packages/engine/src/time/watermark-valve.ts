import { MIN_TIMESTAMP } from '../element/batch.ts'

/** What the valve lets through. */
export interface ValveOutput {
  watermark(timestamp: number): void
  status(idle: boolean): void
}

/**
 * Combines the watermarks and statuses of several channels into those of one stream, as Flink's StatusWatermarkValve:
 * the smallest watermark of the channels that are active and aligned. A channel that comes back from being idle is
 * left out until it has caught up with what was let through.
 */
export class WatermarkValve {
  readonly #output: ValveOutput
  readonly #watermarks: Float64Array
  readonly #active: Uint8Array
  readonly #aligned: Uint8Array
  #activeCount: number
  #last = MIN_TIMESTAMP

  constructor(channels: number, output: ValveOutput) {
    this.#output = output
    this.#watermarks = new Float64Array(channels).fill(MIN_TIMESTAMP)
    this.#active = new Uint8Array(channels).fill(1)
    this.#aligned = new Uint8Array(channels).fill(1)
    this.#activeCount = channels
  }

  /** The watermark that was let through last. */
  get current(): number {
    return this.#last
  }

  inputWatermark(channel: number, timestamp: number): void {
    if (this.#active[channel] === 0 || timestamp <= (this.#watermarks[channel] as number)) return
    this.#watermarks[channel] = timestamp
    if (timestamp >= this.#last) this.#aligned[channel] = 1
    this.#advance()
  }

  inputStatus(channel: number, idle: boolean): void {
    if (idle) this.#turnIdle(channel)
    else this.#turnActive(channel)
  }

  #turnIdle(channel: number): void {
    if (this.#active[channel] === 0) return
    this.#active[channel] = 0
    this.#aligned[channel] = 0
    this.#activeCount--
    // Only a channel that held the others back lets the watermark rise by leaving.
    const heldBack = this.#watermarks[channel] === this.#last
    if (this.#activeCount > 0) {
      if (heldBack) this.#advance()
      return
    }
    // All are idle: nobody need wait any longer.
    if (heldBack) {
      let highest = MIN_TIMESTAMP
      for (const timestamp of this.#watermarks) highest = Math.max(highest, timestamp)
      this.#emit(highest)
    }
    this.#output.status(true)
  }

  #turnActive(channel: number): void {
    if (this.#active[channel] === 1) return
    if (this.#activeCount === 0) this.#output.status(false)
    this.#active[channel] = 1
    this.#activeCount++
    this.#aligned[channel] = (this.#watermarks[channel] as number) >= this.#last ? 1 : 0
  }

  #advance(): void {
    let least = Number.POSITIVE_INFINITY
    let any = false
    for (let channel = 0; channel < this.#watermarks.length; channel++) {
      if (this.#aligned[channel] === 0) continue
      any = true
      least = Math.min(least, this.#watermarks[channel] as number)
    }
    if (any) this.#emit(least)
  }

  #emit(timestamp: number): void {
    if (timestamp <= this.#last) return
    this.#last = timestamp
    this.#output.watermark(timestamp)
  }
}
