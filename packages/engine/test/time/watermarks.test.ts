import { WatermarkStrategy } from '@millrace/engine'
import { jobHarness } from '@millrace/testing'
import { describe, expect, it } from 'vitest'

interface Event {
  readonly at: number
}

const marks = (harness: { output(): readonly { kind: string }[] }) =>
  harness.output().flatMap((item) => (item.kind === 'record' ? [] : [item]))

describe('watermarks', () => {
  it('stay behind the largest time stamp by the delay, and come at the interval', () => {
    const harness = jobHarness<Event>(
      (_env, events) => events.assignTimestampsAndWatermarks({ timestamp: 'at', outOfOrderness: '1 s' }),
      { watermarkInterval: 100 },
    )
    harness.push({ at: 5000 })
    harness.push({ at: 3000 })
    expect(marks(harness)).toEqual([])
    harness.processingTime(100)
    expect(marks(harness)).toEqual([{ kind: 'watermark', timestamp: 3999 }])
    harness.processingTime(1000)
    expect(marks(harness)).toEqual([])
  })

  it('give records the time of the assigner', () => {
    const harness = jobHarness<Event>((_env, events) =>
      events.assignTimestampsAndWatermarks(
        WatermarkStrategy.forMonotonousTimestamps().withTimestampAssigner((event: Event, given) => event.at + given),
      ),
    )
    harness.push({ at: 5 }, 100)
    expect(harness.output()).toMatchObject([{ kind: 'record', timestamp: 105 }])
  })

  it('refuse a time that is none', () => {
    const harness = jobHarness<Event>((_env, events) =>
      events.assignTimestampsAndWatermarks({ timestamp: (event) => (event as { time?: number }).time as number }),
    )
    expect(() => harness.push({ at: 5 })).toThrow('no time stamp')
  })

  it('of a source are the smallest of its splits that are not idle', () => {
    const harness = jobHarness<Event>((_env, events) => events, {
      watermarkInterval: 100,
      watermarks: { timestamp: (event) => event.at, idleness: 250 },
    })
    harness.openSplit('a')
    harness.openSplit('b')
    harness.pushToSplit('a', { at: 1000 })
    harness.processingTime(100)
    expect(marks(harness)).toEqual([])
    harness.pushToSplit('b', { at: 500 })
    harness.processingTime(200)
    expect(marks(harness)).toEqual([{ kind: 'watermark', timestamp: 499 }])
    for (const time of [300, 400, 500, 600]) {
      harness.pushToSplit('a', { at: 1000 + time })
      harness.processingTime(time)
    }
    expect(marks(harness)).toEqual([{ kind: 'watermark', timestamp: 1599 }])
    harness.releaseSplit('a')
    for (const time of [700, 800, 900]) harness.processingTime(time)
    expect(marks(harness)).toEqual([{ kind: 'status', idle: true }])
    harness.pushToSplit('b', { at: 9000 })
    harness.processingTime(1000)
    expect(marks(harness)).toEqual([
      { kind: 'status', idle: false },
      { kind: 'watermark', timestamp: 8999 },
    ])
  })

  it('of a generator of the user come with the records that cause them', () => {
    const harness = jobHarness<Event>((_env, events) =>
      events.assignTimestampsAndWatermarks({
        timestamp: 'at',
        generator: () => ({
          onEvent: (_event, timestamp, output) => {
            if (timestamp % 10 === 0) output.emitWatermark(timestamp)
          },
          onPeriodicEmit: () => {},
        }),
      }),
    )
    harness.push({ at: 7 })
    harness.push({ at: 10 })
    expect(harness.output().map((item) => item.kind)).toEqual(['record', 'record', 'watermark'])
  })
})
