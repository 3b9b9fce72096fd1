/** A pending callback. Opaque: hand it back to {@link Timers.cancel}. */
export type TimerHandle = object

/** Schedules callbacks. A simulation replaces it to decide itself what runs next. */
export interface Timers {
  /** Calls `callback` once after `delayMs` milliseconds (at least). The timer keeps the process alive. */
  schedule(delayMs: number, callback: () => void): TimerHandle
  /** As {@link schedule}, for housekeeping: a pending one does not keep the process alive. */
  scheduleBackground(delayMs: number, callback: () => void): TimerHandle
  /** Calls `callback` when the event loop has handled the I/O that is ready now. */
  immediate(callback: () => void): TimerHandle
  /** No effect when the callback has run already. */
  cancel(handle: TimerHandle): void
}

export const systemTimers: Timers = {
  schedule: (delayMs, callback) => setTimeout(callback, delayMs),
  scheduleBackground: (delayMs, callback) => setTimeout(callback, delayMs).unref(),
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
