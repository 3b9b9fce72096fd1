import type { Batch } from '../element/batch.ts'
import { MIN_TIMESTAMP } from '../element/batch.ts'
import { WatermarkEmitter } from './watermark-emitter.ts'
import type { BatchReceiver, BatchWatermarkGenerator } from './watermark-generators.ts'
import type { WatermarkOutput } from './watermark-strategy.ts'
import type { ValveOutput } from './watermark-valve.ts'

/**
 * Watermarks of a source subtask: one generator per split, combined to the smallest of the splits that are not idle,
 * as Flink's WatermarkOutputMultiplexer and ProgressiveTimestampsAndWatermarks.
 */
export class SplitWatermarks {
  readonly #createGenerator: () => BatchWatermarkGenerator
  readonly #output: BatchReceiver
  readonly #emitter: WatermarkEmitter
  readonly #splits = new Map<string, SplitOutput>()
  /** Sees no records: it declares a source idle whose splits have given no watermark for the idleness. */
  readonly #main: BatchWatermarkGenerator
  readonly #mainOutput: WatermarkOutput
  /** No split has given a watermark since the start, or since all were idle. */
  #nothingFromSplits = true

  constructor(createGenerator: () => BatchWatermarkGenerator, output: ValveOutput & BatchReceiver) {
    this.#createGenerator = createGenerator
    this.#output = output
    this.#emitter = new WatermarkEmitter(output)
    this.#main = createGenerator()
    this.#mainOutput = {
      emitWatermark: () => {},
      markActive: () => {},
      markIdle: () => {
        if (this.#nothingFromSplits) this.#emitter.markIdle()
      },
    }
  }

  addSplit(splitId: string): void {
    if (this.#splits.has(splitId)) return
    this.#splits.set(splitId, new SplitOutput(this.#createGenerator(), () => this.#combine()))
  }

  /** Its watermark no longer counts. Shows at the next tick. */
  releaseSplit(splitId: string): void {
    this.#splits.delete(splitId)
  }

  /** Passes the batch on; watermarks follow the records that caused them. */
  onBatch(batch: Batch, splitId: string): void {
    const split = this.#split(splitId)
    split.generator.onBatch(batch, this.#output, split.immediate)
  }

  /** Punctuation from the source itself. */
  emitWatermark(timestamp: number, splitId: string): void {
    this.#split(splitId).immediate.emitWatermark(timestamp)
  }

  markIdle(splitId: string): void {
    this.#split(splitId).immediate.markIdle()
  }

  onPeriodicEmit(now: number): void {
    for (const split of this.#splits.values()) split.generator.onPeriodicEmit(now, split.deferred)
    this.#combine()
    // After the splits: a watermark of theirs at this tick keeps the source active.
    this.#main.onPeriodicEmit(now, this.#mainOutput)
  }

  /** No split is assigned: nothing here holds the watermark back. */
  markSourceIdle(): void {
    if (this.#splits.size === 0) this.#emitter.markIdle()
  }

  emitFinalWatermark(): void {
    this.#emitter.emitWatermark(Number.POSITIVE_INFINITY)
  }

  #split(splitId: string): SplitOutput {
    let split = this.#splits.get(splitId)
    if (!split) {
      this.addSplit(splitId)
      split = this.#splits.get(splitId) as SplitOutput
    }
    return split
  }

  #combine(): void {
    if (this.#splits.size === 0) return
    let least = Number.POSITIVE_INFINITY
    let highest = MIN_TIMESTAMP
    let allIdle = true
    for (const split of this.#splits.values()) {
      highest = Math.max(highest, split.watermark)
      if (split.idle) continue
      allIdle = false
      least = Math.min(least, split.watermark)
    }
    if (allIdle) {
      this.#emitter.emitWatermark(highest)
      this.#nothingFromSplits = true
      this.#emitter.markIdle()
    } else if (least > this.#emitter.current) {
      this.#emitter.emitWatermark(least)
      this.#nothingFromSplits = false
    }
  }
}

/** The watermark and status of one split. */
class SplitOutput {
  readonly generator: BatchWatermarkGenerator
  watermark = MIN_TIMESTAMP
  idle = false
  /** For what a generator says at a tick: all splits are combined after it. */
  readonly deferred: WatermarkOutput
  /** For what a generator says at a record: combined at once. */
  readonly immediate: WatermarkOutput

  constructor(generator: BatchWatermarkGenerator, combine: () => void) {
    this.generator = generator
    this.deferred = {
      emitWatermark: (timestamp) => {
        this.#raise(timestamp)
      },
      markIdle: () => {
        this.idle = true
      },
      markActive: () => {
        this.idle = false
      },
    }
    this.immediate = {
      emitWatermark: (timestamp) => {
        if (this.#raise(timestamp)) combine()
      },
      markIdle: () => {
        this.idle = true
        combine()
      },
      markActive: () => {
        this.idle = false
      },
    }
  }

  /** A split that gives a watermark is active, also when the watermark does not rise. */
  #raise(timestamp: number): boolean {
    this.idle = false
    if (!(timestamp > this.watermark)) return false
    this.watermark = timestamp
    return true
  }
}
