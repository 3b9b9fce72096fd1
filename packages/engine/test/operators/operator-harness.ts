import { type Batch, NO_TIMESTAMP, objectBatch } from '../../src/element/batch.ts'
import { barrier } from '../../src/element/element.ts'
import type { Operator, OperatorSnapshot } from '../../src/operators/operator.ts'
import type { ProcessingTimer, ProcessingTimeService } from '../../src/time/processing-time.ts'

/** A record that came out: its value, its time stamp (undefined: none), its side output. */
export interface Emitted {
  readonly value: unknown
  readonly timestamp: number | undefined
  readonly tag?: string
}

/** Processing time that a test sets; what is due runs in the order of time. */
class ManualProcessingTime implements ProcessingTimeService {
  #now = 0
  #alarms: { timestamp: number; callback: (timestamp: number) => void }[] = []

  now(): number {
    return this.#now
  }

  register(timestamp: number, callback: (timestamp: number) => void): ProcessingTimer {
    const alarm = { timestamp, callback }
    this.#alarms.push(alarm)
    return { cancel: () => void (this.#alarms = this.#alarms.filter((other) => other !== alarm)) }
  }

  set(now: number): void {
    this.#now = Math.max(now, this.#now)
    this.runDue()
  }

  runDue(): void {
    for (;;) {
      this.#alarms.sort((a, b) => a.timestamp - b.timestamp)
      const first = this.#alarms[0]
      if (first === undefined || first.timestamp > this.#now) return
      this.#alarms.shift()
      first.callback(first.timestamp)
    }
  }

  get pending(): number {
    return this.#alarms.length
  }
}

export interface HarnessOptions {
  readonly restored?: OperatorSnapshot | undefined
  readonly maxParallelism?: number
  /** Continues the processing time of another harness. */
  readonly now?: number
}

/** Drives one operator as a task would, and keeps what it emits. */
export class OperatorHarness {
  readonly processingTime = new ManualProcessingTime()
  readonly #operator: Operator
  #emitted: Emitted[] = []
  readonly watermarks: number[] = []

  constructor(operator: Operator, options: HarnessOptions = {}) {
    this.#operator = operator
    this.processingTime.set(options.now ?? 0)
    operator.open({
      output: {
        batch: (batch) => this.#keep(batch, undefined),
        side: (tag, batch) => this.#keep(batch, tag),
        watermark: (timestamp) => void this.watermarks.push(timestamp),
        status: () => {},
      },
      processingTime: this.processingTime,
      subtask: {
        jobName: 'test',
        operatorName: operator.name,
        index: 0,
        parallelism: 1,
        maxParallelism: options.maxParallelism ?? 128,
      },
      restored: options.restored,
      userError: (cause, _batch, index) => new Error(`record ${index}: ${(cause as Error).message}`, { cause }),
    })
    this.processingTime.runDue()
  }

  /** Records with their time stamps, as one batch whose arrays are destroyed afterwards. */
  push(...records: readonly (readonly [value: unknown, timestamp?: number])[]): this {
    const values = records.map(([value]) => value)
    const timestamps = Float64Array.from(records, ([, timestamp]) => timestamp ?? NO_TIMESTAMP)
    this.#operator.processBatch(objectBatch(values, timestamps, records.length, { describe: (i) => `record ${i}` }), 0)
    values.fill('overwritten')
    timestamps.fill(-1)
    this.processingTime.runDue()
    return this
  }

  watermark(timestamp: number): this {
    this.#operator.processWatermark(timestamp, 0)
    this.processingTime.runDue()
    return this
  }

  time(now: number): this {
    this.processingTime.set(now)
    return this
  }

  /** What came out since the last call. */
  take(): Emitted[] {
    const taken = this.#emitted
    this.#emitted = []
    return taken
  }

  /** The values of the main output since the last call. */
  values(): unknown[] {
    return this.take()
      .filter(({ tag }) => tag === undefined)
      .map(({ value }) => value)
  }

  snapshot(): OperatorSnapshot | undefined {
    return this.#operator.snapshot(barrier(1, 0))
  }

  close(): void {
    this.#operator.close()
  }

  #keep(batch: Batch, tag: string | undefined): void {
    if (batch.layout !== 'objects') throw new Error('expected objects')
    for (let i = 0; i < batch.length; i++) {
      const timestamp = batch.timestamps[i] as number
      const emitted = { value: batch.values[i], timestamp: Number.isNaN(timestamp) ? undefined : timestamp }
      this.#emitted.push(tag === undefined ? emitted : { ...emitted, tag })
    }
  }
}

/** The parts of snapshots that belong to the key groups for which `owns` is true. */
export function deal(
  snapshots: readonly (OperatorSnapshot | undefined)[],
  owns: (keyGroup: number) => boolean,
): OperatorSnapshot {
  const keyed = new Map<number, Uint8Array>()
  for (const snapshot of snapshots) {
    for (const [keyGroup, bytes] of snapshot?.keyed ?? []) if (owns(keyGroup)) keyed.set(keyGroup, bytes)
  }
  return { keyed, operator: undefined }
}
