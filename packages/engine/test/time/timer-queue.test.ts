import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BinaryReader, BinaryWriter } from '../../src/state/binary.ts'
import { TimerQueue } from '../../src/time/timer-queue.ts'

/** Fires up to `time` and says what fired. */
function fired(queue: TimerQueue, time: number): [number, number][] {
  const all: [number, number][] = []
  queue.advance(time, (slot, timestamp) => all.push([slot, timestamp]))
  return all
}

function byTime([a, s]: [number, number], [b, t]: [number, number]): number {
  return s === t ? a - b : s < t ? -1 : 1
}

describe('TimerQueue', () => {
  test('fires in the order of time, each timer once', () => {
    const queue = new TimerQueue()
    expect(queue.register(1, 30)).toBe(true)
    expect(queue.register(1, 10)).toBe(true)
    expect(queue.register(1, 10)).toBe(false)
    expect(queue.register(100, 20)).toBe(true)
    expect(queue.register(2, -5)).toBe(true)
    expect(queue.next()).toBe(-5)
    expect(fired(queue, 20)).toEqual([
      [2, -5],
      [1, 10],
      [100, 20],
    ])
    expect(queue.isEmpty(1)).toBe(false)
    expect(fired(queue, Number.POSITIVE_INFINITY)).toEqual([[1, 30]])
    expect(queue.isEmpty(1)).toBe(true)
    expect(queue.next()).toBe(Number.POSITIVE_INFINITY)
  })

  test('a deleted timer does not fire, and may be registered again', () => {
    const queue = new TimerQueue()
    queue.register(1, 5)
    queue.register(2, 5)
    expect(queue.delete(1, 5)).toBe(true)
    expect(queue.delete(1, 5)).toBe(false)
    expect(queue.delete(3, 5)).toBe(false)
    queue.register(1, 5)
    expect(fired(queue, 5).sort()).toEqual([
      [1, 5],
      [2, 5],
    ])
  })

  test('a firing timer may register timers before, at and after its own time', () => {
    const queue = new TimerQueue()
    const times: number[] = []
    queue.register(1, 10)
    queue.register(2, 10)
    queue.advance(20, (slot, timestamp) => {
      times.push(timestamp)
      if (slot !== 1) return
      if (times.length === 1) {
        queue.register(1, 3)
        queue.register(1, 10)
        queue.register(1, 15)
        queue.register(1, 25)
      }
    })
    expect(times).toEqual([10, 3, 10, 10, 15])
    expect(queue.next()).toBe(25)
  })

  test('the timers of a slot can be dropped while others of the same time fire', () => {
    const queue = new TimerQueue()
    for (const slot of [1, 2, 3]) queue.register(slot, 5)
    queue.register(2, 6)
    const slots: number[] = []
    queue.advance(10, (slot) => {
      slots.push(slot)
      queue.deleteAll(2)
    })
    expect(slots).toEqual([1, 3])
  })

  test('write and read keep the timers of a slot', () => {
    const queue = new TimerQueue()
    for (const time of [5, 3, Number.POSITIVE_INFINITY]) queue.register(4, time)
    const out = new BinaryWriter()
    queue.write(4, out)
    queue.write(9, out)
    const copy = new TimerQueue()
    const input = new BinaryReader(out.finish())
    copy.read(0, input)
    copy.read(1, input)
    expect(fired(copy, Number.POSITIVE_INFINITY)).toEqual([
      [0, 3],
      [0, 5],
      [0, Number.POSITIVE_INFINITY],
    ])
  })

  test('timers that are deleted and registered again many times fire once', () => {
    const queue = new TimerQueue()
    for (let slot = 0; slot < 100; slot++) queue.register(slot, 5_000 + slot)
    for (let round = 0; round < 20_000; round++) {
      const slot = round % 100
      expect(queue.delete(slot, 5_000 + slot)).toBe(true)
      expect(queue.register(slot, 5_000 + slot)).toBe(true)
    }
    const all = fired(queue, 10_000)
    expect(all).toEqual(Array.from({ length: 100 }, (_, slot) => [slot, 5_000 + slot]))
  })

  // Times around one moment, and times far apart: both levels of the queue.
  test.each([20, 3_000])('agrees with a sorted list for any sequence of operations within %i ms', (range) => {
    const operation = fc.record({
      kind: fc.constantFrom('register', 'register', 'register', 'delete', 'deleteAll', 'advance'),
      slot: fc.nat(5),
      time: fc.oneof(
        fc.integer({ min: -range, max: range }),
        fc.constantFrom(-1, 0, 127, 128, 129, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.5),
      ),
    })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
        const queue = new TimerQueue()
        let model: [number, number][] = []
        for (const { kind, slot, time } of operations) {
          const has = model.some(([s, t]) => s === slot && t === time)
          if (kind === 'register') {
            expect(queue.register(slot, time)).toBe(!has)
            if (!has) model.push([slot, time])
          } else if (kind === 'delete') {
            expect(queue.delete(slot, time)).toBe(has)
            model = model.filter(([s, t]) => s !== slot || t !== time)
          } else if (kind === 'deleteAll') {
            queue.deleteAll(slot)
            model = model.filter(([s]) => s !== slot)
          } else {
            const due = model.filter(([, t]) => t <= time).sort(byTime)
            model = model.filter(([, t]) => t > time)
            const all = fired(queue, time)
            expect(all.map(([, t]) => t)).toEqual(due.map(([, t]) => t))
            expect(all.sort(byTime)).toEqual(due)
          }
          for (let s = 0; s <= 5; s++) expect(queue.isEmpty(s)).toBe(!model.some(([other]) => other === s))
        }
      }),
    )
  })
})
