import { MillraceError } from '@millrace/std'
import { MIN_TIMESTAMP } from '../element/batch.ts'
import type { BinaryReader, BinaryWriter } from '../state/binary.ts'
import type { ProcessingTimer, ProcessingTimeService } from './processing-time.ts'
import { TimerQueue } from './timer-queue.ts'

/** Called in the order of time. The timer is gone already, so it may register itself again. */
export interface TimerHandler {
  onEventTimer(slot: number, timestamp: number): void
  onProcessingTimer(slot: number, timestamp: number): void
  /** The timers that were due have fired: send on what they emitted. */
  processingTimersFired(): void
}

/**
 * Timers of one operator in both time domains, and its clocks. A timer belongs to a slot: a key of a process function, a
 * key and window of a window operator.
 *
 * Flink's rules: a timer is registered once however often it is asked for; event-time timers up to the watermark fire
 * when the watermark rises, also those that a firing timer registers; one in the past waits for the next rise.
 */
export class SlotTimers {
  /** The watermark that the operator has seen; a firing timer sees the one that made it fire. */
  currentWatermark = MIN_TIMESTAMP
  readonly #service: ProcessingTimeService
  readonly #handler: TimerHandler
  readonly #event = new TimerQueue()
  readonly #processing = new TimerQueue()
  readonly #fireEvent: (slot: number, timestamp: number) => void
  readonly #fireProcessing: (slot: number, timestamp: number) => void
  readonly #onProcessingTime = (timestamp: number): void => this.#advanceProcessingTime(timestamp)
  #alarm: ProcessingTimer | undefined
  #alarmTime = Number.POSITIVE_INFINITY
  #firingProcessing = false

  constructor(service: ProcessingTimeService, handler: TimerHandler) {
    this.#service = service
    this.#handler = handler
    this.#fireEvent = (slot, timestamp) => handler.onEventTimer(slot, timestamp)
    this.#fireProcessing = (slot, timestamp) => handler.onProcessingTimer(slot, timestamp)
  }

  currentProcessingTime(): number {
    return this.#service.now()
  }

  registerEventTime(slot: number, timestamp: number): void {
    this.#event.register(slot, checked(timestamp))
  }

  deleteEventTime(slot: number, timestamp: number): void {
    this.#event.delete(slot, timestamp)
  }

  registerProcessingTime(slot: number, timestamp: number): void {
    if (this.#processing.register(slot, checked(timestamp))) this.#setAlarm()
  }

  deleteProcessingTime(slot: number, timestamp: number): void {
    this.#processing.delete(slot, timestamp)
  }

  deleteAll(slot: number): void {
    this.#event.deleteAll(slot)
    this.#processing.deleteAll(slot)
  }

  isEmpty(slot: number): boolean {
    return this.#event.isEmpty(slot) && this.#processing.isEmpty(slot)
  }

  advanceWatermark(timestamp: number): void {
    this.currentWatermark = timestamp
    this.#event.advance(timestamp, this.#fireEvent)
  }

  write(slot: number, out: BinaryWriter): void {
    this.#event.write(slot, out)
    this.#processing.write(slot, out)
  }

  read(slot: number, input: BinaryReader): void {
    this.#event.read(slot, input)
    this.#processing.read(slot, input)
    this.#setAlarm()
  }

  close(): void {
    this.#alarm?.cancel()
    this.#alarm = undefined
  }

  #advanceProcessingTime(timestamp: number): void {
    this.#alarm = undefined
    this.#alarmTime = Number.POSITIVE_INFINITY
    this.#firingProcessing = true
    try {
      this.#processing.advance(timestamp, this.#fireProcessing)
    } finally {
      this.#firingProcessing = false
    }
    this.#handler.processingTimersFired()
    this.#setAlarm()
  }

  /** One callback at the processing-time service, for the earliest timer. */
  #setAlarm(): void {
    const next = this.#processing.next()
    if (this.#firingProcessing || next >= this.#alarmTime) return
    this.#alarm?.cancel()
    this.#alarmTime = next
    this.#alarm = this.#service.register(next, this.#onProcessingTime)
  }
}

function checked(timestamp: number): number {
  if (typeof timestamp === 'number' && !Number.isNaN(timestamp)) return timestamp
  throw new MillraceError('TIMER_BAD_TIME', {
    message: `A timer was registered for ${String(timestamp)}, which is not a time in milliseconds.`,
    fix: 'Records may have no time stamp (context.timestamp is undefined then): give the source a watermark strategy.',
  })
}
