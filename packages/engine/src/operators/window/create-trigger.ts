import { MillraceError, unreachable } from '@millrace/std'
import type { StateDescriptors } from '../../state/descriptor.ts'
import type { ReducingState, ValueState } from '../../state/handles.ts'
import type { StateHandle } from '../../state/state-backend.ts'
import {
  ContinuousEventTimeTrigger,
  ContinuousProcessingTimeTrigger,
  CountTrigger,
  DeltaTrigger,
  EndOfStreamTrigger,
  EventTimeTrigger,
  lastRecord,
  nextFiring,
  ProcessingTimeTrigger,
  seenCount,
  type WindowTrigger,
} from './built-in-triggers.ts'
import type { Trigger, WindowAssigner } from './definition.ts'
import { PurgingTrigger, TimeoutTrigger, timeoutState } from './nested-triggers.ts'
import type { CustomTrigger, TimeWindow, TriggerContext, TriggerResult, TriggerTimers } from './trigger.ts'

/** The trigger of a window definition: the one it names, or the assigner's default. */
export function triggerOf(assigner: WindowAssigner, trigger: Trigger | undefined): Trigger {
  if (trigger !== undefined) return trigger
  if (assigner.kind === 'global') {
    throw new MillraceError('WINDOW_WITHOUT_TRIGGER', {
      message: 'A global window never ends by itself, so without a trigger it never emits anything.',
      fix: 'Give it a trigger, such as a count trigger.',
    })
  }
  return assigner.time === 'event' ? { kind: 'eventTime' } : { kind: 'processingTime' }
}

/** State of a trigger and of those inside it; names of the inner ones carry a prefix. */
export function triggerState(trigger: Trigger): StateDescriptors {
  switch (trigger.kind) {
    case 'continuousEventTime':
    case 'continuousProcessingTime':
      return nextFiring
    case 'count':
      return seenCount
    case 'delta':
      return lastRecord
    case 'timeout':
      return { ...timeoutState, ...prefixed(triggerState(trigger.of)) }
    case 'purging':
      return prefixed(triggerState(trigger.of))
    case 'custom':
      return trigger.trigger.state ?? {}
    default:
      return {}
  }
}

type Handles = { readonly [name: string]: StateHandle }

export function createTrigger(trigger: Trigger, handles: Handles, timers: TriggerTimers): WindowTrigger {
  switch (trigger.kind) {
    case 'eventTime':
      return new EventTimeTrigger(timers)
    case 'processingTime':
      return new ProcessingTimeTrigger(timers)
    case 'continuousEventTime':
      return new ContinuousEventTimeTrigger(trigger.interval, handles.nextFiring as ReducingState<number>, timers)
    case 'continuousProcessingTime':
      return new ContinuousProcessingTimeTrigger(trigger.interval, handles.nextFiring as ReducingState<number>, timers)
    case 'count':
      return new CountTrigger(trigger.count, handles.seen as ReducingState<number>)
    case 'delta':
      return new DeltaTrigger(
        trigger.threshold,
        trigger.delta as (last: unknown, current: unknown) => number,
        handles.last as ValueState<unknown>,
      )
    case 'endOfStream':
      return new EndOfStreamTrigger(timers)
    case 'timeout':
      return new TimeoutTrigger(
        createTrigger(trigger.of, inner(handles), timers),
        trigger,
        handles.timeout as ValueState<number | undefined>,
        timers,
      )
    case 'purging':
      return new PurgingTrigger(createTrigger(trigger.of, inner(handles), timers))
    case 'custom':
      return new BoundCustomTrigger(trigger.trigger, handles, timers)
    default:
      return unreachable(trigger, 'trigger')
  }
}

const PREFIX = 'of.'

function prefixed(descriptors: StateDescriptors): StateDescriptors {
  return Object.fromEntries(Object.entries(descriptors).map(([name, descriptor]) => [PREFIX + name, descriptor]))
}

function inner(handles: Handles): Handles {
  return Object.fromEntries(
    Object.entries(handles)
      .filter(([name]) => name.startsWith(PREFIX))
      .map(([name, handle]) => [name.slice(PREFIX.length), handle]),
  )
}

/** Gives a user's trigger its own state beside the timers. */
class BoundCustomTrigger implements WindowTrigger {
  readonly #trigger: CustomTrigger
  readonly #handles: Handles
  readonly #context: never

  constructor(trigger: CustomTrigger, handles: Handles, timers: TriggerTimers) {
    this.#trigger = trigger
    this.#handles = handles
    const context: TriggerContext = {
      state: handles,
      currentWatermark: () => timers.currentWatermark(),
      currentProcessingTime: () => timers.currentProcessingTime(),
      registerEventTime: (timestamp) => timers.registerEventTime(timestamp),
      registerProcessingTime: (timestamp) => timers.registerProcessingTime(timestamp),
      deleteEventTime: (timestamp) => timers.deleteEventTime(timestamp),
      deleteProcessingTime: (timestamp) => timers.deleteProcessingTime(timestamp),
    }
    this.#context = Object.freeze(context) as never
  }

  onElement(value: unknown, timestamp: number, window: TimeWindow): TriggerResult {
    return this.#trigger.onElement(value as never, timestamp, copyOf(window), this.#context)
  }

  onEventTime(timestamp: number, window: TimeWindow): TriggerResult {
    return this.#trigger.onEventTime(timestamp, copyOf(window), this.#context)
  }

  onProcessingTime(timestamp: number, window: TimeWindow): TriggerResult {
    return this.#trigger.onProcessingTime(timestamp, copyOf(window), this.#context)
  }

  onMerge(window: TimeWindow): void {
    this.#trigger.onMerge?.(copyOf(window), this.#context)
  }

  clear(window: TimeWindow): void {
    this.#trigger.clear?.(copyOf(window), this.#context)
    for (const handle of Object.values(this.#handles)) handle.clear()
  }
}

/** The operator has one window object for all; user code may keep what it gets. */
function copyOf({ start, end }: TimeWindow): TimeWindow {
  return { start, end }
}
