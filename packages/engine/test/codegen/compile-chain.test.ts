import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileChain } from '../../src/codegen/compile-chain.ts'
import { schema } from '../../src/element/schema.ts'
import {
  columnsOf,
  field,
  filter,
  flatMap,
  literal,
  map,
  objectsOf,
  opened,
  select,
  through,
  where,
} from './harness.ts'

const objects = { layout: 'objects' } as const

describe('a chain over objects', () => {
  it('is its steps one after the other', () => {
    const step = fc.oneof(
      fc.integer({ min: -2, max: 2 }).map((n) => map((x: number) => x + n)),
      fc.integer({ min: 2, max: 3 }).map((n) => filter((x: number) => x % n === 0)),
      fc.constantFrom(
        flatMap((x: number) => [x, x + 1]),
        flatMap((x: number) => new Set([x, -x])),
        flatMap(function* (x: number) {
          for (let i = 0; i < (Math.abs(x) % 5) * 130; i++) yield i
        } as never),
        flatMap((x: number, out) => {
          for (let i = 0; i < x % 3; i++) out.collect(i)
          return x % 2 ? [x] : undefined
        }),
        flatMap((x: number) => (x > 1 ? undefined : [])),
      ),
    )
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 4 }),
        fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 6 }),
        (steps, input) => {
          let expected: number[] = input
          for (const node of steps) {
            if (node.kind === 'map') expected = expected.map(node.fn as (x: number) => number)
            if (node.kind === 'filter') expected = expected.filter(node.fn)
            if (node.kind === 'flatMap') {
              expected = expected.flatMap((x) => {
                const collected: number[] = []
                const returned = node.fn(x, { collect: (value) => collected.push(value as number) }) as Iterable<number>
                return [...collected, ...(returned ?? [])]
              })
            }
            if (expected.length > 20_000) return
          }
          expect(through(steps, input)).toEqual(expected)
        },
      ),
    )
  })

  it('keeps the time stamp of the record, and tells where a record came from', () => {
    const chain = compileChain(
      [flatMap((text: string) => text.split(' ')), filter((word: string) => word !== '')],
      objects,
      'objects',
    )
    const { operator, trace, batches } = opened(chain.createOperator())
    operator.processBatch(objectsOf(['a b', '', 'c'], [10, 20, 30], { describe: (i) => `offset ${100 + i}` }), 0)
    expect(trace.records).toEqual([
      ['a', 10],
      ['b', 10],
      ['c', 30],
    ])
    expect([0, 1, 2].map((i) => batches[0]?.origin?.describe(i))).toEqual(['offset 100', 'offset 100', 'offset 102'])
  })

  it('sends on bounded batches, in order, within the call', () => {
    const { operator, trace, batches } = opened(
      compileChain([flatMap((n: number) => Array(n).keys())], objects, 'objects').createOperator(),
    )
    operator.processBatch(objectsOf([3000], [0]), 0)
    expect(trace.records.map(([value]) => value)).toEqual([...Array(3000).keys()])
    expect(batches.length).toBe(3)
    operator.processWatermark(5, 0)
    expect(trace.watermarks).toEqual([5])
  })

  it('names the step that threw and the record', () => {
    const fail = (value: unknown) => {
      if (value === 3) throw new Error('three')
      return value
    }
    const cases = [
      [map(fail, 'first'), filter(() => true, 'second')],
      [map((x) => x, 'second'), flatMap((x) => [x], 'third'), filter(fail as never, 'first')],
      [flatMap((x: number) => [x - 1, x], 'second'), flatMap((x) => (fail(x), [x]), 'first'), map((x) => x, 'third')],
      [
        flatMap(
          function* (x: number) {
            yield 0
            fail(x)
          } as never,
          'first',
        ),
        map((x) => x, 'second'),
      ],
    ]
    for (const steps of cases) {
      const { operator } = opened(compileChain(steps, objects, 'objects').createOperator())
      const batch = objectsOf([1, 2, 3, 4], [0, 0, 0, 0], { describe: (i) => `offset ${i}` })
      expect(() => operator.processBatch(batch, 0)).toThrow('first at offset 2: three')
    }
  })

  it('leaves an error of what follows as it is', () => {
    const operator = compileChain([flatMap((x) => [x, x])], objects, 'objects').createOperator()
    const failure = new Error('downstream')
    const { operator: downstream } = opened(operator)
    downstream.open({
      output: {
        batch: () => {
          throw failure
        },
      },
      userError: () => new Error('mine'),
    } as never)
    expect(() => operator.processBatch(objectsOf([1], [0]), 0)).toThrow(failure)
    expect(() => operator.processBatch(objectsOf(Array(600).fill(1), Array(600).fill(0)), 0)).toThrow(failure)
  })

  it.each([
    ['map', map(async (x) => x)],
    ['filter', filter(async () => true)],
    ['flatMap', flatMap(async (x) => [x])],
  ])('refuses a promise from %s', (method, step) => {
    expect(() => through([step], [1])).toThrow(new RegExp(`${method}\\(\\) returned a promise`))
  })

  it('refuses what cannot be iterated', () => {
    expect(() => through([flatMap(() => 7)], [1])).toThrow('returned a number, which cannot be iterated')
  })
})

const proto = '__proto__'
const bid = schema({ auction: 'int32', price: 'float64', channel: 'string?', [proto]: 'int64', 'odd name': 'int64?' })
const rows = [
  { auction: 1, price: 1.5, channel: 'Google', [proto]: 1, 'odd name': 7 },
  { auction: 2, price: -2, channel: null, [proto]: 2, 'odd name': null },
  { auction: 3, price: 0, channel: 'é', [proto]: 3, 'odd name': 9 },
]

describe('a chain over columns', () => {
  const columns = { layout: 'columns', schema: bid } as const
  const run = (steps: Parameters<typeof compileChain>[0], wanted: 'objects' | 'columns') => {
    const chain = compileChain(steps, columns, wanted)
    const { operator, trace } = opened(chain.createOperator())
    operator.processBatch(columnsOf(bid, rows, [1, 2, 3]), 0)
    return { ...chain, values: trace.records.map(([value]) => value) }
  }

  it('makes objects of columns when it has no steps', () => {
    const { output, values } = run([], 'objects')
    expect(output).toEqual(objects)
    expect(values).toEqual(rows)
    expect(Object.hasOwn(values[0] as object, '__proto__')).toBe(true)
  })

  it('stays in columns through field expressions', () => {
    const total = { kind: 'arithmetic', op: '*', left: field('price'), right: literal(2) } as const
    const steps = [
      select({ a: field('auction'), total, channel: field('channel'), odd: field('odd name') }),
      where({ kind: 'comparison', op: '<>', left: field('a'), right: literal(2) }),
    ]
    const { output, values, fieldsRead } = run(steps, 'columns')
    expect(output).toEqual({
      layout: 'columns',
      schema: {
        fields: [
          { name: 'a', type: 'int32', nullable: false },
          { name: 'total', type: 'float64', nullable: false },
          { name: 'channel', type: 'string', nullable: true },
          { name: 'odd', type: 'int64', nullable: true },
        ],
      },
    })
    expect(values).toEqual([
      { a: 1, total: 3, channel: 'Google', odd: 7 },
      { a: 3, total: 0, channel: 'é', odd: 9 },
    ])
    expect(new Set(fieldsRead)).toEqual(new Set(['auction', 'price', 'channel', 'odd name']))
  })

  it('reads only the fields that a function provably reads', () => {
    const { values, fieldsRead } = run(
      [filter(({ price }: { price: number }) => price >= 0), map((b: { auction: number }) => b.auction)],
      'columns',
    )
    expect(values).toEqual([1, 3])
    expect(new Set(fieldsRead)).toEqual(new Set(['auction', 'price']))
  })

  it('gives a function that may keep the record all of it, and the same object to the next', () => {
    const seen: unknown[] = []
    const keep = (row: unknown) => seen.push(row) > 0
    const { values, fieldsRead } = run([filter(keep), map((row) => row)], 'objects')
    expect(seen).toEqual(rows)
    expect(values.every((value, i) => value === seen[i])).toBe(true)
    expect(fieldsRead?.length).toBe(5)
  })

  it('refuses an unknown field and wrong types when it is planned', () => {
    const plan =
      (...steps: Parameters<typeof compileChain>[0]) =>
      () =>
        compileChain(steps, columns, 'columns')
    expect(plan(select({ p: field('pirce') }))).toThrow(
      expect.objectContaining({ code: 'PLAN_UNKNOWN_FIELD', fix: "Did you mean 'price'?" }),
    )
    expect(plan(where(field('price')))).toThrow('A condition is of type float64; it must be boolean.')
    expect(plan(where({ kind: 'comparison', op: '=', left: field('price'), right: literal('1') }))).toThrow(
      'cannot be compared',
    )
    expect(plan(where({ kind: 'comparison', op: '<', left: field('price'), right: literal(true) }))).toThrow(
      'must be number or string',
    )
    expect(plan(select({ p: { kind: 'arithmetic', op: '+', left: field('channel'), right: literal(1) } }))).toThrow(
      "An operand of '+'",
    )
  })
})
