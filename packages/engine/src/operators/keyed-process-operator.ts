import { MillraceError } from '@millrace/std'
import type { Batch, ObjectBatch } from '../element/batch.ts'
import type { Barrier } from '../element/element.ts'
import { AdaptiveKeyTable } from '../state/adaptive-key-table.ts'
import { HeapStateBackend } from '../state/heap/heap-state-backend.ts'
import { readKeyGroup, type SnapshotShape, writeKeyGroups } from '../state/keyed-snapshot.ts'
import type { KeyTable } from '../state/key-table.ts'
import type { StateBackend, StateTable } from '../state/state-backend.ts'
import { SlotTimers, type TimerHandler } from '../time/timer-service.ts'
import { TimestampedCollector, tagId } from './collector.ts'
import type { Operator, OperatorContext, OperatorSnapshot } from './operator.ts'
import { OutputBuffers } from './output-buffer.ts'
import type { KeyedProcess, OnTimerContext, OutputTag, TimerService } from './process.ts'

export interface KeyedProcessOptions {
  readonly name: string
  readonly process: KeyedProcess
  /** The key of a record. */
  readonly keyOf: (value: unknown) => unknown
  /** Undefined: on the heap. */
  readonly backend?: StateBackend
}

/**
 * Runs a process function over a keyed stream: object batches in, object batches out. A key takes a slot while it has
 * state or timers; after that its slot goes to another key, so memory follows the keys that are alive.
 */
export class KeyedProcessOperator implements Operator, TimerHandler {
  readonly name: string
  readonly #process: Process
  readonly #keyOf: (value: unknown) => unknown
  readonly #backend: StateBackend
  #runtime!: Runtime

  constructor(options: KeyedProcessOptions) {
    this.name = options.name
    this.#process = options.process as Process
    this.#keyOf = options.keyOf
    this.#backend = options.backend ?? new HeapStateBackend()
  }

  open(context: OperatorContext): void {
    const keys = new AdaptiveKeyTable(context.subtask.maxParallelism)
    const table = this.#backend.createTable(this.#process.state)
    const timers = new SlotTimers(context.processingTime, this)
    const buffers = new OutputBuffers(context.output)
    const user = new UserContext(keys, table, timers, buffers)
    const shape: SnapshotShape = { kind: 'process', tables: [table.descriptors], version: table.version }
    this.#runtime = { context, keys, table, timers, buffers, user, shape, out: new TimestampedCollector(buffers) }
    for (const part of context.restored?.keyed?.values() ?? []) {
      readKeyGroup(part, keys, shape, (slot, input, version) => {
        table.read(slot, input, version)
        timers.read(slot, input)
      })
    }
    try {
      this.#process.open?.()
    } catch (cause) {
      throw context.userError(cause, undefined, -1)
    }
  }

  processBatch(batch: Batch): void {
    const { context, keys, table, buffers, user, out } = this.#runtime
    const { values, timestamps, length } = batch as ObjectBatch
    const keyOf = this.#keyOf
    const process = this.#process
    buffers.begin(batch.origin)
    let i = 0
    try {
      for (; i < length; i++) {
        const value = values[i]
        const slot = keys.slotOf(keyOf(value))
        const timestamp = timestamps[i] as number
        table.select(slot)
        user.slot = slot
        user.time = timestamp
        out.timestamp = timestamp
        buffers.index = i
        const returned = process.processElement(value, user, out)
        if (returned !== undefined) out.collectReturned(returned)
        this.#release(slot)
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

  onEventTimer(slot: number, timestamp: number): void {
    this.#fire(slot, timestamp, timestamp, 'event')
  }

  onProcessingTimer(slot: number, timestamp: number): void {
    // What a processing-time timer emits has no event time.
    this.#fire(slot, timestamp, Number.NaN, 'processing')
  }

  processingTimersFired(): void {
    this.#runtime.buffers.flush()
  }

  snapshot(_barrier: Barrier): OperatorSnapshot {
    const { keys, table, timers, shape } = this.#runtime
    const keyed = writeKeyGroups(keys, shape, (slot, out) => {
      table.write(slot, out)
      timers.write(slot, out)
    })
    return { keyed, operator: undefined }
  }

  close(): void {
    // Open may have failed.
    const runtime: Runtime | undefined = this.#runtime
    runtime?.timers.close()
    this.#process.close?.()
  }

  #fire(slot: number, timestamp: number, outputTime: number, domain: 'event' | 'processing'): void {
    const { context, table, user, out } = this.#runtime
    if (this.#process.onTimer === undefined) throw withoutOnTimer(this.name)
    table.select(slot)
    user.slot = slot
    user.time = outputTime
    user.timeDomain = domain
    out.timestamp = outputTime
    try {
      out.collectReturned(this.#process.onTimer(timestamp, user, out))
    } catch (cause) {
      throw context.userError(cause, undefined, -1)
    }
    this.#release(slot)
  }

  #release(slot: number): void {
    const { keys, table, timers } = this.#runtime
    if (timers.isEmpty(slot) && table.isEmpty(slot)) keys.remove(slot)
  }
}

interface Process extends KeyedProcess {
  readonly open?: () => void
  readonly processElement: (value: unknown, context: UserContext, out: TimestampedCollector) => Iterable<unknown> | void
  readonly onTimer?: (timestamp: number, context: UserContext, out: TimestampedCollector) => Iterable<unknown> | void
}

interface Runtime {
  readonly context: OperatorContext
  readonly keys: KeyTable
  readonly table: StateTable
  readonly timers: SlotTimers
  readonly buffers: OutputBuffers
  readonly user: UserContext
  readonly out: TimestampedCollector
  readonly shape: SnapshotShape
}

/** What user code gets. One object for all calls: it means the record or timer at hand. Methods are bound, so that users may take them apart. */
class UserContext implements OnTimerContext<unknown, unknown> {
  readonly state: unknown
  readonly timers: TimerService
  slot = 0
  time = Number.NaN
  timeDomain: 'event' | 'processing' = 'event'
  readonly #keys: KeyTable
  readonly #buffers: OutputBuffers

  constructor(keys: KeyTable, table: StateTable, timers: SlotTimers, buffers: OutputBuffers) {
    this.state = table.handles
    this.timers = new UserTimers(timers, this)
    this.#keys = keys
    this.#buffers = buffers
  }

  get timestamp(): number | undefined {
    return Number.isNaN(this.time) ? undefined : this.time
  }

  get currentKey(): unknown {
    return this.#keys.keyAt(this.slot)
  }

  readonly output = <X>(tag: OutputTag<X>, value: X): void => {
    this.#buffers.side(tagId(tag), value, this.time)
  }
}

class UserTimers implements TimerService {
  readonly #timers: SlotTimers
  readonly #user: UserContext

  constructor(timers: SlotTimers, user: UserContext) {
    this.#timers = timers
    this.#user = user
  }

  readonly currentWatermark = (): number => {
    return this.#timers.currentWatermark
  }

  readonly currentProcessingTime = (): number => {
    return this.#timers.currentProcessingTime()
  }

  readonly registerEventTime = (timestamp: number): void => {
    this.#timers.registerEventTime(this.#user.slot, timestamp)
  }

  readonly registerProcessingTime = (timestamp: number): void => {
    this.#timers.registerProcessingTime(this.#user.slot, timestamp)
  }

  readonly deleteEventTime = (timestamp: number): void => {
    this.#timers.deleteEventTime(this.#user.slot, timestamp)
  }

  readonly deleteProcessingTime = (timestamp: number): void => {
    this.#timers.deleteProcessingTime(this.#user.slot, timestamp)
  }
}

function withoutOnTimer(name: string): MillraceError {
  return new MillraceError('API_NO_ON_TIMER', {
    message: `A timer of ${name} is due, but its process function has no onTimer.`,
    fix: 'Add onTimer(timestamp, context, out) to the function.',
  })
}
