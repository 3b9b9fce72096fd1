import { barrier } from '../element/element.ts'
import { closeQuietly } from './close-quietly.ts'
import type { ActionResult } from './mailbox.ts'
import { Task } from './task.ts'

/** Where the records of a source task come from: a source's reader, or a harness. */
export interface SourceDriver {
  start(): void
  /** Emits at most about one batch. `nothing`: wakes the task when there is something. `end`: the final watermark is out. */
  poll(): 'more' | 'nothing' | 'end'
  /** Reads no more: lets out the final watermark. */
  drain(): void
  /** Notes the position after what was emitted so far. */
  snapshot(checkpointId: number): void
  /** All that was emitted before the snapshot is durable downstream. */
  checkpointComplete(checkpointId: number): void
  close(): Promise<void>
}

/** A task that begins with a source. */
export class SourceTask extends Task {
  /** Set by the builder before anything runs. */
  driver!: SourceDriver
  #stopping = false

  override start(): void {
    super.start()
    this.driver.start()
  }

  protected override processInput(): ActionResult {
    if (this.#stopping) {
      this.driver.drain()
      this.finish()
      return 'nothing'
    }
    const result = this.driver.poll()
    if (result === 'end') {
      this.finish()
      return 'nothing'
    }
    return result
  }

  /** Reads no more; what was read flows to the end, with the final watermark behind it. */
  stop(): void {
    this.mail(() => {
      this.#stopping = true
    })
  }

  /** Lets a barrier into the stream after what was emitted so far. */
  triggerBarrier(checkpointId: number, triggered: number): void {
    this.mail(() => {
      this.driver.snapshot(checkpointId)
      this.barrier(barrier(checkpointId, triggered))
    })
  }

  checkpointComplete(checkpointId: number): void {
    this.driver.checkpointComplete(checkpointId)
  }

  override async close(): Promise<unknown[]> {
    const [ofChain, ofDriver] = await Promise.all([super.close(), closeQuietly(() => this.driver.close())])
    return [...ofChain, ...ofDriver]
  }
}
