import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { ObjectBatch } from '@millrace/engine'
import { ManualClock } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { barrier, endOfInput, watermark } from '../../src/element/element.ts'
import { Channel } from '../../src/runtime/channel.ts'
import { InputGate } from '../../src/runtime/input-gate.ts'
import { Mailbox } from '../../src/runtime/mailbox.ts'
import { createPartitioner } from '../../src/runtime/partitioner.ts'
import { TaskProcessingTimeService } from '../../src/runtime/processing-time-service.ts'
import { TaskScheduler } from '../../src/runtime/scheduler.ts'

describe('the mailbox', () => {
  it('handles mail in order, also what comes meanwhile', () => {
    const mailbox = new Mailbox()
    const seen: number[] = []
    mailbox.put(() => {
      seen.push(1)
      mailbox.put(() => seen.push(3))
    })
    mailbox.put(() => seen.push(2))
    mailbox.drain()
    expect(seen).toEqual([1, 2, 3])
    expect(mailbox.isEmpty).toBe(true)
  })
})

describe('the scheduler', () => {
  it('gives every task its turn, and the event loop between slices', () => {
    const clock = new ManualClock()
    const scheduler = new TaskScheduler(clock, clock)
    const seen: string[] = []
    const task = (name: string, turns: number) => {
      let left = turns
      return {
        run: () => {
          seen.push(name)
          return --left > 0 ? ('more' as const) : ('nothing' as const)
        },
      }
    }
    scheduler.wake(task('a', 3))
    scheduler.wake(task('b', 2))
    expect(seen).toEqual([])
    clock.runImmediates()
    expect(seen).toEqual(['a', 'b', 'a', 'b', 'a'])
    expect(clock.pending).toBe(0)
  })

  it('yields when its slice is over', () => {
    const clock = new ManualClock()
    const scheduler = new TaskScheduler({ now: () => 0, monotonic: () => (time += 3) }, clock)
    let time = 0
    let runs = 0
    scheduler.wake({ run: () => (++runs < 100 ? 'more' : 'nothing') })
    const immediates: (() => void)[] = []
    clock.immediate = (callback) => {
      immediates.push(callback)
      return {}
    }
    clock.runImmediates()
    expect(runs).toBeLessThan(5)
    expect(immediates).toHaveLength(1)
  })
})

describe('processing time', () => {
  it('fires alarms in the order of time, the cancelled ones not, whatever is registered on the way', () => {
    const alarm = fc.record({
      at: fc.integer({ min: 0, max: 100 }),
      cancel: fc.boolean(),
      again: fc.integer({ min: 0, max: 50 }),
    })
    fc.assert(
      fc.property(
        fc.array(alarm, { maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 8 }),
        (alarms, steps) => {
          const clock = new ManualClock({ now: 0 })
          const service = new TaskProcessingTimeService(clock, clock, (mail) => clock.immediate(mail))
          const fired: number[] = []
          let expected: number[] = []
          for (const { at, cancel, again } of alarms) {
            const registered = service.register(at, (timestamp) => {
              expect(service.now()).toBeGreaterThanOrEqual(timestamp)
              fired.push(timestamp)
              if (again > 0) service.register(timestamp + again, (next) => fired.push(next))
            })
            if (cancel) registered.cancel()
            else expected.push(at, ...(again > 0 ? [at + again] : []))
          }
          let now = 0
          for (const step of [0, ...steps]) {
            clock.advance(step)
            now += step
          }
          expected = expected.filter((at) => at <= now).toSorted((a, b) => a - b)
          expect(fired).toEqual(expected)
          service.close()
          expect(clock.pending).toBe(0)
        },
      ),
    )
  })
})

describe('processing time and the clock of the host', () => {
  const serviceOf = (clock: ManualClock) => new TaskProcessingTimeService(clock, clock, (mail) => clock.immediate(mail))

  it('does not go back, nor stand still, when the clock is set back', () => {
    const clock = new ManualClock({ now: 10_000_000 })
    const service = serviceOf(clock)
    const fired: number[] = []
    const tick = (timestamp: number) => {
      fired.push(timestamp)
      expect(service.now()).toBeGreaterThanOrEqual(timestamp)
      service.register(service.now() + 200, tick)
    }
    service.register(service.now() + 200, tick)
    clock.advance(1000)
    clock.setWallClock(clock.now() - 3_600_000)
    clock.advance(1000)
    expect(fired).toEqual(Array.from({ length: 10 }, (_, i) => 10_000_200 + i * 200))
  })

  it('keeps few of the alarms that were cancelled, however far off they are', async () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const clock = new ManualClock({ now: 0 })
    const service = serviceOf(clock)
    const fired: number[] = []
    service.register(5000, (timestamp) => fired.push(timestamp))
    const cancelled = Array.from({ length: 1000 }, (_, i) => {
      const alarm = service.register(1_000_000 + i, (timestamp) => fired.push(timestamp))
      alarm.cancel()
      // A second time changes nothing.
      alarm.cancel()
      return new WeakRef(alarm)
    })
    await setImmediate()
    collectGarbage()
    expect(cancelled.filter((alarm) => alarm.deref() !== undefined).length).toBeLessThan(100)
    clock.advance(2_000_000)
    expect(fired).toEqual([5000])
  })

  it('waits longer than a timer of the host can', () => {
    const clock = new ManualClock({ now: 0 })
    const service = serviceOf(clock)
    const fired: number[] = []
    service.register(2 ** 33, (timestamp) => fired.push(timestamp))
    clock.advance(2 ** 33 - 1)
    expect(fired).toEqual([])
    expect(service.now()).toBe(2 ** 33 - 1)
    clock.advance(1)
    expect(fired).toEqual([2 ** 33])
  })
})

describe('partitioning', () => {
  const select = (partitioner: ReturnType<typeof createPartitioner>, values: unknown[]) => {
    const targets = new Int32Array(values.length)
    partitioner.select(values, values.length, targets, { index: -1 })
    return [...targets]
  }

  it('sends equal keys to one subtask, the one that owns their key group', () => {
    const byName = createPartitioner(
      { kind: 'hash', key: { kind: 'expression', expression: { kind: 'field', name: 'name' } } },
      4,
      128,
      0,
    )
    // Apache Flink: key groups 94, 81, 22, 72 of 128 for these keys.
    const keys = ['', 'a', 'b', 'key']
    expect(
      select(
        byName,
        keys.map((name) => ({ name })),
      ),
    ).toEqual([2, 2, 0, 2])
    const byClosure = createPartitioner(
      { kind: 'hash', key: { kind: 'closure', fn: (value) => [value, 1] } },
      3,
      128,
      0,
    )
    const [first, ...others] = select(byClosure, ['x', 'x', 'x'])
    expect(new Set(others)).toEqual(new Set([first]))
  })

  it('takes turns', () => {
    expect(select(createPartitioner({ kind: 'rebalance' }, 3, 128, 4), [1, 2, 3, 4])).toEqual([1, 2, 0, 1])
  })
})

describe('an input gate', () => {
  function gateOf(count: number) {
    const channels = Array.from({ length: count }, () => new Channel())
    const seen: string[] = []
    const gate = new InputGate(channels, {
      batch: (batch) => void seen.push(...(batch.values.slice(0, batch.length) as string[])),
      watermark: (timestamp) => void seen.push(`watermark ${timestamp}`),
      status: (idle) => void seen.push(idle ? 'idle' : 'active'),
      barrier: ({ checkpointId }) => void seen.push(`barrier ${checkpointId}`),
      end: () => void seen.push('end'),
    })
    const drain = () => {
      while (gate.poll());
      return seen.splice(0)
    }
    const push = (channel: number, ...values: string[]) => {
      const batch: ObjectBatch = (channels[channel] as Channel).takeBatch()
      values.forEach((value, i) => (batch.values[i] = value))
      batch.length = values.length
      ;(channels[channel] as Channel).push(batch)
    }
    return { channels: channels as [Channel, Channel, ...Channel[]], drain, push }
  }

  it('holds a channel back behind its barrier until the barrier has come on all', () => {
    const { channels, drain, push } = gateOf(2)
    push(0, 'a1')
    channels[0].push(barrier(1, 0))
    push(0, 'a2')
    push(1, 'b1')
    expect(drain().toSorted()).toEqual(['a1', 'b1'])
    push(1, 'b2')
    channels[1].push(barrier(1, 0))
    expect(drain()).toEqual(['b2', 'barrier 1', 'a2'])
  })

  it('does not wait for the barrier of a channel that has ended', () => {
    const { channels, drain, push } = gateOf(2)
    channels[0].push(barrier(1, 0))
    push(1, 'b1')
    channels[1].push(watermark(Number.POSITIVE_INFINITY))
    channels[1].push(endOfInput)
    expect(drain()).toEqual(['b1', 'barrier 1'])
    channels[0].push(watermark(Number.POSITIVE_INFINITY))
    channels[0].push(endOfInput)
    expect(drain()).toEqual(['watermark Infinity', 'end'])
  })

  it('gives batches back to their channel, and room to its producer', () => {
    const { channels, drain, push } = gateOf(1)
    const [channel] = channels
    let space = 0
    channel.onSpace = () => space++
    while (!channel.isFull) push(0, 'x')
    drain()
    expect(channel.isFull).toBe(false)
    expect(space).toBe(1)
    const batch = channel.takeBatch()
    expect(batch.length).toBe(0)
    expect(batch.values.every((value) => value === undefined)).toBe(true)
  })
})
