import assert from 'node:assert/strict'
import {
  type AggregateFunction,
  type AggregatingState,
  BinaryReader,
  BinaryWriter,
  type ListState,
  type MapState,
  type ReducingState,
  type StateBackend,
  type StateDescriptors,
  type StateTable,
  type ValueState,
} from '@millrace/engine'
import { seededRandom } from '@millrace/std'

export interface StateBackendSuiteOptions {
  /** The test function of the runner: vitest's `test`, node:test's `test`. */
  readonly test: (name: string, run: () => void) => void
  /** A new, empty backend. */
  readonly factory: () => StateBackend
}

const average: AggregateFunction<number, readonly [number, number], number> = {
  createAccumulator: () => [0, 0],
  add: (value, [sum, count]) => [sum + value, count + 1],
  getResult: ([sum, count]) => sum / count,
  merge: (a, b) => [a[0] + b[0], a[1] + b[1]],
}

const descriptors: StateDescriptors = {
  value: { kind: 'value', initial: undefined },
  counter: { kind: 'value', initial: () => 0 },
  list: { kind: 'list' },
  map: { kind: 'map' },
  sum: { kind: 'reducing', reduce: ((a: number, b: number) => a + b) as (a: never, b: never) => number },
  average: { kind: 'aggregating', aggregate: average as unknown as AggregateFunction<never, unknown, unknown> },
}

interface Handles {
  readonly value: ValueState<unknown>
  readonly counter: ValueState<number>
  readonly list: ListState<unknown>
  readonly map: MapState<unknown, unknown>
  readonly sum: ReducingState<number>
  readonly average: AggregatingState<number, number>
}

/**
 * What every state backend must do. Run it over your own:
 *
 * @example
 * import { test } from 'vitest'
 * stateBackendSuite({ test, factory: () => new MyStateBackend() })
 */
export function stateBackendSuite({ test, factory }: StateBackendSuiteOptions): void {
  const open = () => {
    const table = factory().createTable(descriptors)
    return { table, handles: table.handles as unknown as Handles }
  }

  test('a value is its initial value until it is updated, and again when it is cleared', () => {
    const { table, handles } = open()
    table.select(3)
    assert.equal(handles.value.value(), undefined)
    assert.equal(handles.counter.value(), 0)
    handles.counter.update(7)
    assert.equal(handles.counter.value(), 7)
    handles.counter.clear()
    assert.equal(handles.counter.value(), 0)
  })

  test('a value may be of any type, and change its type', () => {
    const { table, handles } = open()
    table.select(0)
    for (const value of [1, -0, Number.NaN, Number.POSITIVE_INFINITY, 'text', null, 0, { a: [1] }, 2n, false]) {
      handles.value.update(value)
      assert.ok(Object.is(handles.value.value(), value), String(value))
    }
    handles.value.update(undefined)
    assert.equal(table.isEmpty(0), true)
  })

  test('slots do not see each other', () => {
    const { table, handles } = open()
    for (const slot of [0, 5, 1_000]) {
      table.select(slot)
      handles.counter.update(slot)
      handles.list.add(slot)
      handles.map.put('slot', slot)
      handles.sum.add(slot)
      handles.average.add(slot)
    }
    for (const slot of [1_000, 0, 5]) {
      table.select(slot)
      assert.equal(handles.counter.value(), slot)
      assert.deepEqual([...handles.list.get()], [slot])
      assert.equal(handles.map.get('slot'), slot)
      assert.equal(handles.sum.get(), slot)
      assert.equal(handles.average.get(), slot)
    }
    table.select(6)
    assert.equal(handles.counter.value(), 0)
    assert.deepEqual([...handles.list.get()], [])
    assert.equal(handles.map.isEmpty(), true)
    assert.equal(handles.sum.get(), undefined)
    assert.equal(handles.average.get(), undefined)
  })

  test('a list keeps the order; an update replaces it', () => {
    const { table, handles } = open()
    table.select(2)
    handles.list.addAll([3, 1])
    handles.list.add(2)
    handles.list.addAll(handles.list.get())
    assert.deepEqual([...handles.list.get()], [3, 1, 2, 3, 1, 2])
    handles.list.update([9])
    assert.deepEqual([...handles.list.get()], [9])
    handles.list.update([])
    assert.equal(table.isEmpty(2), true)
  })

  test('keys of a map are equal by value', () => {
    const { table, handles } = open()
    table.select(0)
    handles.map.put(1, 'number')
    handles.map.put('1', 'text')
    handles.map.put([1, 'a'], 'pair')
    handles.map.put({ id: 1 }, 'object')
    assert.equal(handles.map.get(1), 'number')
    assert.equal(handles.map.get('1'), 'text')
    assert.equal(handles.map.get([1, 'a']), 'pair')
    assert.equal(handles.map.get({ id: 1 }), 'object')
    assert.equal(handles.map.contains([1, 'b']), false)
    assert.equal([...handles.map.keys()].length, 4)
    assert.equal([...handles.map.values()].length, 4)
    for (const [key] of [...handles.map.entries()]) handles.map.remove(key)
    assert.equal(handles.map.isEmpty(), true)
    assert.equal(table.isEmpty(0), true)
  })

  test('a slot is empty when all of its state is, and clear empties it', () => {
    const { table, handles } = open()
    const fill: (() => void)[] = [
      () => handles.value.update(0),
      () => handles.counter.update(0),
      () => handles.list.add(undefined),
      () => handles.map.put(undefined, undefined),
      () => handles.sum.add(0),
      () => handles.average.add(0),
    ]
    for (const one of fill) {
      assert.equal(table.isEmpty(4), true)
      table.select(4)
      one()
      assert.equal(table.isEmpty(4), false)
      assert.equal(table.isEmpty(3), true)
      table.clear(4)
    }
    assert.equal(table.isEmpty(4), true)
    assert.equal(handles.sum.get(), undefined)
  })

  test('merge adds the state of one slot to another and leaves nothing behind', () => {
    const { table, handles } = open()
    table.select(1)
    handles.list.addAll([1, 2])
    handles.map.put('a', 1)
    handles.sum.add(10)
    handles.average.add(2)
    table.select(2)
    handles.list.add(3)
    handles.map.put('b', 2)
    handles.sum.add(5)
    handles.average.add(4)
    for (const name of ['list', 'map', 'sum', 'average']) table.merge(name, 1, 2)
    assert.equal(table.isEmpty(2), true)
    table.select(1)
    assert.deepEqual([...handles.list.get()], [1, 2, 3])
    assert.deepEqual([...handles.map.keys()], ['a', 'b'])
    assert.equal(handles.sum.get(), 15)
    assert.equal(handles.average.get(), 3)
    for (const name of ['list', 'map', 'sum', 'average']) table.merge(name, 7, 1)
    table.select(7)
    assert.deepEqual([...handles.list.get()], [1, 2, 3])
    assert.equal(handles.sum.get(), 15)
    for (const name of ['list', 'map', 'sum', 'average']) table.merge(name, 7, 1)
    assert.equal(handles.sum.get(), 15)
  })

  test('what was written is read into any slot of another table', () => {
    const { table, handles } = open()
    table.select(11)
    handles.value.update({
      text: 'ü',
      when: new Date(5),
      bytes: new Uint8Array([1, 2]),
      nested: [null, undefined, 1.5],
    })
    handles.list.addAll(['a', 1n, true, -3])
    handles.map.put([1, 2], new Map([['k', new Set([1])]]))
    handles.map.put('plain', Number.NEGATIVE_INFINITY)
    handles.sum.add(-0.5)
    handles.average.add(3)
    const copy = open()
    transfer(table, 11, copy.table, 2)
    copy.table.select(2)
    table.select(11)
    assert.deepEqual(copy.handles.value.value(), handles.value.value())
    assert.equal(copy.handles.counter.value(), 0)
    assert.deepEqual(copy.handles.list.get(), handles.list.get())
    assert.deepEqual([...copy.handles.map.entries()], [...handles.map.entries()])
    assert.equal(copy.handles.sum.get(), -0.5)
    copy.handles.average.add(5)
    assert.equal(copy.handles.average.get(), 4)
  })

  test('random operations agree with plain objects, also across a snapshot', () => {
    const random = seededRandom(42)
    const below = (limit: number) => Math.floor(random.next() * limit)
    const model = new Map<number, { counter: number; list: number[]; sum: number | undefined }>()
    let { table, handles } = open()
    for (let step = 0; step < 5_000; step++) {
      const slot = below(40)
      let expected = model.get(slot)
      if (expected === undefined) model.set(slot, (expected = { counter: 0, list: [], sum: undefined }))
      table.select(slot)
      const value = below(10)
      switch (below(7)) {
        case 0:
          handles.counter.update(value)
          expected.counter = value
          break
        case 1:
          handles.list.add(value)
          expected.list.push(value)
          break
        case 2:
          handles.sum.add(value)
          expected.sum = (expected.sum ?? 0) + value
          break
        case 3:
          handles.list.clear()
          expected.list = []
          break
        case 4:
          table.clear(slot)
          model.set(slot, { counter: 0, list: [], sum: undefined })
          break
        case 5: {
          const restored = open()
          for (const other of model.keys()) transfer(table, other, restored.table, other)
          if (value === 0) ({ table, handles } = restored)
          break
        }
        default:
          assert.equal(handles.counter.value(), expected.counter)
          assert.deepEqual([...handles.list.get()], expected.list)
          assert.equal(handles.sum.get(), expected.sum)
      }
    }
  })
}

function transfer(from: StateTable, fromSlot: number, to: StateTable, toSlot: number): void {
  const out = new BinaryWriter()
  from.write(fromSlot, out)
  const input = new BinaryReader(out.finish())
  to.read(toSlot, input, from.version)
  assert.equal(input.remaining, 0)
}
