import { MillraceError } from '@millrace/std'
import type { Trigger, WindowDefinition } from './definition.ts'
import { processOf } from './emitters.ts'

/** Refuses what cannot work when windows grow together, as session windows do. */
export function checkMerging(definition: WindowDefinition, trigger: Trigger): void {
  const what = cannotMerge(trigger)
  if (what !== undefined) {
    throw new MillraceError('WINDOW_TRIGGER_CANNOT_MERGE', {
      message: `Session windows grow together, but ${what} cannot follow that.`,
      fix: 'Use another trigger, or give the custom trigger an onMerge and no value state.',
    })
  }
  if (Object.keys(processOf(definition.function)?.windowState ?? {}).length > 0) {
    throw new MillraceError('WINDOW_STATE_CANNOT_MERGE', {
      message: 'Session windows grow together, so state per window is not possible with them.',
      fix: 'Keep the state in globalState (per key), or in the accumulator of an aggregate function.',
    })
  }
  const fn = definition.function
  if (fn.kind === 'aggregate' && fn.fn.merge === undefined) {
    throw new MillraceError('STATE_CANNOT_MERGE', {
      message: 'Session windows grow together, but the aggregate function has no merge.',
      fix: 'Give it a merge(a, b) that returns the accumulator of both.',
    })
  }
}

function cannotMerge(trigger: Trigger): string | undefined {
  switch (trigger.kind) {
    case 'delta':
      return 'a delta trigger'
    case 'timeout':
      return 'a timeout trigger'
    case 'purging':
      return cannotMerge(trigger.of)
    case 'custom': {
      const { onMerge, state } = trigger.trigger
      const fixed = Object.values(state ?? {}).some((descriptor) => descriptor.kind === 'value')
      return onMerge === undefined || fixed ? 'this custom trigger' : undefined
    }
    default:
      return undefined
  }
}
