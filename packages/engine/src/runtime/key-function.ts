import type { Expression } from '../graph/expression.ts'
import type { KeySelector } from '../graph/node.ts'

/** The key of a record as a plain function, for records that are objects. */
export function keyFunction(selector: KeySelector): (value: unknown) => unknown {
  return selector.kind === 'closure' ? selector.fn : fieldOf(selector.expression)
}

function fieldOf(expression: Expression): (value: unknown) => unknown {
  if (expression.kind !== 'field') throw new TypeError(`Keys by ${expression.kind} expressions do not exist`)
  const { name } = expression
  return (value) => (value as Record<string, unknown>)[name]
}
