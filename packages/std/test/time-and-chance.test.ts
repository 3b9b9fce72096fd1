import { describe, expect, test } from 'vitest'
import {
  hostSystem,
  nextInt,
  randomUuid,
  seededRandom,
  sleep,
  systemClock,
  systemRandom,
  systemTimers,
  type Timers,
  uuidFromString,
  uuidToString,
  yieldToEventLoop,
} from '../src/index.ts'

describe('timers', () => {
  test('immediates run after those before them, a cancelled callback never', async () => {
    const seen: string[] = []
    systemTimers.cancel(systemTimers.immediate(() => seen.push('cancelled immediate')))
    systemTimers.cancel(systemTimers.schedule(0, () => seen.push('cancelled timer')))
    systemTimers.immediate(() => seen.push('a'))
    systemTimers.immediate(() => seen.push('b'))
    await new Promise<void>((resolve) => systemTimers.schedule(5, resolve))
    expect(seen).toEqual(['a', 'b'])
    await yieldToEventLoop(systemTimers)
  })

  test('a delay that is longer than the host can count does not end at once', async () => {
    const seen: string[] = []
    const handles = [
      systemTimers.schedule(Number.MAX_SAFE_INTEGER, () => seen.push('timer')),
      systemTimers.scheduleBackground(2 ** 31, () => seen.push('background timer')),
    ]
    await new Promise<void>((resolve) => systemTimers.schedule(5, resolve))
    for (const handle of handles) systemTimers.cancel(handle)
    expect(seen).toEqual([])
  })

  test('a background timer runs too', async () => {
    await new Promise<void>((resolve) => {
      systemTimers.schedule(50, () => {})
      systemTimers.scheduleBackground(1, resolve)
    })
  })

  test('sleep ends with its timer, or at once with the reason of the signal, which then leaves no timer behind', async () => {
    const pending = new Set<object>()
    const timers: Timers = {
      ...systemTimers,
      schedule: (_delay, callback) => {
        const handle = { callback }
        pending.add(handle)
        return handle
      },
      cancel: (handle) => void pending.delete(handle),
    }
    const done = sleep(timers, 1000)
    for (const { callback } of pending as Set<{ callback(): void }>) callback()
    await done

    pending.clear()
    const controller = new AbortController()
    const aborted = sleep(timers, 1000, controller.signal)
    expect(pending.size).toBe(1)
    controller.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    expect(pending.size).toBe(0)
    await expect(sleep(timers, 1000, controller.signal)).rejects.toThrow('enough')
    expect(pending.size).toBe(0)
  })
})

test('the clock: whole milliseconds, and a monotonic one that does not go back', () => {
  expect(Number.isInteger(systemClock.now())).toBe(true)
  const first = systemClock.monotonic()
  expect(systemClock.monotonic()).toBeGreaterThanOrEqual(first)
  expect(hostSystem.clock).toBe(systemClock)
})

describe('seeded randomness', () => {
  const take = (seed: number) => {
    const random = seededRandom(seed)
    return [...Array.from({ length: 50 }, () => random.next()), ...random.fill(new Uint8Array(16))]
  }

  test('repeats for a seed and differs between seeds, also neighbouring ones', () => {
    expect(take(42)).toEqual(take(42))
    const firsts = new Set(Array.from({ length: 1000 }, (_, seed) => seededRandom(seed).next()))
    expect(firsts.size).toBe(1000)
  })

  test('stays the same between releases: recorded seeds must replay', () => {
    const random = seededRandom(42)
    expect([nextInt(random, 1e9), nextInt(random, 1e9), nextInt(random, 1e9)]).toEqual([153771653, 850489300, 18084544])
  })

  test('is spread evenly over its range', () => {
    const random = seededRandom(7)
    const counts = new Uint32Array(10)
    for (let i = 0; i < 10_000; i++) counts[nextInt(random, 10)]!++
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })
})

test('uuids are version 4 and travel through their text', () => {
  for (const random of [systemRandom, seededRandom(1)]) {
    const uuid = randomUuid(random)
    expect(uuid[6]! >> 4).toBe(4)
    expect(uuid[8]! >> 6).toBe(2)
    expect(uuidToString(uuid)).toHaveLength(22)
    expect([...uuidFromString(uuidToString(uuid))]).toEqual([...uuid])
  }
  expect(systemRandom.next()).toBeLessThan(1)
})
