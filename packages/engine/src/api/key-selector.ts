import { MillraceError } from '@millrace/std'
import type { KeySelector } from '../graph/node.ts'
import { checkCallback, describe } from './options.ts'

/** What keyBy() was given: one closure, or names of fields. */
export function keySelectorOf(given: readonly unknown[]): KeySelector {
  const [first] = given
  if (typeof first === 'function') {
    checkCallback(first, 'keyBy()')
    return Object.freeze({ kind: 'closure', fn: first as (value: unknown) => unknown })
  }
  for (const name of given) {
    if (typeof name === 'string' && name !== '') continue
    throw new MillraceError('API_BAD_KEY', {
      message: `keyBy() needs a function or names of fields, not ${describe(name)}.`,
      fix: "Write keyBy('auction') or keyBy((bid) => bid.auction).",
    })
  }
  const names = given as readonly string[]
  if (names.length === 0) {
    throw new MillraceError('API_BAD_KEY', {
      message: 'keyBy() was given nothing.',
      fix: "Write keyBy('auction') or keyBy((bid) => bid.auction); windowAll(…) is for windows without keys.",
    })
  }
  if (names.length === 1) {
    return Object.freeze({
      kind: 'expression',
      expression: Object.freeze({ kind: 'field', name: names[0] as string }),
    })
  }
  return Object.freeze({
    kind: 'closure',
    fn: (value: unknown) => names.map((name) => (value as Record<string, unknown>)[name]),
  })
}
