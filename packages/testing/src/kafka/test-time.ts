import { type Clock, hostSystem, type System, type Timers } from '@millrace/std'
import type { ManualClock } from '../manual-clock.ts'

/** How long the kit waits for what a test expects, milliseconds. */
export const defaultWaitMs = 4_000

/** The time of a broker whose test moves it: what is to happen at once happens by itself. */
export function brokerTime(clock: ManualClock): Pick<System, 'clock' | 'timers'> {
  const { timers: host } = hostSystem
  const immediates = new WeakSet<object>()
  const timers: Timers = {
    schedule: (delayMs, callback) => clock.schedule(delayMs, callback),
    scheduleBackground: (delayMs, callback) => clock.scheduleBackground(delayMs, callback),
    immediate: (callback) => {
      const handle = host.immediate(callback)
      immediates.add(handle)
      return handle
    },
    cancel: (handle) => (immediates.has(handle) ? host.cancel(handle) : clock.cancel(handle)),
  }
  return { clock, timers }
}

/** The time of clients beside such a broker: they stamp records by it, and wait in real time. */
export function clientClock(clock: ManualClock): Clock {
  return { now: () => clock.now(), monotonic: () => hostSystem.clock.monotonic() }
}
