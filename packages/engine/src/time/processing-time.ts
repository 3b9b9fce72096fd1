/**
 * The task's view of processing time. Callbacks run as mail: between batches, never inside a call to an operator, in
 * time order; while a callback for time t runs, `now()` is at least t.
 */
export interface ProcessingTimeService {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls `callback` once when the clock has reached `timestamp` (at once, as the next mail, when it has already). */
  register(timestamp: number, callback: (timestamp: number) => void): ProcessingTimer
}

export interface ProcessingTimer {
  cancel(): void
}
