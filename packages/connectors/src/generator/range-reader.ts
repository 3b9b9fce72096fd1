import type { Batch, ReaderContext, ReaderOutput, SourceReader } from '@millrace/engine'
import { RateLimiter } from './rate-limiter.ts'
import type { RecordRange } from './record-range.ts'

const batchSize = 1024

/** Makes the records with the numbers `first`, `first + step` … The batch is used again after the call. */
export interface BatchMaker {
  make(first: number, step: number, length: number): Batch
}

/** Reads ranges of numbers one after the other, at a rate. */
export class RangeReader implements SourceReader<RecordRange> {
  readonly #maker: BatchMaker
  readonly #limiter: RateLimiter
  readonly #ranges: RecordRange[] = []
  #noMore = false

  /** `ratePerSecond`: of all readers together. */
  constructor(context: ReaderContext, maker: BatchMaker, ratePerSecond: number) {
    const { clock, timers } = context.system
    this.#maker = maker
    this.#limiter = new RateLimiter(ratePerSecond / context.parallelism, clock, timers, () => context.available())
  }

  start(): void {}

  addSplits(splits: readonly RecordRange[]): void {
    this.#ranges.push(...splits)
  }

  noMoreSplits(): void {
    this.#noMore = true
  }

  poll(output: ReaderOutput): 'more' | 'nothing' | 'end' {
    const range = this.#ranges[0]
    if (range === undefined) return this.#noMore ? 'end' : 'nothing'
    const { splitId, next, end, step } = range
    if (next >= end) {
      output.releaseSplit(splitId)
      this.#ranges.shift()
      return 'more'
    }
    const length = this.#limiter.take(Math.min(batchSize, Math.ceil((end - next) / step)))
    if (length === 0) return 'nothing'
    this.#ranges[0] = { ...range, next: next + length * step }
    output.emit(this.#maker.make(next, step, length), splitId)
    return 'more'
  }

  snapshotState(): readonly RecordRange[] {
    return [...this.#ranges]
  }

  checkpointComplete(): void {}

  pendingRecords(): number | undefined {
    let pending = 0
    for (const { next, end, step } of this.#ranges) pending += Math.max(0, Math.ceil((end - next) / step))
    return Number.isFinite(pending) ? pending : undefined
  }

  close(): Promise<void> {
    this.#limiter.close()
    return Promise.resolve()
  }
}
