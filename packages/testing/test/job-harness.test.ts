import { outputTag, tumbling, valueState } from '@millrace/engine'
import { jobHarness } from '@millrace/testing'
import { describe, expect, it } from 'vitest'

describe('jobHarness()', () => {
  it('shows what comes out after each step, in order', () => {
    const harness = jobHarness<string>((_env, words) =>
      words
        .keyBy((word) => word)
        .window(tumbling('5 s'))
        .count(),
    )
    harness.push('to', 1000)
    expect(harness.output()).toEqual([])
    harness.watermark(4999)
    expect(harness.output()).toEqual([
      { kind: 'record', output: 'main', value: { key: 'to', start: 0, end: 5000, count: 1 }, timestamp: 4999 },
      { kind: 'watermark', timestamp: 4999 },
    ])
    harness.push('be', 7000)
    harness.status('idle')
    harness.status('active')
    harness.end()
    expect(harness.output()).toMatchObject([
      { kind: 'status', idle: true },
      { kind: 'status', idle: false },
      { kind: 'record', value: { key: 'be', count: 1 } },
      { kind: 'watermark', timestamp: Number.POSITIVE_INFINITY },
    ])
  })

  it('tells streams apart by name', () => {
    const odd = outputTag<number>('odd')
    const harness = jobHarness<number>((_env, numbers) => {
      const main = numbers.process({
        *processElement(value, ctx) {
          if (value % 2 === 0) yield value
          else ctx.output(odd, value)
        },
      })
      return { even: main, odd: main.getSideOutput(odd) }
    })
    for (const value of [1, 2, 3]) harness.push(value)
    expect(harness.output()).toEqual([
      { kind: 'record', output: 'odd', value: 1, timestamp: undefined },
      { kind: 'record', output: 'even', value: 2, timestamp: undefined },
      { kind: 'record', output: 'odd', value: 3, timestamp: undefined },
    ])
    harness.push(4)
    expect(harness.values('even')).toEqual([4])
  })

  it('moves the clock: timers fire in order and see it there already', () => {
    const harness = jobHarness<number>(
      (_env, numbers) =>
        numbers
          .keyBy((value) => value)
          .process({
            state: { last: valueState(0) },
            processElement(value, { state, timers }) {
              state.last.update(value)
              timers.registerProcessingTime(value)
            },
            *onTimer(timestamp, { state, timers }) {
              yield [timestamp, state.last.value(), timers.currentProcessingTime()]
            },
          }),
      { startTime: 100 },
    )
    for (const value of [300, 200, 50]) harness.push(value)
    expect(harness.values()).toEqual([[50, 50, 100]])
    harness.processingTime(1000)
    expect(harness.values()).toEqual([
      [200, 200, 1000],
      [300, 300, 1000],
    ])
  })

  it('throws what a function threw', () => {
    const harness = jobHarness<number>((_env, numbers) =>
      numbers.map((value): number => {
        throw new Error(`no ${value}`)
      }),
    )
    expect(() => harness.push(5)).toThrow('Error: no 5')
  })

  it('has several channels when asked', () => {
    const harness = jobHarness<string>((_env, words) => words.map((word) => word.toUpperCase()), { channels: 2 })
    harness.push('a', 1, 0)
    harness.push('b', 2, 1)
    harness.watermark(10, 0)
    expect(harness.values()).toEqual(['A', 'B'])
    harness.watermark(5, 1)
    expect(harness.output()).toEqual([{ kind: 'watermark', timestamp: 5 }])
  })
})
