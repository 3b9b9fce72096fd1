import { describe, expect, test } from 'vitest'
import type {
  Evictor,
  Trigger,
  WindowAssigner,
  WindowDefinition,
  WindowFunction,
} from '../../src/operators/window/definition.ts'
import type { CustomTrigger, TimeWindow, TriggerContext } from '../../src/operators/window/trigger.ts'
import { WindowOperator } from '../../src/operators/window/window-operator.ts'
import { OperatorHarness } from './operator-harness.ts'

interface Sale {
  readonly shop: string
  readonly amount: number
  readonly note?: string
}

const tumbling: WindowAssigner = { kind: 'tumbling', time: 'event', size: 10, offset: 0 }
const session: WindowAssigner = { kind: 'session', time: 'event', gap: 10 }
const count: WindowFunction = { kind: 'count' }
const amounts: WindowFunction = processing(({ window }, sales) => [
  [window.start, ...sales.map(({ amount }) => amount)],
])

function processing(
  process: (context: any, values: Sale[], out: any) => unknown,
  more: { windowState?: object; globalState?: object; clear?: (context: any) => void } = {},
): WindowFunction {
  return { kind: 'process', process: { windowState: {}, globalState: {}, process: process as never, ...more } as never }
}

function harness(definition: Partial<WindowDefinition>): OperatorHarness {
  const window = {
    assigner: tumbling,
    trigger: undefined,
    allowedLateness: 0,
    lateTag: undefined,
    function: count,
    ...definition,
  }
  return new OperatorHarness(new WindowOperator({ name: 'test', window, keyOf: (sale) => (sale as Sale).shop }))
}

const sale = (shop: string, amount: number, note?: string): Sale => ({ shop, amount, ...(note && { note }) })

describe('functions', () => {
  const run = (fn: WindowFunction, assigner: WindowAssigner = tumbling) => {
    const h = harness({ function: fn, assigner })
    h.push(
      [sale('a', 3, 'first'), 1],
      [sale('a', 1, 'second'), 2],
      [sale('a', 1, 'third'), 3],
      [sale('a', 4, 'last'), 4],
    )
    return h.watermark(100).take()
  }

  test('count gives the key and the window; results carry the last ms of it', () => {
    expect(run(count)).toEqual([{ value: { key: 'a', start: 0, end: 10, count: 4 }, timestamp: 9 }])
  })

  test.each([
    ['sum', 9],
    ['min', 1],
    ['max', 4],
  ] as const)('%s replaces the field in the first record', (kind, amount) => {
    expect(run({ kind, field: { name: 'amount' } })).toEqual([{ value: sale('a', amount, 'first'), timestamp: 9 }])
  })

  test('sum, min and max leave the records alone, also where windows overlap', () => {
    const h = harness({
      function: { kind: 'max', field: { name: 1 } },
      assigner: { kind: 'sliding', time: 'event', size: 10, slide: 5, offset: 0 },
    })
    const first = ['a', 1]
    h.push([first, 7], [['a', 9], 12])
    h.watermark(100)
    expect(h.values()).toEqual([
      ['a', 1],
      ['a', 9],
      ['a', 9],
    ])
    expect(first).toEqual(['a', 1])
  })

  test.each([
    ['minBy', true, 'second'],
    ['minBy', false, 'third'],
    ['maxBy', true, 'last'],
  ] as const)('%s with first %s gives the whole record', (kind, first, note) => {
    const [{ value } = { value: undefined }] = run({ kind, first, field: { name: 'amount' } })
    expect((value as Sale).note).toBe(note)
  })

  test('min and max order booleans: false, then true', () => {
    const flags = (kind: 'min' | 'max') => {
      const h = harness({ function: { kind, field: { name: 1 } } })
      h.push([['a', true], 1], [['a', false], 2], [['a', true], 3])
      h.watermark(100)
      return h.values()
    }
    expect(flags('min')).toEqual([['a', false]])
    expect(flags('max')).toEqual([['a', true]])
  })

  test('reduce and aggregate hand their result to a process function', () => {
    const finish = {
      windowState: {},
      globalState: {},
      process: (({ key }: any, values: unknown[]) => [[key, ...values]]) as never,
    }
    const add = (a: Sale, b: Sale) => sale(a.shop, a.amount + b.amount)
    expect(run({ kind: 'reduce', fn: add as never, finish })[0]?.value).toEqual(['a', sale('a', 9)])
    const list = {
      createAccumulator: () => [] as number[],
      add: ({ amount }: Sale, list: number[]) => [...list, amount],
      getResult: (list: number[]) => list.join('+'),
      merge: (a: number[], b: number[]) => [...a, ...b],
    }
    const aggregate: WindowFunction = { kind: 'aggregate', fn: list as never, finish }
    expect(run(aggregate)[0]?.value).toEqual(['a', '3+1+1+4'])
    expect(run(aggregate, session)[0]?.value).toEqual(['a', '3+1+1+4'])
  })

  test('a field without an order, a gap that is none and a record without a time are refused', () => {
    expect(() => harness({ function: { kind: 'sum', field: { name: 'nothing' } } }).push([sale('a', 1), 1])).toThrow(
      'undefined, which has no order',
    )
    expect(() =>
      harness({ assigner: { kind: 'session', time: 'event', gap: () => 0 } }).push([sale('a', 1), 1]),
    ).toThrow('0 ms')
    expect(() => harness({}).push([sale('a', 1)])).toThrow('without a time stamp')
  })
})

describe('late records', () => {
  test('fire their window again while it is kept, and go to the side output afterwards', () => {
    const h = harness({ function: amounts, allowedLateness: 5, lateTag: 'late' })
    h.push([sale('a', 1), 3]).watermark(9)
    expect(h.values()).toEqual([[0, 1]])
    h.push([sale('a', 2), 4])
    expect(h.take()).toEqual([{ value: [0, 1, 2], timestamp: 9 }])
    h.watermark(13).push([sale('a', 3), 5])
    expect(h.values()).toEqual([[0, 1, 2, 3]])
    h.watermark(14).push([sale('a', 4), 6])
    expect(h.take()).toEqual([{ value: sale('a', 4), timestamp: 6, tag: 'late' }])
  })

  test('are counted when there is no side output', () => {
    const window = { assigner: tumbling, trigger: undefined, allowedLateness: 0, lateTag: undefined, function: count }
    const operator = new WindowOperator({ name: 'test', window, keyOf: () => 1 })
    const h = new OperatorHarness(operator)
    h.watermark(50).push([sale('a', 1), 3], [sale('a', 1), 55])
    expect(operator.numLateRecordsDropped).toBe(1)
    expect(h.take()).toEqual([])
  })

  test('a record between two sliding windows is not late', () => {
    const gaps: WindowAssigner = { kind: 'sliding', time: 'event', size: 5, slide: 10, offset: 0 }
    const h = harness({ assigner: gaps, lateTag: 'late' })
    h.push([sale('a', 1), 7]).watermark(3)
    expect(h.take()).toEqual([])
    h.push([sale('a', 1), 2])
    h.watermark(100)
    expect(h.values()).toEqual([{ key: 'a', start: 0, end: 5, count: 1 }])
  })

  test('a record that user code keeps from an early firing does not change', () => {
    const kept: unknown[] = []
    const h = harness({ function: processing((_context, sales) => void kept.push(sales)), allowedLateness: 10 })
    h.push([sale('a', 1), 1]).watermark(9)
    h.push([sale('a', 2), 1], [sale('a', 3), 1])
    expect(kept).toEqual([[sale('a', 1)], [sale('a', 1), sale('a', 2)], [sale('a', 1), sale('a', 2), sale('a', 3)]])
  })
})

describe('sessions', () => {
  const at = (result: unknown) => {
    const { start, end, count: n } = result as { start: number; end: number; count: number }
    return [start, end, n]
  }

  test('grow, join and touch', () => {
    const h = harness({ assigner: session })
    h.push([sale('a', 1), 0], [sale('a', 1), 30], [sale('a', 1), 15], [sale('b', 1), 16])
    h.push([sale('a', 1), 5])
    h.push([sale('a', 1), 60], [sale('a', 1), 50])
    h.watermark(100)
    expect(h.values().map(at)).toEqual([
      [0, 25, 3],
      [16, 26, 1],
      [30, 40, 1],
      [50, 70, 2],
    ])
  })

  test('that end at the same window as a merged one keep what was gathered', () => {
    // The case in which Flink 2.3 loses state: the third window equals the one that came from merging the first two.
    const gap = (record: Sale) => record.amount
    const h = harness({ assigner: { kind: 'session', time: 'event', gap: gap as never } })
    h.push([sale('b', 5), 161], [sale('b', 4), 163], [sale('b', 6), 161])
    h.watermark(1_000)
    expect(h.values().map(at)).toEqual([[161, 167, 3]])
  })

  test('refuse triggers, state and functions that cannot follow', () => {
    const bad: Partial<WindowDefinition>[] = [
      { trigger: { kind: 'delta', threshold: 1, delta: () => 0 } },
      {
        trigger: {
          kind: 'purging',
          of: {
            kind: 'timeout',
            of: { kind: 'count', count: 2 },
            timeout: 1,
            resetOnElement: false,
            clearOnTimeout: true,
          },
        },
      },
      { function: processing(() => {}, { windowState: { n: { kind: 'value', initial: undefined } } }) },
      {
        function: {
          kind: 'aggregate',
          fn: { createAccumulator: () => 0, add: () => 0, getResult: () => 0 },
          finish: undefined,
        },
      },
    ]
    for (const definition of bad)
      expect(() => harness({ assigner: session, ...definition })).toThrow('Session windows grow together')
  })
})

test('an operator that could not be opened can be closed', () => {
  const window: WindowDefinition = {
    assigner: { kind: 'global', time: 'event' },
    trigger: undefined,
    allowedLateness: 0,
    lateTag: undefined,
    function: count,
  }
  const operator = new WindowOperator({ name: 'test', window, keyOf: () => 1 })
  expect(() => new OperatorHarness(operator)).toThrow('never ends by itself')
  operator.close()
})

describe('processing time', () => {
  test('the clock decides, time stamps do not matter', () => {
    const h = harness({ assigner: { kind: 'tumbling', time: 'processing', size: 10, offset: 0 } })
    h.time(5)
      .push([sale('a', 1)], [sale('a', 1), 1_000])
      .time(8)
    expect(h.take()).toEqual([])
    h.time(9)
    expect(h.take()).toEqual([{ value: { key: 'a', start: 0, end: 10, count: 2 }, timestamp: 9 }])
    h.time(25)
      .push([sale('a', 1), 0])
      .watermark(Number.POSITIVE_INFINITY)
    expect(h.take()).toEqual([])
    expect(h.processingTime.pending).toBe(1)
    h.close()
    expect(h.processingTime.pending).toBe(0)
  })
})

describe('triggers', () => {
  const global: WindowAssigner = { kind: 'global', time: 'event' }

  test('a global window needs one', () => {
    expect(() => harness({ assigner: global })).toThrow('never ends by itself')
  })

  test('count fires at every n-th record; purging drops what was fired', () => {
    const two: Trigger = { kind: 'count', count: 2 }
    const keeping = harness({ assigner: global, trigger: two, function: amounts })
    const purging = harness({ assigner: global, trigger: { kind: 'purging', of: two }, function: amounts })
    for (const h of [keeping, purging]) for (let i = 1; i <= 5; i++) h.push([sale('a', i), i])
    const first = Number.NEGATIVE_INFINITY
    expect(keeping.take()).toEqual([
      { value: [first, 1, 2], timestamp: Number.POSITIVE_INFINITY },
      { value: [first, 1, 2, 3, 4], timestamp: Number.POSITIVE_INFINITY },
    ])
    expect(purging.values()).toEqual([
      [first, 1, 2],
      [first, 3, 4],
    ])
  })

  test('a global window without anything left is forgotten', () => {
    const h = harness({ assigner: global, trigger: { kind: 'purging', of: { kind: 'count', count: 1 } } })
    h.push([sale('a', 1), 1], [sale('b', 1), 1])
    expect(h.values()).toHaveLength(2)
    expect(h.snapshot()?.keyed?.size).toBe(0)
  })

  test('continuous fires early, at multiples of its interval', () => {
    const h = harness({ trigger: { kind: 'continuousEventTime', interval: 4 }, function: amounts })
    h.push([sale('a', 1), 1]).watermark(4)
    h.push([sale('a', 2), 5]).watermark(7)
    h.watermark(8).watermark(9)
    expect(h.values()).toEqual([
      [0, 1],
      [0, 1, 2],
      [0, 1, 2],
    ])
  })

  test('delta fires when a record differs enough from the last one that did', () => {
    const delta = (last: Sale, current: Sale) => current.amount - last.amount
    const h = harness({
      assigner: global,
      trigger: { kind: 'delta', threshold: 3, delta: delta as never },
      function: amounts,
    })
    for (const amount of [1, 2, 5, 6, 9]) h.push([sale('a', amount), 1])
    expect(h.values()).toEqual([
      [Number.NEGATIVE_INFINITY, 1, 2, 5],
      [Number.NEGATIVE_INFINITY, 1, 2, 5, 6, 9],
    ])
  })

  test('end of stream fires with the final watermark', () => {
    const h = harness({ assigner: global, trigger: { kind: 'endOfStream' }, function: amounts })
    h.push([sale('a', 1), 1]).watermark(1_000_000)
    expect(h.take()).toEqual([])
    h.watermark(Number.POSITIVE_INFINITY)
    expect(h.values()).toEqual([[Number.NEGATIVE_INFINITY, 1]])
  })

  test("a user's trigger keeps state and timers per key and window, also across merges", () => {
    /** Fires at every second record early, and at the end. */
    const earlyTrigger: CustomTrigger = {
      state: { seen: { kind: 'reducing', reduce: ((a: number, b: number) => a + b) as never } },
      onElement: ((
        _value: Sale,
        _time: number,
        window: TimeWindow,
        { state, registerEventTime }: TriggerContext<any>,
      ) => {
        registerEventTime(window.end - 1)
        state.seen.add(1)
        if (state.seen.get() < 2) return 'continue'
        state.seen.clear()
        return 'fire'
      }) as never,
      onEventTime: (time, window) => (time === window.end - 1 ? 'fireAndPurge' : 'continue'),
      onProcessingTime: () => 'continue',
      onMerge: (window, context) => (context as TriggerContext).registerEventTime(window.end - 1),
    }
    const h = harness({ assigner: session, trigger: { kind: 'custom', trigger: earlyTrigger }, function: amounts })
    h.push([sale('a', 1), 0], [sale('a', 2), 30])
    expect(h.take()).toEqual([])
    // Two sessions with one record each, joined by a third through a bridge of two.
    h.push([sale('a', 3), 10], [sale('a', 4), 20])
    expect(h.values()).toEqual([
      [0, 1, 3],
      [0, 1, 3, 2, 4],
    ])
    h.watermark(39)
    expect(h.values()).toEqual([[0, 1, 3, 2, 4]])
    expect(h.snapshot()?.keyed?.size).toBe(0)
  })
})

test("a window that a user's trigger keeps stays what it was", () => {
  const seen: TimeWindow[] = []
  const trigger: CustomTrigger = {
    onElement: (_value, _time, window) => {
      seen.push(window)
      return 'continue'
    },
    onEventTime: () => 'fire',
    onProcessingTime: () => 'continue',
  }
  const h = harness({ trigger: { kind: 'custom', trigger } })
  h.push([sale('a', 1), 1], [sale('a', 1), 11])
  expect(seen).toEqual([
    { start: 0, end: 10 },
    { start: 10, end: 20 },
  ])
})

describe('evictors', () => {
  const global: WindowAssigner = { kind: 'global', time: 'event' }
  const every2: Trigger = { kind: 'count', count: 2 }
  const run = (evictor: Evictor, fn = amounts) => {
    const h = harness({ assigner: global, trigger: every2, evictor, function: fn })
    for (const amount of [5, 1, 4, 2, 9, 3]) h.push([sale('a', amount), amount])
    return h.values().map((value) => (Array.isArray(value) ? value.slice(1) : value))
  }

  test('count keeps the newest, before the function or after it', () => {
    expect(run({ kind: 'count', count: 3, after: false })).toEqual([
      [5, 1],
      [1, 4, 2],
      [2, 9, 3],
    ])
    expect(run({ kind: 'count', count: 1, after: true })).toEqual([
      [5, 1],
      [1, 4, 2],
      [2, 9, 3],
    ])
  })

  test('time keeps what is less than its size before the newest', () => {
    expect(run({ kind: 'time', size: 4, after: false })).toEqual([[5], [5, 4, 2], [9]])
  })

  test('delta drops what differs too much from the newest', () => {
    const delta = (record: Sale, newest: Sale) => record.amount - newest.amount
    expect(run({ kind: 'delta', threshold: 3, delta: delta as never, after: false })).toEqual([
      [1],
      [1, 4, 2],
      [1, 4, 2, 3],
    ])
  })

  test('functions compute over what is left; nothing left to reduce gives no result', () => {
    const evictor: Evictor = { kind: 'count', count: 2, after: false }
    expect(run(evictor, { kind: 'sum', field: { name: 'amount' } })).toEqual([
      sale('a', 6),
      sale('a', 6),
      sale('a', 12),
    ])
    const none: Evictor = { kind: 'delta', threshold: 0, delta: (() => 1) as never, after: false }
    expect(run(none, { kind: 'maxBy', field: { name: 'amount' }, first: true })).toEqual([])
    expect(run(none)).toEqual([[], [], []])
  })

  test('a global window needs no time stamps', () => {
    const h = harness({ assigner: global, trigger: every2 })
    h.push([sale('a', 1)], [sale('a', 1)])
    expect(h.values()).toHaveLength(1)
  })
})

describe('state of process window functions', () => {
  test('is per window, gone with it, and per key', () => {
    const cleared: unknown[] = []
    const n = { n: { kind: 'value' as const, initial: () => 0 } }
    const fn = processing(
      ({ key, window, windowState, globalState }, sales) => {
        windowState.n.update(windowState.n.value() + 1)
        globalState.n.update(globalState.n.value() + sales.length)
        return [[key, window.start, windowState.n.value(), globalState.n.value()]]
      },
      { windowState: n, globalState: n, clear: ({ window }) => void cleared.push(window) },
    )
    const h = harness({ function: fn, allowedLateness: 5 })
    h.push([sale('a', 1), 1], [sale('a', 1), 2], [sale('b', 1), 2]).watermark(9)
    h.push([sale('a', 1), 1], [sale('a', 1), 12]).watermark(30)
    expect(h.values()).toEqual([
      ['a', 0, 1, 2],
      ['b', 0, 1, 1],
      ['a', 0, 2, 5],
      ['a', 10, 1, 6],
    ])
    expect(cleared).toEqual([
      { start: 0, end: 10 },
      { start: 0, end: 10 },
      { start: 10, end: 20 },
    ])
  })

  test('errors of user code say which record', () => {
    const h = harness({
      trigger: { kind: 'count', count: 2 },
      function: processing(() => {
        throw new Error('no')
      }),
    })
    expect(() => h.push([sale('a', 1), 1], [sale('a', 1), 2])).toThrow('record 1: no')
    const timed = harness({
      function: processing(() => {
        throw new Error('no')
      }),
    })
    timed.push([sale('a', 1), 1])
    expect(() => timed.watermark(10)).toThrow('record -1: no')
  })
})

test('state of the trigger and what a window gathered survive a snapshot', () => {
  const window: WindowDefinition = {
    assigner: { kind: 'global', time: 'event' },
    trigger: { kind: 'purging', of: { kind: 'count', count: 3 } },
    allowedLateness: 0,
    lateTag: undefined,
    function: amounts,
  }
  const open = (restored?: ReturnType<OperatorHarness['snapshot']>) =>
    new OperatorHarness(new WindowOperator({ name: 'test', window, keyOf: (record) => (record as Sale).shop }), {
      restored,
    })
  const first = open()
  first.push([sale('a', 1), 1], [sale('a', 2), 1])
  const second = open(first.snapshot())
  second.push([sale('a', 3), 1])
  expect(second.values()).toEqual([[Number.NEGATIVE_INFINITY, 1, 2, 3]])
})

test('a job restored with another window size finishes the windows that were open', () => {
  const open = (size: number, restored?: ReturnType<OperatorHarness['snapshot']>) =>
    new OperatorHarness(
      new WindowOperator({
        name: 'test',
        window: {
          assigner: { ...tumbling, size } as WindowAssigner,
          trigger: undefined,
          allowedLateness: 0,
          lateTag: undefined,
          function: count,
        },
        keyOf: (record) => (record as Sale).shop,
      }),
      { restored },
    )
  const first = open(10)
  first.push([sale('a', 1), 3], [sale('a', 1), 12])
  const second = open(20, first.snapshot())
  second.push([sale('a', 1), 4], [sale('a', 1), 15]).watermark(100)
  expect(second.values()).toEqual([
    { key: 'a', start: 0, end: 10, count: 1 },
    { key: 'a', start: 10, end: 20, count: 1 },
    { key: 'a', start: 0, end: 20, count: 2 },
  ])
})
