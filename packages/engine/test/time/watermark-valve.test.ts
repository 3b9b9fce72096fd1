import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WatermarkValve } from '../../src/time/watermark-valve.ts'

function valveOf(channels: number) {
  const out: (number | 'idle' | 'active')[] = []
  const valve = new WatermarkValve(channels, {
    watermark: (timestamp) => out.push(timestamp),
    status: (idle) => out.push(idle ? 'idle' : 'active'),
  })
  return { valve, out }
}

describe('the watermark valve', () => {
  it('lets the smallest watermark through', () => {
    const { valve, out } = valveOf(2)
    valve.inputWatermark(0, 5)
    valve.inputWatermark(1, 3)
    valve.inputWatermark(0, 9)
    valve.inputWatermark(1, 7)
    expect(out).toEqual([3, 7])
  })

  it('does not wait for an idle channel, and not for one that has to catch up', () => {
    const { valve, out } = valveOf(2)
    valve.inputWatermark(0, 10)
    valve.inputStatus(1, true)
    valve.inputStatus(1, false)
    valve.inputWatermark(1, 4)
    valve.inputWatermark(0, 12)
    valve.inputWatermark(1, 11)
    valve.inputWatermark(1, 20)
    valve.inputWatermark(0, 21)
    expect(out).toEqual([10, 12, 20])
  })

  it('passes the highest watermark on when the one that held the others back turns idle last', () => {
    const { valve, out } = valveOf(2)
    valve.inputWatermark(0, 10)
    valve.inputWatermark(1, 3)
    valve.inputStatus(0, true)
    valve.inputStatus(1, true)
    valve.inputStatus(0, false)
    expect(out).toEqual([3, 10, 'idle', 'active'])
  })

  it('never goes back, and tells each change of status once', () => {
    const input = fc.record({
      channel: fc.integer({ min: 0, max: 3 }),
      what: fc.oneof(fc.integer({ min: -5, max: 50 }), fc.constantFrom('idle' as const, 'active' as const)),
    })
    fc.assert(
      fc.property(fc.array(input, { maxLength: 200 }), (inputs) => {
        const { valve, out } = valveOf(4)
        const idle = [false, false, false, false]
        for (const { channel, what } of inputs) {
          if (typeof what === 'number') valve.inputWatermark(channel, what)
          else {
            valve.inputStatus(channel, what === 'idle')
            idle[channel] = what === 'idle'
          }
        }
        const marks = out.filter((item) => typeof item === 'number')
        expect(marks).toEqual([...new Set(marks)].toSorted((a, b) => a - b))
        const statuses = out.filter((item) => typeof item === 'string')
        statuses.forEach((status, i) => expect(status).toBe(i % 2 === 0 ? 'idle' : 'active'))
        expect(statuses.at(-1) === 'idle').toBe(idle.every(Boolean))
      }),
    )
  })

  it('is at the smallest of all channels while all are active and rise', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 1, max: 9 })), { maxLength: 100 })
    fc.assert(
      fc.property(steps, (inputs) => {
        const { valve } = valveOf(3)
        const marks = [0, 0, 0]
        for (let channel = 0; channel < 3; channel++) valve.inputWatermark(channel, 0)
        for (const [channel, rise] of inputs) {
          marks[channel]! += rise
          valve.inputWatermark(channel, marks[channel]!)
        }
        expect(valve.current).toBe(Math.min(...marks))
      }),
    )
  })
})
