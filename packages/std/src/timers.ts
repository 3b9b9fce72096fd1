/** A pending callback. Opaque: hand it back to {@link Timers.cancel}. */
export type TimerHandle = object

/** Schedules callbacks. A simulation replaces it to decide itself what runs next. */
export interface Timers {
  /**
   * Calls `callback` once after `delayMs` milliseconds (at least, but for delays of more than 24 days, which may end
   * then: whoever takes a deadline from a user looks at the clock). The timer keeps the process alive.
   */
  schedule(delayMs: number, callback: () => void): TimerHandle
  /** As {@link schedule}, for housekeeping: a pending one does not keep the process alive. */
  scheduleBackground(delayMs: number, callback: () => void): TimerHandle
  /** Calls `callback` when the event loop has handled the I/O that is ready now. */
  immediate(callback: () => void): TimerHandle
  /** No effect when the callback has run already. */
  cancel(handle: TimerHandle): void
}

/** Node takes a longer delay for one of 1 ms: a wait "for ever" would be a loop without a rest. */
const longestDelayMs = 0x7fff_ffff

export const systemTimers: Timers = {
  schedule: (delayMs, callback) => setTimeout(callback, Math.min(delayMs, longestDelayMs)),
  scheduleBackground: (delayMs, callback) => setTimeout(callback, Math.min(delayMs, longestDelayMs)).unref(),
  immediate: (callback) => setImmediate(callback),
  cancel: (handle) => {
    if ('hasRef' in handle && '_onImmediate' in handle) clearImmediate(handle as NodeJS.Immediate)
    else clearTimeout(handle as NodeJS.Timeout)
  },
}

/** Resolves after `delayMs` milliseconds; rejects with the signal's reason when it aborts first. */
export function sleep(timers: Timers, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    const handle = timers.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    const onAbort = () => {
      timers.cancel(handle)
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** Lets the event loop handle the I/O that is ready, then resolves. */
export function yieldToEventLoop(timers: Timers): Promise<void> {
  return new Promise((resolve) => {
    timers.immediate(resolve)
  })
}
