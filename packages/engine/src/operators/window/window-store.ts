import type { BinaryReader, BinaryWriter } from '../../state/binary.ts'
import type { StateDescriptor } from '../../state/descriptor.ts'
import type { AggregatingState, ListState, ReducingState } from '../../state/handles.ts'
import type { KeyTable } from '../../state/key-table.ts'
import type { SnapshotShape } from '../../state/keyed-snapshot.ts'
import type { StateBackend, StateTable } from '../../state/state-backend.ts'
import type { SlotTimers } from '../../time/timer-service.ts'
import type { OutputBuffers } from '../output-buffer.ts'
import type { WindowTrigger } from './built-in-triggers.ts'
import { contentsOf } from './contents.ts'
import { checkMerging } from './check-merging.ts'
import { createTrigger, triggerOf, triggerState } from './create-trigger.ts'
import type { Evictor, WindowDefinition } from './definition.ts'
import { createEmitter, processOf, type WindowEmitter } from './emitters.ts'
import { contentsOfRecords, evict, type TimedRecord } from './evictor.ts'
import { fires, purges } from './nested-triggers.ts'
import { Panes } from './panes.ts'
import type { TriggerResult, TriggerTimers } from './trigger.ts'

const NO_PANE = -1

type Contents = ListState<unknown> | ReducingState<unknown> | AggregatingState<unknown, unknown>

export interface WindowStoreServices {
  readonly keys: KeyTable
  readonly timers: SlotTimers
  readonly buffers: OutputBuffers
  readonly backend: StateBackend
}

/**
 * The live windows of an operator: contents, trigger state, window state and timers per pane, global state per key. It
 * runs the trigger when a record or a timer comes, emits, and lets go what is over.
 */
export class WindowStore {
  readonly shape: SnapshotShape
  readonly #panes = new Panes()
  readonly #timers: SlotTimers
  readonly #trigger: WindowTrigger
  readonly #emitter: WindowEmitter
  readonly #contents: Contents
  readonly #isList: boolean
  /** What the function keeps of its records; with an evictor, all records are kept and this runs when it fires. */
  readonly #function: StateDescriptor
  readonly #evictor: Evictor | undefined
  readonly #contentsTable: StateTable
  readonly #triggerTable: StateTable
  readonly #windowTable: StateTable
  readonly #globalTable: StateTable
  readonly #domain: 'event' | 'processing'
  readonly #allowedLateness: number
  /** The trigger only waits for the end of the window: its timers are set when the window is made. */
  readonly #setOnce: boolean
  /**
   * A session keeps the timer of its first end while it grows; the timer looks at the end when it fires and waits again.
   * So a record that makes a session longer touches no timer.
   */
  readonly #endsLazily: boolean
  /** The pane that trigger and timers mean. */
  readonly #current: CurrentPane

  constructor(definition: WindowDefinition, { keys, timers, buffers, backend }: WindowStoreServices) {
    const trigger = triggerOf(definition.assigner, definition.trigger)
    const process = processOf(definition.function)
    if (definition.assigner.kind === 'session') checkMerging(definition, trigger)
    this.#timers = timers
    this.#domain = definition.assigner.time
    this.#allowedLateness = this.#domain === 'event' ? definition.allowedLateness : 0
    this.#function = contentsOf(definition.function)
    this.#evictor = definition.evictor
    this.#contentsTable = backend.createTable({ contents: this.#evictor ? { kind: 'list' } : this.#function })
    this.#setOnce = trigger.kind === 'eventTime'
    this.#endsLazily = this.#setOnce && definition.assigner.kind === 'session' && this.#allowedLateness === 0
    this.#isList = definition.function.kind === 'process'
    this.#contents = this.#contentsTable.handles.contents as Contents
    this.#triggerTable = backend.createTable(triggerState(trigger))
    this.#windowTable = backend.createTable(process?.windowState ?? {})
    this.#globalTable = backend.createTable(process?.globalState ?? {})
    this.#current = new CurrentPane(timers)
    this.#trigger = createTrigger(trigger, this.#triggerTable.handles, this.#current)
    this.#emitter = createEmitter(definition.function, {
      keys,
      panes: this.#panes,
      buffers,
      timers,
      windowState: this.#windowTable,
      globalState: this.#globalTable,
    })
    const tables = [this.#contentsTable, this.#triggerTable, this.#windowTable, this.#globalTable]
    this.shape = {
      kind: `${definition.assigner.kind} window ${definition.function.kind}`,
      tables: tables.map((table) => table.descriptors),
      version: this.#contentsTable.version,
    }
  }

  keySlot(pane: number): number {
    return this.#panes.keySlot(pane)
  }

  /** Nothing is kept for the key. */
  isUnused(keySlot: number): boolean {
    return this.#panes.latest(keySlot) === NO_PANE && this.#globalTable.isEmpty(keySlot)
  }

  /** A window with this end takes no more records. */
  isLate(end: number): boolean {
    return this.#domain === 'event' && end - 1 + this.#allowedLateness <= this.#timers.currentWatermark
  }

  /**
   * Adds a record to a window. `from`: a pane of the key at or after `start`, where the search for the window begins;
   * -1: the latest one. Gives such a pane for the next older window.
   */
  addTo(keySlot: number, start: number, end: number, value: unknown, time: number, from: number): number {
    const pane = this.#panes.find(start, end, from === NO_PANE ? this.#panes.latest(keySlot) : from)
    if (pane !== NO_PANE) return this.#add(pane, value, time, this.#setOnce) ? pane : NO_PANE
    const added = this.#panes.add(keySlot, start, end)
    return this.#add(added, value, time, false) ? added : NO_PANE
  }

  /** Adds a record to the session that its window [start, end) overlaps or touches. False: the session is late. */
  addToSession(keySlot: number, start: number, end: number, value: unknown): boolean {
    const pane = this.#mergeSessions(keySlot, start, end)
    if (pane !== NO_PANE) this.#add(pane, value, start, this.#endsLazily)
    else if (this.isLate(end)) return false
    else this.#add(this.#panes.add(keySlot, start, end), value, start, false)
    return true
  }

  onTimer(pane: number, timestamp: number, domain: 'event' | 'processing'): void {
    const end = this.#panes.end(pane)
    if (this.#endsLazily && timestamp < end - 1) return this.#timers.registerEventTime(pane, end - 1)
    this.#select(pane)
    const window = this.#current.window
    const result =
      domain === 'event'
        ? this.#trigger.onEventTime(timestamp, window)
        : this.#trigger.onProcessingTime(timestamp, window)
    const over = domain === this.#domain && timestamp === this.#cleanupTime(end)
    this.#act(pane, result, over)
    if (over) this.#close(pane)
    this.#release(pane)
  }

  write(keySlot: number, out: BinaryWriter): void {
    this.#globalTable.write(keySlot, out)
    let count = 0
    for (let pane = this.#panes.latest(keySlot); pane !== NO_PANE; pane = this.#panes.previous(pane)) count++
    out.varint(count)
    for (let pane = this.#panes.latest(keySlot); pane !== NO_PANE; pane = this.#panes.previous(pane)) {
      out.float64(this.#panes.start(pane))
      out.float64(this.#panes.end(pane))
      this.#contentsTable.write(pane, out)
      this.#triggerTable.write(pane, out)
      this.#windowTable.write(pane, out)
      this.#timers.write(pane, out)
    }
  }

  read(keySlot: number, input: BinaryReader, version: number): void {
    this.#globalTable.read(keySlot, input, version)
    const count = input.count()
    for (let i = 0; i < count; i++) {
      const start = input.float64()
      const pane = this.#panes.add(keySlot, start, input.float64())
      this.#contentsTable.read(pane, input, version)
      this.#triggerTable.read(pane, input, version)
      this.#windowTable.read(pane, input, version)
      this.#timers.read(pane, input)
    }
  }

  /** `timersAreSet`: the window has all timers that it needs. False: the pane is gone again. */
  #add(pane: number, value: unknown, time: number, timersAreSet: boolean): boolean {
    this.#contentsTable.select(pane)
    this.#contents.add(this.#evictor === undefined ? value : [value, time])
    if (timersAreSet && this.#panes.end(pane) - 1 > this.#timers.currentWatermark) return true
    this.#select(pane)
    this.#act(pane, this.#trigger.onElement(value, time, this.#current.window), false)
    this.#registerCleanup(pane)
    return !this.#release(pane)
  }

  /** Grows and joins the sessions of a key that [start, end) overlaps or touches into one pane; -1: there is none. */
  #mergeSessions(keySlot: number, start: number, end: number): number {
    const panes = this.#panes
    let target = NO_PANE
    let from = start
    let to = end
    let joined = false
    // The latest first, so the target becomes the earliest and contents are joined in the order of time.
    for (let pane = panes.latest(keySlot); pane !== NO_PANE && panes.end(pane) >= start; ) {
      const previous = panes.previous(pane)
      if (panes.start(pane) <= end) {
        from = Math.min(from, panes.start(pane))
        to = Math.max(to, panes.end(pane))
        if (target !== NO_PANE) {
          this.#join(pane, target)
          joined = true
        }
        target = pane
      }
      pane = previous
    }
    if (target === NO_PANE) return NO_PANE
    if (!joined && panes.start(target) === from && panes.end(target) === to) return target
    panes.resize(target, from, to)
    if (this.#endsLazily) return target
    this.#timers.deleteAll(target)
    this.#select(target)
    this.#trigger.onMerge(this.#current.window)
    return target
  }

  /** Moves all that is kept for `source` to `target`; `source` is gone. */
  #join(target: number, source: number): void {
    this.#contentsTable.merge('contents', target, source)
    for (const name of Object.keys(this.#triggerTable.descriptors)) this.#triggerTable.merge(name, target, source)
    this.#timers.deleteAll(source)
    this.#panes.remove(source)
  }

  #select(pane: number): void {
    this.#triggerTable.select(pane)
    this.#current.select(pane, this.#panes.start(pane), this.#panes.end(pane))
  }

  /** `last`: the window is closed next. */
  #act(pane: number, result: TriggerResult, last: boolean): void {
    if (result === 'continue') return
    if (fires(result) && !this.#contentsTable.isEmpty(pane)) {
      this.#contentsTable.select(pane)
      if (this.#evictor !== undefined) {
        this.#emitEvicting(pane, this.#evictor)
      } else {
        const contents = this.#contents.get()
        // Records that come later are added to the list: user code that keeps it must not see that.
        const copy = this.#isList && !last && !purges(result)
        this.#emitter.emit(pane, copy ? (contents as unknown[]).slice() : contents)
      }
    }
    if (purges(result)) this.#contentsTable.clear(pane)
  }

  #emitEvicting(pane: number, evictor: Evictor): void {
    const state = this.#contents as ListState<TimedRecord>
    const all = state.get()
    const seen = evictor.after ? all : evict(evictor, all)
    const contents = contentsOfRecords(this.#function, seen)
    if (contents !== undefined) this.#emitter.emit(pane, contents)
    const kept = evictor.after ? evict(evictor, all) : seen
    if (kept.length < all.length) state.update(kept)
  }

  #cleanupTime(end: number): number {
    return end - 1 + this.#allowedLateness
  }

  #registerCleanup(pane: number): void {
    const time = this.#cleanupTime(this.#panes.end(pane))
    if (time === Number.POSITIVE_INFINITY) return
    if (this.#domain === 'event') this.#timers.registerEventTime(pane, time)
    else this.#timers.registerProcessingTime(pane, time)
  }

  #close(pane: number): void {
    this.#contentsTable.clear(pane)
    this.#trigger.clear(this.#current.window)
    this.#emitter.clear(pane)
    this.#triggerTable.clear(pane)
    this.#windowTable.clear(pane)
    this.#timers.deleteAll(pane)
  }

  /** Gives the pane's slot back when nothing is kept in it. */
  #release(pane: number): boolean {
    const unused =
      this.#timers.isEmpty(pane) &&
      this.#contentsTable.isEmpty(pane) &&
      this.#triggerTable.isEmpty(pane) &&
      this.#windowTable.isEmpty(pane)
    if (unused) this.#panes.remove(pane)
    return unused
  }
}

/** The clocks and timers that the trigger sees. */
class CurrentPane implements TriggerTimers {
  readonly window = { start: 0, end: 0 }
  readonly #timers: SlotTimers
  #pane = NO_PANE

  constructor(timers: SlotTimers) {
    this.#timers = timers
  }

  select(pane: number, start: number, end: number): void {
    this.#pane = pane
    this.window.start = start
    this.window.end = end
  }

  currentWatermark(): number {
    return this.#timers.currentWatermark
  }

  currentProcessingTime(): number {
    return this.#timers.currentProcessingTime()
  }

  registerEventTime(timestamp: number): void {
    this.#timers.registerEventTime(this.#pane, timestamp)
  }

  registerProcessingTime(timestamp: number): void {
    this.#timers.registerProcessingTime(this.#pane, timestamp)
  }

  deleteEventTime(timestamp: number): void {
    this.#timers.deleteEventTime(this.#pane, timestamp)
  }

  deleteProcessingTime(timestamp: number): void {
    this.#timers.deleteProcessingTime(this.#pane, timestamp)
  }
}
