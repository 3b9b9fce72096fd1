import { unreachable } from '@millrace/std'
import type { KeyTable } from '../../state/key-table.ts'
import type { StateTable } from '../../state/state-backend.ts'
import type { SlotTimers } from '../../time/timer-service.ts'
import { TimestampedCollector, tagId } from '../collector.ts'
import type { OutputBuffers } from '../output-buffer.ts'
import type { OutputTag, ProcessWindowContext } from '../process.ts'
import type { WindowFunction, WindowProcess } from './definition.ts'
import type { Panes } from './panes.ts'
import type { TimeWindow } from './trigger.ts'

/** Turns the contents of a window that fires into records. */
export interface WindowEmitter {
  /** Results carry the last ms of the window as their time stamp. */
  emit(pane: number, contents: unknown): void
  /** The window goes. */
  clear(pane: number): void
}

/** Where an emitter finds what it needs; one per window operator. */
export interface EmitterServices {
  readonly keys: KeyTable
  readonly panes: Panes
  readonly buffers: OutputBuffers
  readonly timers: SlotTimers
  /** Per pane. */
  readonly windowState: StateTable
  /** Per key. */
  readonly globalState: StateTable
}

export function createEmitter(fn: WindowFunction, services: EmitterServices): WindowEmitter {
  switch (fn.kind) {
    case 'count':
      return new CountEmitter(services)
    case 'sum':
    case 'min':
    case 'max':
    case 'minBy':
    case 'maxBy':
      return new ValueEmitter(services)
    case 'reduce':
    case 'aggregate':
      return fn.finish === undefined ? new ValueEmitter(services) : new ProcessEmitter(fn.finish, 'one', services)
    case 'process':
      return new ProcessEmitter(fn.process, 'all', services)
    default:
      return unreachable(fn, 'window function')
  }
}

/** The process function of a window function, if it has one. */
export function processOf(fn: WindowFunction): WindowProcess | undefined {
  if (fn.kind === 'process') return fn.process
  return fn.kind === 'reduce' || fn.kind === 'aggregate' ? fn.finish : undefined
}

class ValueEmitter implements WindowEmitter {
  readonly #services: EmitterServices

  constructor(services: EmitterServices) {
    this.#services = services
  }

  emit(pane: number, contents: unknown): void {
    this.#services.buffers.main.add(contents, this.#services.panes.end(pane) - 1)
  }

  clear(): void {}
}

class CountEmitter implements WindowEmitter {
  readonly #services: EmitterServices

  constructor(services: EmitterServices) {
    this.#services = services
  }

  emit(pane: number, count: unknown): void {
    const { keys, panes, buffers } = this.#services
    const end = panes.end(pane)
    buffers.main.add({ key: keys.keyAt(panes.keySlot(pane)), start: panes.start(pane), end, count }, end - 1)
  }

  clear(): void {}
}

class ProcessEmitter implements WindowEmitter {
  readonly #process: Process
  readonly #given: 'one' | 'all'
  readonly #context: WindowContext
  readonly #out: TimestampedCollector

  /** `given`: whether the contents are one pre-aggregated value or all records. */
  constructor(process: WindowProcess, given: 'one' | 'all', services: EmitterServices) {
    this.#process = process as Process
    this.#given = given
    this.#context = new WindowContext(services)
    this.#out = new TimestampedCollector(services.buffers)
  }

  emit(pane: number, contents: unknown): void {
    this.#context.enter(pane)
    this.#out.timestamp = this.#context.window.end - 1
    const values = this.#given === 'all' ? (contents as readonly unknown[]) : [contents]
    this.#out.collectReturned(this.#process.process(this.#context, values, this.#out))
  }

  clear(pane: number): void {
    if (this.#process.clear === undefined) return
    this.#context.enter(pane)
    this.#process.clear(this.#context)
  }
}

interface Process extends WindowProcess {
  readonly process: (
    context: WindowContext,
    values: readonly unknown[],
    out: TimestampedCollector,
  ) => Iterable<unknown> | void
  readonly clear?: (context: WindowContext) => void
}

/** What a process window function gets; one object that means the window at hand. Methods are bound, so that users may take them apart. */
class WindowContext implements ProcessWindowContext<unknown, unknown, unknown> {
  readonly windowState: unknown
  readonly globalState: unknown
  window: TimeWindow = { start: 0, end: 0 }
  readonly #services: EmitterServices
  #pane = 0

  constructor(services: EmitterServices) {
    this.#services = services
    this.windowState = services.windowState.handles
    this.globalState = services.globalState.handles
  }

  enter(pane: number): void {
    const { panes, windowState, globalState } = this.#services
    this.#pane = pane
    // A new object: user code may put it into its result.
    this.window = { start: panes.start(pane), end: panes.end(pane) }
    windowState.select(pane)
    globalState.select(panes.keySlot(pane))
  }

  get key(): unknown {
    return this.#services.keys.keyAt(this.#services.panes.keySlot(this.#pane))
  }

  readonly currentWatermark = (): number => {
    return this.#services.timers.currentWatermark
  }

  readonly currentProcessingTime = (): number => {
    return this.#services.timers.currentProcessingTime()
  }

  readonly output = <X>(tag: OutputTag<X>, value: X): void => {
    this.#services.buffers.side(tagId(tag), value, this.window.end - 1)
  }
}
