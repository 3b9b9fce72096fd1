import { sleep } from '@millrace/std'
import { ManualClock } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

describe('ManualClock', () => {
  test('runs timers by due time, equal ones in the order of scheduling, each at its own time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ delay: fc.nat(50), nested: fc.option(fc.nat(50)) }), { maxLength: 30 }),
        fc.array(fc.nat(40), { minLength: 1, maxLength: 6 }),
        (timers, advances) => {
          const clock = new ManualClock()
          const origin = clock.now()
          const ran: { due: number; order: number; at: number }[] = []
          let order = 0
          const schedule = (delay: number, nested: number | null) => {
            const mine = { due: clock.now() - origin + delay, order: order++ }
            clock.schedule(delay, () => {
              ran.push({ ...mine, at: clock.now() - origin })
              if (nested !== null) schedule(nested, null)
            })
          }
          for (const timer of timers) schedule(timer.delay, timer.nested)
          let elapsed = 0
          for (const ms of advances) {
            clock.advance(ms)
            elapsed += ms
            expect(clock.monotonic()).toBe(elapsed)
            expect(clock.now()).toBe(origin + elapsed)
          }
          expect(ran.every((timer) => timer.at === timer.due && timer.due <= elapsed)).toBe(true)
          expect(ran).toEqual([...ran].sort((a, b) => a.due - b.due || a.order - b.order))
          expect(clock.pending).toBe(order - ran.length)
        },
      ),
    )
  })

  test('a cancelled timer or immediate does not run', () => {
    const clock = new ManualClock()
    let ran = 0
    clock.cancel(clock.schedule(1, () => ran++))
    clock.cancel(clock.immediate(() => ran++))
    clock.schedule(2, () => ran++)
    clock.advance(5)
    expect(ran).toBe(1)
  })

  test('immediates run before the next timer, without time moving', () => {
    const clock = new ManualClock()
    const ran: string[] = []
    clock.schedule(5, () => clock.immediate(() => ran.push(`immediate at ${clock.monotonic()}`)))
    clock.schedule(6, () => ran.push('timer'))
    clock.advance(10)
    expect(ran).toEqual(['immediate at 5', 'timer'])
  })

  test('advanceAsync lets what waits for a timer go on before the next one', async () => {
    const clock = new ManualClock()
    const seen: number[] = []
    const loop = async () => {
      for (let i = 0; i < 3; i++) {
        await sleep(clock, 10)
        seen.push(clock.monotonic())
      }
    }
    const done = loop()
    await clock.advanceAsync(30)
    await done
    expect(seen).toEqual([10, 20, 30])
  })

  test('setting the wall clock moves neither timers nor monotonic time', () => {
    const clock = new ManualClock({ now: 1_000 })
    let ran = false
    clock.schedule(10, () => {
      ran = true
    })
    clock.setWallClock(50_000)
    expect(ran).toBe(false)
    expect(clock.monotonic()).toBe(0)
    clock.advance(10)
    expect(ran).toBe(true)
    expect(clock.now()).toBe(50_010)
  })
})
