import { MillraceError } from '@millrace/std'
import type { Batch, ObjectBatch } from '../../element/batch.ts'
import type { Barrier } from '../../element/element.ts'
import { AdaptiveKeyTable } from '../../state/adaptive-key-table.ts'
import { HeapStateBackend } from '../../state/heap/heap-state-backend.ts'
import { readKeyGroup, type SnapshotShape, writeKeyGroups } from '../../state/keyed-snapshot.ts'
import type { StateBackend } from '../../state/state-backend.ts'
import { SlotTimers, type TimerHandler } from '../../time/timer-service.ts'
import type { Operator, OperatorContext, OperatorSnapshot } from '../operator.ts'
import { OutputBuffers } from '../output-buffer.ts'
import { alignedWindows, type AlignedWindows, sessionGap } from './assign.ts'
import type { WindowDefinition } from './definition.ts'
import { WindowStore } from './window-store.ts'

export interface WindowOperatorOptions {
  readonly name: string
  readonly window: WindowDefinition
  /** The key of a record; a function that always gives the same for windows over the whole stream. */
  readonly keyOf: (value: unknown) => unknown
  /** Undefined: on the heap. */
  readonly backend?: StateBackend
}

/**
 * Flink's WindowOperator: every assigner, trigger, function, lateness. Object batches in, object batches out.
 *
 * A window that has ended is kept for `allowedLateness`, and each late record of it fires it again. A record that comes
 * when all its windows are gone goes to the late side output.
 */
export class WindowOperator implements Operator, TimerHandler {
  readonly name: string
  readonly #definition: WindowDefinition
  readonly #keyOf: (value: unknown) => unknown
  readonly #backend: StateBackend
  readonly #aligned: AlignedWindows | undefined
  readonly #eventTime: boolean
  readonly #needsTimestamp: boolean
  #runtime!: Runtime
  #numLateRecordsDropped = 0

  constructor(options: WindowOperatorOptions) {
    this.name = options.name
    this.#definition = options.window
    this.#keyOf = options.keyOf
    this.#backend = options.backend ?? new HeapStateBackend()
    this.#aligned = alignedWindows(options.window.assigner)
    const { assigner, trigger } = options.window
    this.#eventTime = assigner.time === 'event'
    this.#needsTimestamp =
      assigner.kind === 'global' ? trigger?.kind === 'continuousEventTime' : assigner.time === 'event'
  }

  get numLateRecordsDropped(): number {
    return this.#numLateRecordsDropped
  }

  open(context: OperatorContext): void {
    const keys = new AdaptiveKeyTable(context.subtask.maxParallelism)
    const timers = new SlotTimers(context.processingTime, this)
    const buffers = new OutputBuffers(context.output)
    const store = new WindowStore(this.#definition, { keys, timers, buffers, backend: this.#backend })
    this.#runtime = { context, keys, timers, buffers, store }
    for (const part of context.restored?.keyed?.values() ?? []) {
      readKeyGroup(part, keys, store.shape, (slot, input, version) => store.read(slot, input, version))
    }
  }

  processBatch(batch: Batch): void {
    const { context, keys, timers, buffers, store } = this.#runtime
    const { values, timestamps, length } = batch as ObjectBatch
    // A batch is one moment of the clock.
    const now = this.#eventTime ? 0 : timers.currentProcessingTime()
    buffers.begin(batch.origin)
    let i = 0
    try {
      for (; i < length; i++) {
        buffers.index = i
        const value = values[i]
        const timestamp = timestamps[i] as number
        if (this.#needsTimestamp && Number.isNaN(timestamp)) throw withoutTimestamp()
        const slot = keys.slotOf(this.#keyOf(value))
        if (!this.#assign(slot, value, this.#eventTime ? timestamp : now, store)) this.#late(value, timestamp)
        if (store.isUnused(slot)) keys.remove(slot)
      }
    } catch (cause) {
      throw context.userError(cause, batch, i)
    }
    buffers.flush()
  }

  processWatermark(timestamp: number): void {
    const { context, timers, buffers } = this.#runtime
    timers.advanceWatermark(timestamp)
    buffers.flush()
    context.output.watermark(timestamp)
  }

  processStatus(idle: boolean): void {
    this.#runtime.context.output.status(idle)
  }

  endInput(): void {}

  onEventTimer(pane: number, timestamp: number): void {
    this.#fire(pane, timestamp, 'event')
  }

  onProcessingTimer(pane: number, timestamp: number): void {
    this.#fire(pane, timestamp, 'processing')
  }

  processingTimersFired(): void {
    this.#runtime.buffers.flush()
  }

  snapshot(_barrier: Barrier): OperatorSnapshot {
    const { keys, store } = this.#runtime
    const shape: SnapshotShape = store.shape
    return { keyed: writeKeyGroups(keys, shape, (slot, out) => store.write(slot, out)), operator: undefined }
  }

  close(): void {
    // Open may have failed.
    const runtime: Runtime | undefined = this.#runtime
    runtime?.timers.close()
  }

  /** Puts a record into its windows. False: every one of them is gone. */
  #assign(slot: number, value: unknown, time: number, store: WindowStore): boolean {
    const aligned = this.#aligned
    if (aligned !== undefined) {
      let landed = false
      let pane = -1
      const { size, slide } = aligned
      for (let start = aligned.latestStart(time); start > time - size; start -= slide) {
        if (store.isLate(start + size)) continue
        landed = true
        pane = store.addTo(slot, start, start + size, value, time, pane)
      }
      return landed
    }
    const { assigner } = this.#definition
    if (assigner.kind === 'session')
      return store.addToSession(slot, time, time + sessionGap(assigner.gap, value), value)
    store.addTo(slot, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, value, time, -1)
    return true
  }

  /** Late is a record that no window took and that is behind the watermark; others fall between sliding windows. */
  #late(value: unknown, timestamp: number): void {
    const { allowedLateness, lateTag } = this.#definition
    const { timers, buffers } = this.#runtime
    if (!this.#eventTime || timestamp + allowedLateness > timers.currentWatermark) return
    if (lateTag === undefined) this.#numLateRecordsDropped++
    else buffers.side(lateTag, value, timestamp)
  }

  #fire(pane: number, timestamp: number, domain: 'event' | 'processing'): void {
    const { context, keys, store } = this.#runtime
    const slot = store.keySlot(pane)
    try {
      store.onTimer(pane, timestamp, domain)
    } catch (cause) {
      throw context.userError(cause, undefined, -1)
    }
    if (store.isUnused(slot)) keys.remove(slot)
  }
}

interface Runtime {
  readonly context: OperatorContext
  readonly keys: AdaptiveKeyTable
  readonly timers: SlotTimers
  readonly buffers: OutputBuffers
  readonly store: WindowStore
}

function withoutTimestamp(): MillraceError {
  return new MillraceError('WINDOW_NO_TIMESTAMP', {
    message: 'A record without a time stamp came to a window in event time.',
    fix: 'Assign time stamps with a watermark strategy, or use windows in processing time.',
  })
}
