import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BatchLayout, compileChain } from '../../src/codegen/compile-chain.ts'
import { canUsePanes, compilePaneAggregate } from '../../src/codegen/compile-pane-aggregate.ts'
import { MAX_TIMESTAMP } from '../../src/element/batch.ts'
import { schema } from '../../src/element/schema.ts'
import type { KeySelector } from '../../src/graph/node.ts'
import type { Operator } from '../../src/operators/operator.ts'
import type { PaneAggregateOperator } from '../../src/operators/window/pane-aggregate.ts'
import type { WindowAssigner, WindowDefinition, WindowFunction } from '../../src/operators/window/definition.ts'
import { WindowOperator } from '../../src/operators/window/window-operator.ts'
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
  type Trace,
  where,
} from '../codegen/harness.ts'

interface Order {
  key: number | string | null
  amount: number
  word: string | null
  note: string
}
const order = schema({ key: 'int64?', amount: 'int32', word: 'string?', note: 'string' })
const objects: BatchLayout = { layout: 'objects' }
const columns: BatchLayout = { layout: 'columns', schema: order }

type Item = { readonly records: readonly (Order & { time: number })[] } | { readonly watermark: number }

const keyStep = { name: 'keyBy', site: undefined }
const windowStep = { name: 'window', site: undefined }

function definition(
  assigner: WindowAssigner,
  fn: WindowFunction,
  allowedLateness = 0,
  lateTag?: string,
): WindowDefinition {
  return { assigner, trigger: undefined, allowedLateness, lateTag, function: fn }
}

const tumbling = (size: number, offset = 0): WindowAssigner => ({ kind: 'tumbling', time: 'event', size, offset })
const sliding = (size: number, slide: number, offset = 0): WindowAssigner => ({
  kind: 'sliding',
  time: 'event',
  size,
  slide,
  offset,
})
const byClosure = (fn: (value: never) => unknown): KeySelector => ({
  kind: 'closure',
  fn: fn as (value: unknown) => unknown,
})
const byField = (name: string): KeySelector => ({ kind: 'expression', expression: field(name) })

function panes(
  window: WindowDefinition,
  key: KeySelector | undefined,
  input = objects,
  steps: Parameters<typeof compileChain>[0] = [],
) {
  return compilePaneAggregate({ name: 'window', steps, input, key, keyStep, windowStep, window })
}

function general(window: WindowDefinition, keyOf: (value: never) => unknown): Operator {
  return new WindowOperator({ name: 'window', window, keyOf: keyOf as (value: unknown) => unknown })
}

/** What an operator answers to each item: order counts only within a key and time. */
function answers(
  operator: Operator,
  items: readonly Item[],
  layout: BatchLayout['layout'] = 'objects',
  text?: 'dictionary',
): unknown[] {
  const { trace } = opened(operator)
  return items.map((item) => {
    feed(operator, item, layout, text)
    return drain(trace)
  })
}

function feed(operator: Operator, item: Item, layout: BatchLayout['layout'], text?: 'dictionary'): void {
  if ('watermark' in item) return operator.processWatermark(item.watermark, 0)
  const rows = item.records.map(({ time: _, ...row }) => row)
  const times = item.records.map(({ time }) => time)
  operator.processBatch(layout === 'columns' ? columnsOf(order, rows, times, text) : objectsOf(rows, times), 0)
}

function drain(trace: Trace): unknown {
  const records = trace.records.splice(0).map((record) => JSON.stringify(record))
  const sides = Object.entries(trace.sides).flatMap(([tag, late]) =>
    late.splice(0).map((record) => `${tag}: ${JSON.stringify(record)}`),
  )
  return { records: records.sort(), sides, watermarks: trace.watermarks.splice(0) }
}

const record = fc.record({
  key: fc.constantFrom(0, 1, -5, 2 ** 40, null),
  amount: fc.integer({ min: -9, max: 9 }),
  word: fc.constantFrom('a', 'b', 'é', null),
  note: fc.constantFrom('x', 'y'),
  time: fc.integer({ min: -20, max: 60 }),
})
const stream = fc
  .array(
    fc.oneof(
      { weight: 2, arbitrary: fc.record({ records: fc.array(record, { maxLength: 12 }) }) },
      fc.record({ watermark: fc.integer({ min: -30, max: 70 }) }),
    ),
    {
      maxLength: 14,
    },
  )
  .map((items): Item[] => {
    let last = Number.NEGATIVE_INFINITY
    const rising = items.filter(
      (item) => !('watermark' in item) || (item.watermark > last && ((last = item.watermark), true)),
    )
    return [...rising, { watermark: MAX_TIMESTAMP }]
  })
const assigner = fc.oneof(
  fc.constantFrom(tumbling(10), tumbling(7, 3)),
  fc.constantFrom(sliding(10, 5), sliding(12, 8, 2), sliding(9, 1), sliding(5, 8), sliding(6, 4, -1)),
)
const aggregate = {
  createAccumulator: () => [] as number[],
  add: (value: Order, amounts: number[]) => [...amounts, value.amount],
  getResult: (amounts: number[]) => ({ amounts }),
}
const fns: fc.Arbitrary<WindowFunction> = fc.constantFrom<WindowFunction>(
  { kind: 'count' },
  { kind: 'sum', field: { name: 'amount' } },
  { kind: 'min', field: { name: 'amount' } },
  { kind: 'max', field: { name: 'amount' } },
  { kind: 'minBy', field: { name: 'amount' }, first: true },
  { kind: 'maxBy', field: { name: 'note' }, first: false },
  {
    kind: 'reduce',
    fn: ((a: Order, b: Order) => ({ ...b, amount: (2 * a.amount + b.amount) % 10_007 })) as never,
    finish: undefined,
  },
  { kind: 'aggregate', fn: aggregate as never, finish: undefined },
)
const windows = fc
  .tuple(assigner, fns, fc.constantFrom(0, 0, 3, 15), fc.constantFrom('late', undefined))
  .map(([assigned, fn, lateness, tag]) => definition(assigned, fn, lateness, tag))

describe('windows of panes', () => {
  it('answer what the general window operator answers', () => {
    fc.assert(
      fc.property(windows, stream, (window, items) => {
        expect(canUsePanes(window)).toBe(true)
        const key = (value: Order) => value.key
        expect(answers(panes(window, byClosure(key)).createOperator(), items)).toEqual(
          answers(general(window, key), items),
        )
      }),
      { numRuns: 500 },
    )
  })

  it('answer the same over columns as over objects', () => {
    const key = fc.constantFrom('key', 'amount', 'word', 'note')
    fc.assert(
      fc.property(
        windows,
        stream,
        key,
        fc.constantFrom('dictionary' as const, undefined),
        (window, items, name, text) => {
          const expected = answers(panes(window, byField(name)).createOperator(), items)
          expect(answers(panes(window, byField(name), columns).createOperator(), items, 'columns', text)).toEqual(
            expected,
          )
        },
      ),
      { numRuns: 500 },
    )
  })

  it('take the steps in front of them into their loop', () => {
    const closures = [
      filter((value: Order) => value.amount % 3 !== 0),
      flatMap((value: Order) => (value.amount > 0 ? [value, { ...value, amount: value.amount * 2 }] : [])),
      map((value: Order) => ({ ...value, note: `${value.note}!` })),
    ]
    const doubled = { kind: 'arithmetic', op: '*', left: field('amount'), right: literal(2) } as const
    const expressions = [
      where({ kind: 'comparison', op: '<>', left: field('word'), right: literal('b') }),
      select({ key: field('key'), amount: doubled, note: field('note') }),
      where({ kind: 'comparison', op: '>', left: field('amount'), right: literal(0) }),
    ]
    fc.assert(
      fc.property(windows, stream, fc.constantFrom(closures, expressions), (window, items, steps) => {
        const key = byField('key')
        const chain = compileChain(steps, objects, 'objects').createOperator()
        const window1 = panes(window, key).createOperator()
        const { trace } = opened(window1)
        opened(chain)
        chain.open({
          output: {
            batch: (b: never) => window1.processBatch(b, 0),
            watermark: (t: number) => window1.processWatermark(t, 0),
          },
        } as never)
        const expected = items.map((item) => (feed(chain, item, 'objects'), drain(trace)))
        expect(answers(panes(window, key, objects, steps).createOperator(), items)).toEqual(expected)
        expect(answers(panes(window, key, columns, steps).createOperator(), items, 'columns')).toEqual(expected)
      }),
      { numRuns: 300 },
    )
  })

  it('go on from a snapshot as if nothing had happened', () => {
    fc.assert(
      fc.property(windows, stream, fc.nat(13), fc.boolean(), (window, items, at, isColumnar) => {
        const layout = isColumnar ? 'columns' : 'objects'
        const compiled = panes(window, byField('key'), isColumnar ? columns : objects)
        const expected = answers(compiled.createOperator(), items, layout)
        const first = compiled.createOperator()
        const before = opened(first)
        const cut = Math.min(at, items.length)
        const actual: unknown[] = []
        for (const item of items.slice(0, cut)) {
          feed(first, item, layout)
          actual.push(drain(before.trace))
        }
        const snapshot = first.snapshot({ kind: 'barrier', checkpointId: 1, triggered: 0 })
        const second = compiled.createOperator()
        const after = opened(second, snapshot)
        // A restored task gets the watermark again before new records.
        const seen = items.slice(0, cut).findLast((item) => 'watermark' in item)
        if (seen) feed(second, seen, layout)
        const repeated = drain(after.trace) as { records: unknown[] }
        expect(repeated.records).toEqual([])
        for (const item of items.slice(cut)) {
          feed(second, item, layout)
          actual.push(drain(after.trace))
        }
        expect(actual).toEqual(expected)
      }),
      { numRuns: 300 },
    )
  })

  it('count the records of random windows', () => {
    fc.assert(
      fc.property(stream, fc.constantFrom(tumbling(10), sliding(10, 4)), (items, assigned) => {
        const all = items.flatMap((item) => ('records' in item ? item.records : []))
        const inOrder: Item[] = [{ records: all }, { watermark: MAX_TIMESTAMP }]
        const { trace } = opened(
          panes(definition(assigned, { kind: 'count' }), byField('key'), columns).createOperator(),
        )
        const operator = panes(definition(assigned, { kind: 'count' }), byField('key'), columns).createOperator()
        const result = opened(operator)
        for (const item of inOrder) feed(operator, item, 'columns')
        expect(trace.records).toEqual([])
        const { size } = assigned as { size: number }
        const slide = assigned.kind === 'sliding' ? assigned.slide : size
        const expected = new Map<string, number>()
        for (const { key, time } of all) {
          for (let start = -100 * slide; start <= time; start += slide) {
            const name = JSON.stringify({ key, start, end: start + size })
            if (time < start + size) expected.set(name, (expected.get(name) ?? 0) + 1)
          }
        }
        const actual = result.trace.records.map(([value, timestamp]) => {
          const { count, ...rest } = value as { count: number; end: number }
          expect(timestamp).toBe(rest.end - 1)
          return [JSON.stringify(rest), count] as const
        })
        expect(new Map(actual)).toEqual(expected)
        expect(actual.length).toBe(expected.size)
      }),
    )
  })

  it('read only the fields that they need', () => {
    const count = definition(tumbling(10), { kind: 'count' })
    expect(panes(count, byField('key'), columns).fieldsRead).toEqual(['key'])
    expect(panes(count, byField('word'), columns).fieldsRead).toEqual(['word'])
    expect(
      panes(
        count,
        byClosure((value: Order) => value.note),
        columns,
      ).fieldsRead,
    ).toEqual(['note'])
    expect(
      new Set(
        panes(definition(tumbling(10), { kind: 'sum', field: { name: 'amount' } }), byField('key'), columns).fieldsRead,
      ),
    ).toEqual(new Set(['key', 'amount', 'word', 'note']))
  })

  it('forget keys that do not come back, and keep those that do', () => {
    const compiled = panes(
      definition(tumbling(10), { kind: 'count' }),
      byClosure((value: number) => value),
    )
    const operator = compiled.createOperator() as ReturnType<typeof compiled.createOperator> & {
      keys: { size: number; capacity: number }
    }
    const { trace } = opened(operator)
    for (let window = 0; window < 200; window++) {
      const fresh = Array.from({ length: 500 }, (_, i) => 1000 + window * 500 + i)
      const values = [...Array(100).keys(), ...fresh]
      operator.processBatch(
        objectsOf(
          values,
          values.map(() => window * 10),
        ),
        0,
      )
      operator.processWatermark(window * 10 + 9, 0)
      expect(trace.records.splice(0).length).toBe(600)
    }
    expect(operator.keys.size).toBeLessThan(4000)
    expect(operator.keys.capacity).toBeLessThan(4000)
  })

  it('do not keep the memory of a burst of windows', async () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const operator = panes(
      definition(tumbling(10), { kind: 'count' }),
      byClosure((value: number) => value),
    ).createOperator() as PaneAggregateOperator
    opened(operator)
    const times = Array.from({ length: 300 }, (_, i) => i * 10)
    operator.processBatch(objectsOf(times, times))
    const burst = times.map((time) => new WeakRef(operator.select(time)?.panes[0] as object))
    for (let time = 2999; time < 3100; time += 10) {
      operator.processWatermark(time)
      operator.processBatch(objectsOf([1], [time + 1]))
    }
    await setImmediate()
    collectGarbage()
    expect(burst.filter((pane) => pane.deref() !== undefined).length).toBeLessThan(10)
  })

  it('take any name of a field', () => {
    const names = [
      'LOAD',
      'P',
      'slot',
      'PAYLOAD',
      'class',
      '__proto__',
      'a b',
      "'); throw 1 //",
      '/*load*/',
      '${x}',
      'é',
    ]
    const odd = schema(Object.fromEntries(names.map((name) => [name, 'int64'] as const)))
    const rows = [
      Object.fromEntries(names.map((name, i) => [name, i])),
      Object.fromEntries(names.map((name) => [name, 100])),
    ]
    for (const name of names) {
      const window = definition(tumbling(10), { kind: 'sum', field: { name } }, 0, 'late')
      for (const input of [objects, { layout: 'columns', schema: odd } as const]) {
        const operator = panes(window, byField('P'), input, [
          select(Object.fromEntries(names.map((each) => [each, field(each)]))),
        ]).createOperator()
        const { trace } = opened(operator)
        const times = [1, 1]
        operator.processBatch(input.layout === 'columns' ? columnsOf(odd, rows, times) : objectsOf(rows, times), 0)
        operator.processWatermark(20, 0)
        operator.processBatch(input.layout === 'columns' ? columnsOf(odd, rows, times) : objectsOf(rows, times), 0)
        expect(trace.records).toEqual(rows.map((row) => [row, 9]))
        expect(trace.sides.late).toEqual(rows.map((row) => [row, 1]))
      }
    }
  })

  it('name the step that failed', () => {
    const fail = () => {
      throw new Error('no')
    }
    const count = definition(tumbling(10), { kind: 'count' })
    const reduce = definition(tumbling(10), { kind: 'reduce', fn: fail as never, finish: undefined })
    const result = definition(tumbling(10), {
      kind: 'aggregate',
      fn: { ...aggregate, getResult: fail } as never,
      finish: undefined,
    })
    const one = (operator: Operator, times = [5, 5]) => {
      opened(operator)
      operator.processBatch(objectsOf([{ amount: 1 }, { amount: 1 }], times, { describe: (i) => `offset ${i}` }), 0)
      operator.processWatermark(20, 0)
    }
    const key = byClosure(() => 1)
    expect(() => one(panes(count, key, objects, [map(fail, 'first')]).createOperator())).toThrow(
      'first at offset 0: no',
    )
    expect(() => one(panes(count, byClosure(fail), objects, [map((x) => x)]).createOperator())).toThrow(
      'keyBy at offset 0: no',
    )
    expect(() =>
      one(
        panes(
          count,
          byClosure(() => new Map()),
        ).createOperator(),
      ),
    ).toThrow('keyBy at offset 0: An instance of Map')
    expect(() =>
      one(
        panes(
          count,
          byClosure(async () => 1),
        ).createOperator(),
      ),
    ).toThrow('keyBy() returned a promise')
    expect(() => one(panes(reduce, key).createOperator())).toThrow('window at offset 1: no')
    expect(() => one(panes(result, key).createOperator())).toThrow('window at -1: no')
    expect(() => one(panes(count, key).createOperator(), [5, Number.NaN])).toThrow(
      'window at offset 1: A record without a time stamp',
    )
  })

  it('leave what they cannot do to the general operator', () => {
    const count: WindowFunction = { kind: 'count' }
    expect(canUsePanes(definition({ kind: 'tumbling', time: 'processing', size: 10, offset: 0 }, count))).toBe(false)
    expect(canUsePanes(definition({ kind: 'session', time: 'event', gap: 10 }, count))).toBe(false)
    expect(canUsePanes({ ...definition(tumbling(10), count), trigger: { kind: 'count', count: 3 } as never })).toBe(
      false,
    )
    expect(canUsePanes(definition(tumbling(10), { kind: 'process', process: {} as never }))).toBe(false)
    expect(canUsePanes(definition(tumbling(10.5), count))).toBe(false)
  })
})
