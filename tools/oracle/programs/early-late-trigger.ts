import { customTrigger, type ReducingState, reducingState, type Trigger, type TypedState } from '@millrace/engine'
import type { Event } from '../case.ts'

/** Fires at every n-th element of a window before its end, at its end, and at each element after it. */
export function earlyLateTrigger(every: number, purge: boolean): Trigger {
  const fire = purge ? 'fireAndPurge' : 'fire'
  return customTrigger<Event, { seen: TypedState<ReducingState<number>> }>({
    state: { seen: reducingState<number>((a, b) => a + b) },
    onElement(_event, _timestamp, window, { state, currentWatermark, registerEventTime }) {
      if (window.end - 1 <= currentWatermark()) return fire
      registerEventTime(window.end - 1)
      state.seen.add(1)
      if ((state.seen.get() ?? 0) < every) return 'continue'
      state.seen.clear()
      return fire
    },
    onEventTime: (timestamp, window) => (timestamp === window.end - 1 ? fire : 'continue'),
    onMerge(window, { currentWatermark, registerEventTime }) {
      if (window.end - 1 > currentWatermark()) registerEventTime(window.end - 1)
    },
    clear: (window, { deleteEventTime }) => deleteEventTime(window.end - 1),
  })
}
