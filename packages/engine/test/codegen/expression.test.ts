import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileChain } from '../../src/codegen/compile-chain.ts'
import { schema } from '../../src/element/schema.ts'
import type { Expression } from '../../src/graph/expression.ts'
import { columnsOf, field, literal, opened, objectsOf, select, where } from './harness.ts'

const spec = {
  i: 'int32',
  n: 'int64?',
  f: 'float64',
  t: 'timestamp?',
  s: 'string',
  w: 'string?',
  b: 'boolean',
  c: 'boolean?',
} as const
const table = schema(spec)
type Row = Record<keyof typeof spec, number | string | boolean | null>

const nullable = <T>(values: fc.Arbitrary<T>) => fc.option(values, { freq: 3, nil: null })
const text = fc.constantFrom('', 'a', 'b', 'é😀')
const row: fc.Arbitrary<Row> = fc.record({
  i: fc.integer({ min: -3, max: 3 }),
  n: nullable(fc.integer({ min: -(2 ** 40), max: 2 ** 40 })),
  f: fc.constantFrom(0, -1.5, 2.25, Number.NaN, Number.POSITIVE_INFINITY),
  t: nullable(fc.integer({ min: 0, max: 5 })),
  s: text,
  w: nullable(text),
  b: fc.boolean(),
  c: nullable(fc.boolean()),
})

const { number, condition } = fc.letrec<{ number: Expression; string: Expression; condition: Expression }>((tie) => ({
  number: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('i', 'n', 'f').map(field),
    fc.oneof(fc.integer({ min: -2, max: 2 }), fc.constant(0.5)).map(literal),
    fc
      .tuple(fc.constantFrom('+', '-', '*', '/', '%'), tie('number'), tie('number'))
      .map(([op, left, right]): Expression => ({ kind: 'arithmetic', op, left, right })),
  ),
  string: fc.oneof(fc.constantFrom('s', 'w').map(field), text.map(literal)),
  condition: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('b', 'c').map(field),
    fc.constantFrom(true, false, null).map(literal),
    fc
      .tuple(fc.constantFrom('=', '<>', '<', '<=', '>', '>='), fc.constantFrom('number' as const, 'string' as const))
      .chain(([op, of]) => fc.tuple(fc.constant(op), tie(of), tie(of)))
      .map(([op, left, right]): Expression => ({ kind: 'comparison', op, left, right })),
    fc
      .tuple(fc.constantFrom('and', 'or'), tie('condition'), tie('condition'))
      .map(([op, left, right]): Expression => ({ kind: 'logical', op, left, right })),
    tie('condition').map((operand): Expression => ({ kind: 'not', operand })),
    fc
      .oneof(tie('condition'), tie('number'), tie('string'))
      .map((operand): Expression => ({ kind: 'isNull', operand })),
  ),
}))

/** What an expression means, spelt out. */
function meaning(expression: Expression, of: Row): number | string | boolean | null {
  switch (expression.kind) {
    case 'field':
      return of[expression.name as keyof Row]
    case 'literal':
      return expression.value
    case 'isNull':
      return meaning(expression.operand, of) === null
    case 'not': {
      const operand = meaning(expression.operand, of)
      return operand === null ? null : !operand
    }
    case 'logical': {
      const operands = [meaning(expression.left, of), meaning(expression.right, of)]
      const decisive = expression.op === 'or'
      return operands.includes(decisive) ? decisive : operands.includes(null) ? null : !decisive
    }
  }
  const left = meaning(expression.left, of) as number
  const right = meaning(expression.right, of) as number
  if (left === null || right === null) return null
  switch (expression.op) {
    case '+':
      return left + right
    case '-':
      return left - right
    case '*':
      return left * right
    case '/':
      return left / right
    case '%':
      return left % right
    case '=':
      return left === right
    case '<>':
      return left !== right
    case '<':
      return left < right
    case '<=':
      return left <= right
    case '>':
      return left > right
    case '>=':
      return left >= right
  }
}

describe('field expressions', () => {
  it('mean the same over columns and over objects, in every layout of strings and of the output', () => {
    const rows = fc.array(row, { maxLength: 8 })
    fc.assert(
      fc.property(rows, condition, number, condition, (values, keep, computed, flag) => {
        const steps = [where(keep), select({ computed, flag, w: field('w'), t: field('t') })]
        const times = values.map((_, i) => i)
        const expected = values.flatMap((each, i) => {
          const record = { computed: meaning(computed, each), flag: meaning(flag, each), w: each.w, t: each.t }
          return meaning(keep, each) === true ? [[record, i]] : []
        })
        for (const wanted of ['objects', 'columns'] as const) {
          const objects = opened(compileChain(steps, { layout: 'objects' }, wanted).createOperator())
          objects.operator.processBatch(objectsOf(values, times), 0)
          expect(objects.trace.records).toEqual(expected)
          for (const form of ['bytes', 'dictionary'] as const) {
            const columns = opened(compileChain(steps, { layout: 'columns', schema: table }, wanted).createOperator())
            columns.operator.processBatch(columnsOf(table, values, times, form), 0)
            expect(columns.trace.records).toEqual(expected)
          }
        }
      }),
      { numRuns: 400 },
    )
  })

  it('check what objects hold when it comes', () => {
    const run = (step: Parameters<typeof compileChain>[0][number], value: unknown) => () => {
      const { operator } = opened(compileChain([step], { layout: 'objects' }, 'objects').createOperator())
      operator.processBatch(objectsOf([value], [0]), 0)
    }
    const plus: Expression = { kind: 'arithmetic', op: '+', left: field('x'), right: literal(1) }
    const less: Expression = { kind: 'comparison', op: '<', left: field('x'), right: literal(1) }
    expect(run(select({ x: plus }), { x: '1' })).toThrow(
      'select at 0: An operand of arithmetic is a string, not a number.',
    )
    expect(run(where(less), { x: '1' })).toThrow('where at 0: A string cannot be compared with a number.')
    expect(run(where(field('x')), { x: 1 })).toThrow('where at 0: A condition is a number, not a boolean.')
    expect(run(where(less), {})).not.toThrow()
  })

  it('know the types of what they give', () => {
    const outputOf = (expression: Expression) => {
      const { output } = compileChain([select({ x: expression })], { layout: 'columns', schema: table }, 'columns')
      const { type, nullable } = (output as { schema: typeof table }).schema.fields[0] as {
        type: string
        nullable: boolean
      }
      return `${type}${nullable ? '?' : ''}`
    }
    const arithmetic = (op: '+' | '-' | '*' | '/' | '%', left: Expression, right: Expression) =>
      outputOf({ kind: 'arithmetic', op, left, right })
    expect(arithmetic('+', field('i'), literal(1))).toBe('int64')
    expect(arithmetic('*', field('i'), field('n'))).toBe('int64?')
    expect(arithmetic('/', field('i'), literal(2))).toBe('float64')
    expect(arithmetic('%', field('i'), literal(2))).toBe('int64')
    expect(arithmetic('%', field('i'), field('i'))).toBe('float64')
    expect(arithmetic('-', field('t'), field('t'))).toBe('int64?')
    expect(arithmetic('+', field('t'), literal(5))).toBe('timestamp?')
    expect(outputOf({ kind: 'isNull', operand: field('w') })).toBe('boolean')
    expect(outputOf({ kind: 'not', operand: field('c') })).toBe('boolean?')
  })
})
