import type { Batch, ObjectBatch } from '../element/batch.ts'
import { MIN_TIMESTAMP } from '../element/batch.ts'
import { TimestampedCollector, tagId } from './collector.ts'
import type { Operator, OperatorContext } from './operator.ts'
import { OutputBuffers } from './output-buffer.ts'
import type { KeyedProcess, OutputTag, ProcessContext, TimeView } from './process.ts'

export interface ProcessOptions {
  readonly name: string
  readonly process: KeyedProcess
}

/** Runs a process function over a stream without keys: no state, no timers. Object batches in, object batches out. */
export class ProcessOperator implements Operator {
  readonly name: string
  readonly #process: Process
  #runtime!: Runtime

  constructor(options: ProcessOptions) {
    this.name = options.name
    this.#process = options.process as Process
  }

  open(context: OperatorContext): void {
    const buffers = new OutputBuffers(context.output)
    this.#runtime = {
      context,
      buffers,
      user: new UserContext(context, buffers),
      out: new TimestampedCollector(buffers),
    }
    try {
      this.#process.open?.()
    } catch (cause) {
      throw context.userError(cause, undefined, -1)
    }
  }

  processBatch(batch: Batch): void {
    const { context, buffers, user, out } = this.#runtime
    const { values, timestamps, length } = batch as ObjectBatch
    buffers.begin(batch.origin)
    let i = 0
    try {
      for (; i < length; i++) {
        const timestamp = timestamps[i] as number
        user.time = timestamp
        out.timestamp = timestamp
        buffers.index = i
        const returned = this.#process.processElement(values[i], user, out)
        if (returned !== undefined) out.collectReturned(returned)
      }
    } catch (cause) {
      throw context.userError(cause, batch, i)
    }
    buffers.flush()
  }

  processWatermark(timestamp: number): void {
    this.#runtime.user.watermark = timestamp
    this.#runtime.context.output.watermark(timestamp)
  }

  processStatus(idle: boolean): void {
    this.#runtime.context.output.status(idle)
  }

  endInput(): void {}

  snapshot(): undefined {
    return undefined
  }

  close(): void {
    this.#process.close?.()
  }
}

interface Process extends KeyedProcess {
  readonly open?: () => void
  readonly processElement: (value: unknown, context: UserContext, out: TimestampedCollector) => Iterable<unknown> | void
}

interface Runtime {
  readonly context: OperatorContext
  readonly buffers: OutputBuffers
  readonly user: UserContext
  readonly out: TimestampedCollector
}

class UserContext implements ProcessContext {
  readonly timers: TimeView
  time = Number.NaN
  watermark = MIN_TIMESTAMP
  readonly #buffers: OutputBuffers

  constructor(context: OperatorContext, buffers: OutputBuffers) {
    this.#buffers = buffers
    this.timers = {
      currentWatermark: () => this.watermark,
      currentProcessingTime: () => context.processingTime.now(),
    }
  }

  get timestamp(): number | undefined {
    return Number.isNaN(this.time) ? undefined : this.time
  }

  readonly output = <X>(tag: OutputTag<X>, value: X): void => {
    this.#buffers.side(tagId(tag), value, this.time)
  }
}
