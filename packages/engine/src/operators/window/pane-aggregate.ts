import { assert, MillraceError } from '@millrace/std'
import { type Batch, MIN_TIMESTAMP } from '../../element/batch.ts'
import type { Barrier } from '../../element/element.ts'
import { AdaptiveKeyTable } from '../../state/adaptive-key-table.ts'
import type { KeyTable } from '../../state/key-table.ts'
import { readKeyGroup, writeKeyGroups } from '../../state/keyed-snapshot.ts'
import { OutputBuffers } from '../output-buffer.ts'
import type { Operator, OperatorContext, OperatorSnapshot, StepName } from '../operator.ts'
import { windowStart } from './assign.ts'
import { KeyUsage, usedSlots } from './key-usage.ts'
import { Pane } from './pane.ts'
import type { PaneFunction } from './pane-function.ts'
import { firstWindowEnd, lastWindowEnd, latestWindow, type PaneGeometry } from './pane-geometry.ts'
import { TextKeys } from './text-keys.ts'

/** What the planner compiled for one pane operator. */
export interface PanePlan {
  readonly name: string
  /** Of the window, for errors when it fires. */
  readonly step: StepName
  /** Steps of the chain in front of it, then the window, by the number that the program gives when one fails. */
  readonly steps: readonly StepName[]
  readonly geometry: PaneGeometry
  readonly allowedLateness: number
  readonly lateTag: string | undefined
  readonly fn: PaneFunction
  /** Takes a batch through the steps before the window and adds what is left of it to panes. */
  readonly run: (operator: PaneAggregateOperator, batch: Batch) => void
  readonly checkBatch: (batch: Batch) => void
}

/** A span of time in which all records fall into the same panes. */
export interface Span {
  readonly low: number
  /** Excluded. */
  readonly high: number
  /** The latest first; one where panes do not overlap. */
  readonly panes: readonly Pane[]
}

const nowhere: Span = { low: Number.POSITIVE_INFINITY, high: Number.NEGATIVE_INFINITY, panes: [] }
const SPANS = 64
/** So many panes are always worth keeping. */
const FEWEST_UNUSED = 4

/**
 * Tumbling and sliding windows in event time with the default trigger, over columns: a key is a dense slot, a pane holds
 * the contents of all keys in a span of time. Gives the records that the general window operator gives, with their time
 * stamps; only the order of keys within a firing is its own.
 */
export class PaneAggregateOperator implements Operator {
  readonly name: string
  // What generated code reads; see compile-pane-aggregate.ts.
  keys!: AdaptiveKeyTable
  usage!: KeyUsage
  textKeys!: TextKeys
  /** Of the last record. */
  span = nowhere
  /** Spans that records fell into lately, by a few bits of their time: records out of order go back and forth. */
  readonly #spans: (Span | undefined)[] = new Array(SPANS).fill(undefined)
  readonly #plan: PanePlan
  readonly #panes = new Map<number, Pane>()
  /** Kept for the next spans, at most twice as many as have gone at once lately: a burst must not hold memory for ever. */
  readonly #unused: Pane[] = []
  /** Ends of windows over shared panes that have yet to fire. */
  readonly #pendingEnds = new Set<number>()
  #watermark = MIN_TIMESTAMP
  /** The watermark at which something is to be done next. */
  #nextTime = Number.POSITIVE_INFINITY
  #context!: OperatorContext
  #buffers!: OutputBuffers
  numLateRecordsDropped = 0

  constructor(plan: PanePlan) {
    this.name = plan.name
    this.#plan = plan
  }

  open(context: OperatorContext): void {
    this.#context = context
    this.#buffers = new OutputBuffers(context.output)
    this.keys = new AdaptiveKeyTable(context.subtask.maxParallelism)
    this.usage = new KeyUsage(this.keys)
    this.textKeys = new TextKeys(this.keys, this.usage)
    for (const part of context.restored?.keyed?.values() ?? []) this.#restore(part)
  }

  processBatch(batch: Batch): void {
    this.#plan.checkBatch(batch)
    this.#buffers.begin(batch.origin)
    this.#plan.run(this, batch)
    this.#buffers.flush()
  }

  processWatermark(timestamp: number): void {
    this.#watermark = timestamp
    if (timestamp >= this.#nextTime) {
      if (this.#plan.geometry.shared) this.#fireShared()
      else this.#fireAll()
      this.usage.sweep(this.#panes.values())
      this.#dispose()
      this.span = nowhere
      this.#spans.fill(undefined)
      this.#buffers.flush()
    }
    this.#context.output.watermark(timestamp)
  }

  processStatus(idle: boolean): void {
    this.#context.output.status(idle)
  }

  endInput(): void {}

  close(): void {}

  /** The span of a record with this time stamp, which {@link span} is from now on. Undefined: no pane takes it. */
  select(timestamp: number): Span | undefined {
    const { geometry } = this.#plan
    const at = Math.floor((timestamp - geometry.offset) / geometry.spanStep) & (SPANS - 1)
    let span = this.#spans[at]
    if (span === undefined || !(timestamp >= span.low && timestamp < span.high)) {
      span = this.#spanAt(timestamp)
      if (span === undefined) return undefined
      this.#spans[at] = span
    }
    this.span = span
    return span
  }

  #spanAt(timestamp: number): Span | undefined {
    if (!Number.isFinite(timestamp)) throw withoutTimestamp()
    const { paneSize, paneStep, offset } = this.#plan.geometry
    const panes: Pane[] = []
    let low = Number.NEGATIVE_INFINITY
    let high = Number.POSITIVE_INFINITY
    const latest = windowStart(timestamp, paneStep, offset)
    let start = latest
    for (; start > timestamp - paneSize; start -= paneStep) {
      low = Math.max(low, start)
      high = Math.min(high, start + paneSize)
      const pane = this.#paneFrom(start, this.#watermark)
      if (pane !== undefined) panes.push(pane)
    }
    if (panes.length === 0) return undefined
    // The pane before these ends, and the one after them begins, where the span does.
    return { low: Math.max(low, start + paneSize), high: Math.min(high, latest + paneStep), panes }
  }

  /** A record that {@link select} refused: late, or between sliding windows. */
  refuse(value: unknown, timestamp: number, index: number): void {
    if (timestamp + this.#plan.allowedLateness > this.#watermark) return
    if (this.#plan.lateTag === undefined) {
      this.numLateRecordsDropped++
      return
    }
    this.#buffers.index = index
    this.#buffers.side(this.#plan.lateTag, value, timestamp)
  }

  /** A record came to a pane of which windows have fired: they fire again, for its key. */
  fireAgain(pane: Pane, slot: number, index: number): void {
    this.#buffers.index = index
    const { geometry, allowedLateness } = this.#plan
    if (!geometry.shared) return this.#emit(pane, slot, pane.start)
    const { size, slide } = geometry
    for (let start = latestWindow(geometry, pane.start); start + size > pane.start; start -= slide) {
      const last = start + size - 1
      if (last <= this.#watermark && last + allowedLateness > this.#watermark) this.#fireWindow(start, slot)
    }
  }

  /** Called by the program: what to throw for `cause`. An error from downstream is not this operator's. */
  failed(cause: unknown, step: number, batch: Batch, index: number): unknown {
    return step === -1 ? cause : this.#context.userError(cause, batch, index, this.#plan.steps[step])
  }

  snapshot(_barrier: Barrier): OperatorSnapshot {
    const panes = [...this.#panes.values()]
    const { fn } = this.#plan
    const keyed = writeKeyGroups(this.#liveKeys(), this.#shape, (slot, out) => {
      const own = panes.filter((pane) => pane.has(slot))
      out.varint(own.length)
      for (const pane of own) {
        out.float64(pane.start)
        out.float64(this.#watermark)
        fn.write(pane, slot, out)
      }
    })
    return { keyed, operator: undefined }
  }

  #restore(part: Uint8Array): void {
    const { fn } = this.#plan
    readKeyGroup(part, this.keys, this.#shape, (slot, input, version) => {
      const count = input.count()
      for (let i = 0; i < count; i++) {
        const start = input.float64()
        const pane = this.#paneFrom(start, input.float64())
        assert(pane !== undefined, 'a restored pane is late before the first watermark')
        pane.reserve(slot + 1)
        pane.touch(slot)
        fn.read(pane, slot, input, version)
      }
    })
  }

  get #shape() {
    const { geometry, fn } = this.#plan
    const { paneSize, paneStep, offset } = geometry
    return {
      kind: `panes of ${paneSize} ms every ${paneStep} ms from ${offset}, ${fn.describe}`,
      tables: [],
      version: fn.version,
    }
  }

  /** The key table without the keys that only wait to be removed. */
  #liveKeys(): KeyTable {
    const { keys } = this
    const used = usedSlots(this.#panes.values(), keys.capacity)
    return {
      capacity: keys.capacity,
      size: keys.size,
      slotOf: (key) => keys.slotOf(key),
      find: (key) => keys.find(key),
      keyAt: (slot) => keys.keyAt(slot),
      keyGroupAt: (slot) => keys.keyGroupAt(slot),
      remove: (slot) => keys.remove(slot),
      *slots() {
        for (const slot of keys.slots()) if (used[slot] === 1) yield slot
      },
    }
  }

  /** The pane from `start`, unless it is late; windows that end before `firedUntil` have fired. */
  #paneFrom(start: number, firedUntil: number): Pane | undefined {
    const known = this.#panes.get(start)
    if (known !== undefined) {
      known.reserve(this.keys.capacity)
      return known
    }
    const { geometry, allowedLateness, fn } = this.#plan
    const goneAt = lastWindowEnd(geometry, start) - 1 + allowedLateness
    if (goneAt <= this.#watermark) return undefined
    const pane = this.#unused.pop() ?? new Pane(fn.contents)
    pane.start = start
    pane.reserve(this.keys.capacity)
    const firstEnd = firstWindowEnd(geometry, start)
    pane.hasFired = firstEnd - 1 <= firedUntil
    this.#panes.set(start, pane)
    if (geometry.shared) {
      for (let end = firstEnd; end <= lastWindowEnd(geometry, start); end += geometry.slide) {
        if (end - 1 > firedUntil) this.#await(end)
      }
    } else if (!pane.hasFired) this.#nextTime = Math.min(this.#nextTime, firstEnd - 1)
    this.#nextTime = Math.min(this.#nextTime, goneAt)
    return pane
  }

  #await(end: number): void {
    this.#pendingEnds.add(end)
    this.#nextTime = Math.min(this.#nextTime, end - 1)
  }

  /** Each pane is a window. */
  #fireAll(): void {
    const { size } = this.#plan.geometry
    const due = [...this.#panes.values()].filter((pane) => !pane.hasFired && pane.start + size - 1 <= this.#watermark)
    for (const pane of due.sort((a, b) => a.start - b.start)) {
      pane.forEach((slot) => this.#emit(pane, slot, pane.start))
      pane.hasFired = true
    }
  }

  #fireShared(): void {
    const due = [...this.#pendingEnds].filter((end) => end - 1 <= this.#watermark)
    for (const end of due.sort((a, b) => a - b)) {
      this.#pendingEnds.delete(end)
      this.#fireWindow(end - this.#plan.geometry.size, undefined)
    }
    for (const pane of this.#panes.values()) {
      if (firstWindowEnd(this.#plan.geometry, pane.start) - 1 <= this.#watermark) pane.hasFired = true
    }
  }

  #combined: Pane | undefined

  /** Combines the panes of a window, for one key or for all, and emits them. */
  #fireWindow(start: number, only: number | undefined): void {
    const { geometry, fn } = this.#plan
    const sum = (this.#combined ??= new Pane(fn.contents))
    sum.reserve(this.keys.capacity)
    for (let at = start; at < start + geometry.size; at += geometry.paneSize) {
      const pane = this.#panes.get(at)
      if (pane === undefined) continue
      if (only !== undefined) {
        if (pane.has(only)) fn.combine(sum, pane, only)
      } else pane.forEach((slot) => fn.combine(sum, pane, slot))
    }
    sum.forEach((slot) => this.#emit(sum, slot, start))
    sum.clear()
  }

  #emit(pane: Pane, slot: number, start: number): void {
    const end = start + this.#plan.geometry.size
    let result: unknown
    try {
      result = this.#plan.fn.result(pane, slot, this.keys, start, end)
    } catch (cause) {
      throw this.#context.userError(cause, undefined, -1, this.#plan.step)
    }
    this.#buffers.main.add(result, end - 1)
  }

  /** Lets panes go that no window needs any more, and finds out when there is something to do again. */
  #dispose(): void {
    const { geometry, allowedLateness } = this.#plan
    let next = Number.POSITIVE_INFINITY
    let gone = 0
    for (const pane of this.#panes.values()) {
      const goneAt = lastWindowEnd(geometry, pane.start) - 1 + allowedLateness
      if (goneAt <= this.#watermark) {
        pane.clear()
        this.#panes.delete(pane.start)
        this.#unused.push(pane)
        gone++
      } else {
        next = Math.min(next, goneAt)
        if (!pane.hasFired && !geometry.shared) next = Math.min(next, pane.start + geometry.size - 1)
      }
    }
    for (const end of this.#pendingEnds) next = Math.min(next, end - 1)
    this.#nextTime = next
    const kept = Math.max(2 * gone, FEWEST_UNUSED)
    if (gone > 0 && this.#unused.length > kept) this.#unused.length = kept
  }
}

function withoutTimestamp(): MillraceError {
  return new MillraceError('WINDOW_NO_TIMESTAMP', {
    message: 'A record without a time stamp came to a window in event time.',
    fix: 'Assign time stamps with a watermark strategy, or use windows in processing time.',
  })
}
