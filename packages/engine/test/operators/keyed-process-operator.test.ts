import { describe, expect, test } from 'vitest'
import type { KeyedProcessFunction } from '../../src/index.ts'
import { aggregatingState, listState, mapState, outputTag, reducingState, valueState } from '../../src/index.ts'
import { KeyedProcessOperator } from '../../src/operators/keyed-process-operator.ts'
import { ProcessOperator } from '../../src/operators/process-operator.ts'
import type { KeyedProcess } from '../../src/operators/process.ts'
import type { StateDescriptors } from '../../src/state/descriptor.ts'
import { deal, OperatorHarness, type HarnessOptions } from './operator-harness.ts'

type Word = readonly [key: string, value: number]

function harness<S extends StateDescriptors, R>(
  fn: KeyedProcessFunction<string, Word, S, R>,
  options?: HarnessOptions,
): OperatorHarness {
  const process = { keyed: true, ...fn, state: fn.state ?? {} } as unknown as KeyedProcess
  const keyOf = (value: unknown) => (value as Word)[0]
  return new OperatorHarness(new KeyedProcessOperator({ name: 'test', process, keyOf }), options)
}

const counter: KeyedProcessFunction<string, Word, { count: ReturnType<typeof valueState<number>> }, unknown> = {
  state: { count: valueState<number>(() => 0) },
  processElement: ([key, value], { state }) => {
    const count = (state.count.value() ?? 0) + value
    state.count.update(count)
    return [[key, count]]
  },
}

describe('keyed process functions', () => {
  test('state belongs to the key', () => {
    const h = harness(counter)
    h.push([['a', 1], 10], [['b', 5], 11], [['a', 2], 12])
    expect(h.take()).toEqual([
      { value: ['a', 1], timestamp: 10 },
      { value: ['b', 5], timestamp: 11 },
      { value: ['a', 3], timestamp: 12 },
    ])
  })

  test('what is returned comes after what was collected; side outputs carry the time of the record', () => {
    const side = outputTag<string>('side')
    const h = harness<{}, string>({
      *processElement([key], { output, timestamp, currentKey, timers }, out) {
        output(side, `${key} ${timers.currentWatermark()}`)
        out.collect(`collected ${currentKey}`)
        yield `yielded ${timestamp}`
      },
    })
    h.push([['a', 1], 10], [['b', 1]])
    expect(h.take()).toEqual([
      { value: 'collected a', timestamp: 10 },
      { value: 'yielded 10', timestamp: 10 },
      { value: 'collected b', timestamp: undefined },
      { value: 'yielded undefined', timestamp: undefined },
      { value: 'a -Infinity', timestamp: 10, tag: 'side' },
      { value: 'b -Infinity', timestamp: undefined, tag: 'side' },
    ])
  })

  test('event-time timers fire with the watermark, in the order of time; those in the past wait for it', () => {
    const h = harness<{}, unknown>({
      processElement([, at], { timers }) {
        timers.registerEventTime(at)
      },
      *onTimer(time, { currentKey, timers, timestamp, timeDomain }) {
        yield [currentKey, time, timers.currentWatermark(), timestamp, timeDomain]
        if (time === 5) timers.registerEventTime(2)
      },
    })
    h.push([['a', 7], 0], [['b', 5], 0], [['a', 7], 0], [['c', 9], 0])
    h.watermark(8)
    expect(h.take()).toEqual([
      { value: ['b', 5, 8, 5, 'event'], timestamp: 5 },
      { value: ['b', 2, 8, 2, 'event'], timestamp: 2 },
      { value: ['a', 7, 8, 7, 'event'], timestamp: 7 },
    ])
    h.push([['d', 1], 0])
    expect(h.take()).toEqual([])
    h.watermark(Number.POSITIVE_INFINITY)
    expect(h.values()).toEqual([
      ['d', 1, Number.POSITIVE_INFINITY, 1, 'event'],
      ['c', 9, Number.POSITIVE_INFINITY, 9, 'event'],
    ])
    expect(h.watermarks).toEqual([8, Number.POSITIVE_INFINITY])
  })

  test('processing-time timers fire with the clock; what they emit has no time stamp', () => {
    const h = harness<{}, unknown>({
      processElement([, delay], { timers }) {
        timers.registerProcessingTime(timers.currentProcessingTime() + delay)
      },
      *onTimer(time, { currentKey, timestamp, timeDomain, timers }) {
        yield [currentKey, time, timestamp, timeDomain]
        if (time < 30) timers.registerProcessingTime(time + 10)
      },
    })
    h.push([['a', 20], 0], [['b', 5], 0])
    h.time(4)
    expect(h.take()).toEqual([])
    h.time(16)
    expect(h.take()).toEqual([
      { value: ['b', 5, undefined, 'processing'], timestamp: undefined },
      { value: ['b', 15, undefined, 'processing'], timestamp: undefined },
    ])
    h.time(40)
    expect(h.values()).toEqual([
      ['a', 20, undefined, 'processing'],
      ['b', 25, undefined, 'processing'],
      ['a', 30, undefined, 'processing'],
      ['b', 35, undefined, 'processing'],
    ])
    expect(h.processingTime.pending).toBe(0)
  })

  test('a deleted timer does not fire', () => {
    const h = harness<{}, unknown>({
      processElement([, at], { timers }) {
        timers.registerEventTime(10)
        if (at === 0) timers.deleteEventTime(10)
      },
      onTimer: (time, { currentKey }) => [[currentKey, time]],
    })
    h.push([['a', 1], 0], [['b', 1], 0], [['a', 0], 0])
    h.watermark(10)
    expect(h.values()).toEqual([['b', 10]])
  })

  test('open and close are called once', () => {
    const calls: string[] = []
    const h = harness<{}, never>({
      open: () => void calls.push('open'),
      close: () => void calls.push('close'),
      processElement: () => void calls.push('element'),
    })
    h.push([['a', 1], 0])
    h.close()
    expect(calls).toEqual(['open', 'element', 'close'])
  })

  test('errors say which record, and promises and bad timers are refused', () => {
    const failing = harness<{}, never>({
      processElement([, value]) {
        if (value === 2) throw new Error('two')
      },
    })
    expect(() => failing.push([['a', 1], 0], [['a', 2], 0])).toThrow('record 1: two')
    const async = harness<{}, never>({ processElement: (async () => {}) as never })
    expect(() => async.push([['a', 1], 0])).toThrow('returned a promise')
    const badTimer = harness<{}, never>({
      processElement: (_word, { timers, timestamp }) => timers.registerEventTime((timestamp as number) + 1),
    })
    expect(() => badTimer.push([['a', 1]])).toThrow('not a time in milliseconds')
    const noTimer = harness<{}, never>({ processElement: (_word, { timers }) => timers.registerEventTime(1) })
    noTimer.push([['a', 1], 0])
    expect(() => noTimer.watermark(1)).toThrow('has no onTimer')
  })
})

describe('slots of keys', () => {
  test('are given out again when nothing is kept for their key', () => {
    const h = harness({
      state: { seen: valueState(0) },
      processElement(_word, { state, timers, timestamp }) {
        state.seen.update(state.seen.value() + 1)
        timers.registerEventTime(timestamp as number)
      },
      *onTimer(_time, { currentKey, state }) {
        yield [currentKey, state.seen.value()]
        state.seen.clear()
      },
    })
    for (let key = 0; key < 1_000; key++) {
      h.push([[`key ${key}`, 1], key], [[`key ${key}`, 1], key])
      h.watermark(key)
      expect(h.values()).toEqual([[`key ${key}`, 2]])
    }
    expect(h.snapshot()?.keyed?.size).toBe(0)
  })
})

describe('snapshots', () => {
  const everything = {
    state: {
      value: valueState<number>(),
      list: listState<string>(),
      map: mapState<string, number>(),
      sum: reducingState<number>((a, b) => a + b),
      spread: aggregatingState({
        createAccumulator: () => [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] as [number, number],
        add: (x: number, [low, high]: [number, number]): [number, number] => [Math.min(low, x), Math.max(high, x)],
        getResult: ([low, high]: [number, number]) => high - low,
      }),
    },
    processElement([key, value]: Word, { state, timers, timestamp }: { state: any; timers: any; timestamp: any }) {
      state.value.update(value)
      state.list.add(`${key}${value}`)
      state.map.put(String(value % 3), value)
      state.sum.add(value)
      state.spread.add(value)
      timers.registerEventTime(timestamp + 10)
      timers.registerProcessingTime(timestamp + 10)
      return [show(key, state)]
    },
    onTimer(time: number, { currentKey, state, timeDomain }: { currentKey: string; state: any; timeDomain: string }) {
      return [[timeDomain, time, show(currentKey, state)]]
    },
  } satisfies KeyedProcessFunction<string, Word, StateDescriptors, unknown>

  function show(key: string, state: any): unknown {
    return [
      key,
      state.value.value(),
      [...state.list.get()],
      [...state.map.entries()],
      state.sum.get(),
      state.spread.get(),
    ]
  }

  const words: (readonly [Word, number])[] = Array.from({ length: 60 }, (_, i) => [[`k${i % 17}`, (i * 7) % 23], i])
  const byText = (values: unknown[]) => values.map((value) => JSON.stringify(value)).sort()

  test('a restored operator goes on as if nothing had happened', () => {
    const whole = harness(everything)
    whole
      .push(...words)
      .time(40)
      .watermark(50)
    const first = harness(everything)
    first.push(...words.slice(0, 30))
    const second = harness(everything, { restored: first.snapshot() })
    second
      .push(...words.slice(30))
      .time(40)
      .watermark(50)
    const both = [...first.take(), ...second.take()].map(({ value }) => value)
    expect(byText(both)).toEqual(byText(whole.values()))
  })

  test('a snapshot can be dealt out to more operators, and joined again', () => {
    const whole = harness(everything)
    whole
      .push(...words)
      .time(40)
      .watermark(50)
    const first = harness(everything)
    first.push(...words.slice(0, 20))
    const snapshot = first.snapshot()
    expect(snapshot?.keyed?.size).toBeGreaterThan(4)
    const groups = [...(snapshot?.keyed?.keys() ?? [])]
    const split = groups.toSorted((a, b) => a - b)[Math.floor(groups.length / 2)] as number
    const low = harness(everything, { restored: deal([snapshot], (group) => group < split) })
    const high = harness(everything, { restored: deal([snapshot], (group) => group >= split) })
    const owned = new Set(
      words
        .map(([word]) => word[0])
        .filter((key) => {
          const probe = harness(counter)
          probe.push([[key, 1], 0])
          return ([...(probe.snapshot()?.keyed?.keys() ?? [])][0] as number) < split
        }),
    )
    for (const word of words.slice(20, 40)) (owned.has(word[0][0]) ? low : high).push(word)
    const joined = harness(everything, { restored: deal([low.snapshot(), high.snapshot()], () => true) })
    joined
      .push(...words.slice(40))
      .time(40)
      .watermark(50)
    const all = [first, low, high, joined].flatMap((h) => h.values())
    expect(byText(all)).toEqual(byText(whole.values()))
  })

  test('other declared state and damaged bytes are refused', () => {
    const h = harness(everything)
    h.push(...words)
    const snapshot = h.snapshot()
    expect(() => harness(counter, { restored: snapshot })).toThrow('This operator declares')
    const [[group, bytes]] = [...(snapshot?.keyed ?? [])] as [[number, Uint8Array]]
    for (const at of [0, 4, 20, bytes.length - 1]) {
      const damaged = bytes.slice()
      damaged[at] = (damaged[at] as number) ^ 0x40
      const restored = { keyed: new Map([[group, damaged]]), operator: undefined }
      expect(() => harness(everything, { restored })).toThrow('snapshot is damaged')
    }
  })
})

describe('process functions without keys', () => {
  test('see records and time, and emit to the main and side outputs', () => {
    const side = outputTag<number>('odd')
    const process = {
      keyed: false,
      state: {},
      processElement: (value: number, context: any, out: any) => {
        if (value % 2 === 1) context.output(side, value)
        else
          out.collect([
            value,
            context.timestamp,
            context.timers.currentWatermark(),
            context.timers.currentProcessingTime(),
          ])
      },
    } as unknown as KeyedProcess
    const h = new OperatorHarness(new ProcessOperator({ name: 'test', process }))
    h.watermark(3).time(9)
    h.push([1, 5], [2, 6], [4])
    expect(h.take()).toEqual([
      { value: [2, 6, 3, 9], timestamp: 6 },
      { value: [4, undefined, 3, 9], timestamp: undefined },
      { value: 1, timestamp: 5, tag: 'odd' },
    ])
    expect(h.snapshot()).toBe(undefined)
  })
})
