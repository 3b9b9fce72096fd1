import type { Batch } from '../element/batch.ts'
import type { Barrier } from '../element/element.ts'
import type { Channel } from './channel.ts'
import { type GateHandler, InputGate } from './input-gate.ts'
import type { ActionResult } from './mailbox.ts'
import type { ChainedOperator } from './step-output.ts'
import { Task, type TaskObserver, type TaskServices } from './task.ts'

/** A task that reads from other tasks. */
export class OperatorTask extends Task implements GateHandler {
  readonly #gate: InputGate

  constructor(
    name: string,
    subtask: number,
    channels: readonly Channel[],
    services: TaskServices,
    observer: TaskObserver,
  ) {
    super(name, subtask, services, observer)
    this.#gate = new InputGate(channels, this)
    for (const channel of channels) channel.onElement = () => this.wake()
  }

  protected override processInput(): ActionResult {
    return this.#gate.poll() ? 'more' : 'nothing'
  }

  batch(batch: Batch): void {
    const { operator, metrics } = this.#head
    metrics.numRecordsIn += batch.length
    operator.processBatch(batch, 0)
  }

  watermark(timestamp: number): void {
    const { operator, metrics } = this.#head
    metrics.currentInputWatermark = timestamp
    operator.processWatermark(timestamp, 0)
  }

  status(idle: boolean): void {
    this.#head.operator.processStatus(idle, 0)
  }

  override barrier(barrier: Barrier): void {
    super.barrier(barrier)
  }

  end(): void {
    this.finish()
  }

  get #head(): ChainedOperator {
    return this.chain.head as ChainedOperator
  }
}
