import { type Batch, MAX_TIMESTAMP } from '../element/batch.ts'
import type { Operator, OperatorContext } from '../operators/operator.ts'
import type { ProcessingTimer } from '../time/processing-time.ts'
import { WatermarkEmitter } from '../time/watermark-emitter.ts'
import { type BatchWatermarkGenerator, createWatermarkGenerator } from '../time/watermark-generators.ts'
import type { WatermarkStrategy } from '../time/watermark-strategy.ts'
import { TimestampAssigner } from './timestamp-assigner.ts'

/**
 * `assignTimestampsAndWatermarks`, as Flink's TimestampsAndWatermarksOperator: watermarks and statuses from before are
 * dropped, all but the final watermark. The next tick is due one interval after the last one really happened.
 */
export class WatermarksOperator implements Operator {
  readonly name: string
  readonly #strategy: WatermarkStrategy<unknown>
  readonly #intervalMs: number
  readonly #assigner: TimestampAssigner
  #context!: OperatorContext
  #generator!: BatchWatermarkGenerator
  #emitter!: WatermarkEmitter
  #timer: ProcessingTimer | undefined

  constructor(name: string, strategy: WatermarkStrategy<unknown>, intervalMs: number) {
    this.name = name
    this.#strategy = strategy
    this.#intervalMs = intervalMs
    this.#assigner = new TimestampAssigner(strategy)
  }

  open(context: OperatorContext): void {
    this.#context = context
    this.#emitter = new WatermarkEmitter(context.output)
    this.#generator = createWatermarkGenerator(this.#strategy, context)
    if (this.#strategy.generator.kind !== 'none') this.#scheduleTick()
  }

  processBatch(batch: Batch): void {
    this.#generator.onBatch(this.#assigner.assign(batch, this.#context), this.#context.output, this.#emitter)
  }

  processWatermark(timestamp: number): void {
    if (timestamp === MAX_TIMESTAMP) this.#emitter.emitWatermark(timestamp)
  }

  processStatus(): void {}

  endInput(): void {
    this.#timer?.cancel()
  }

  snapshot(): undefined {
    return undefined
  }

  close(): void {
    this.#timer?.cancel()
  }

  #scheduleTick(): void {
    const time = this.#context.processingTime
    this.#timer = time.register(time.now() + this.#intervalMs, () => {
      this.#generator.onPeriodicEmit(time.now(), this.#emitter)
      this.#scheduleTick()
    })
  }
}
