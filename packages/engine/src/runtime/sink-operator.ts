import type { SinkWriter } from '../connector/sink.ts'
import type { Batch } from '../element/batch.ts'
import type { Operator } from '../operators/operator.ts'
import { notOfUser } from './user-error.ts'

/** The end of a task: hands batches to a sink's writer. */
export class SinkOperator implements Operator {
  readonly name: string
  readonly writer: SinkWriter

  constructor(name: string, writer: SinkWriter) {
    this.name = name
    this.writer = writer
  }

  open(): void {}

  processBatch(batch: Batch): void {
    try {
      this.writer.write(batch)
    } catch (cause) {
      throw notOfUser(cause)
    }
  }

  processWatermark(_timestamp: number): void {}

  processStatus(_idle: boolean): void {}

  endInput(): void {}

  snapshot(): undefined {
    return undefined
  }

  close(): void {}
}
