import {
  datagenSource,
  generatorSource,
  oneOf,
  randomBoolean,
  randomInt,
  randomNumber,
  randomText,
  sequence,
} from '@millrace/connectors'
import { collectSink, executeJob, job, type JobHandle, type Source, tumbling, type WindowCount } from '@millrace/engine'
import { hostSystem, MillraceError, type System } from '@millrace/std'
import { ManualClock } from '@millrace/testing'
import { describe, expect, it } from 'vitest'

async function recordsOf<T>(source: Source<T>, parallelism = 1): Promise<T[]> {
  const sink = collectSink<T>()
  const handle = await executeJob(
    job('records', (env) => void env.fromSource(source).sinkTo(sink)),
    { parallelism },
  )
  await handle.result
  return [...sink.values]
}

async function started(clock: ManualClock, source: Source<number>, parallelism = 1) {
  const system: System = { ...hostSystem, clock, timers: clock }
  const sink = collectSink<number>()
  const starting = executeJob(
    job('rate', (env) => void env.fromSource(source).sinkTo(sink)),
    { system, parallelism },
  )
  await clock.settle()
  return { handle: await starting, values: sink.values }
}

async function cancel(clock: ManualClock, handle: JobHandle): Promise<void> {
  const canceling = handle.cancel()
  await clock.settle()
  await canceling
  expect(clock.pending).toBe(0)
}

describe('generatorSource()', () => {
  it('makes the records of all numbers once, at every parallelism', async () => {
    for (const parallelism of [1, 3]) {
      const values = await recordsOf(generatorSource({ generate: (i) => i * 2, count: 5000 }), parallelism)
      expect(values.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 5000 }, (_, i) => i * 2))
    }
    expect(await recordsOf(generatorSource({ generate: (i) => i, count: 0 }))).toEqual([])
  })

  it('keeps to its rate', async () => {
    const clock = new ManualClock()
    const { handle, values } = await started(clock, generatorSource({ generate: (i) => i, ratePerSecond: 10 }))
    expect(values).toEqual([0])
    await clock.advanceAsync(1000)
    expect(values.length).toBeGreaterThanOrEqual(10)
    expect(values.length).toBeLessThanOrEqual(11)
    await clock.advanceAsync(10_000)
    expect(values.length).toBeGreaterThanOrEqual(110)
    expect(values.length).toBeLessThanOrEqual(111)
    expect(values).toEqual(values.map((_, i) => i))
    await cancel(clock, handle)
  })

  it('shares the rate among its subtasks, which take turns', async () => {
    const clock = new ManualClock()
    const source = generatorSource({ generate: (i) => i, ratePerSecond: 1000 })
    const { handle, values } = await started(clock, source, 4)
    await clock.advanceAsync(2000)
    expect(values.length).toBeGreaterThan(1950)
    expect(values.length).toBeLessThanOrEqual(2004)
    expect(new Set(values.map((value) => value % 4)).size).toBe(4)
    await cancel(clock, handle)
  })

  it('gives event time, so that windows work out of the box', async () => {
    const clock = new ManualClock({ now: 1_000_000 })
    const system: System = { ...hostSystem, clock, timers: clock }
    const sink = collectSink<WindowCount<number>>()
    const definition = job('windows', (env) => {
      env
        .fromSource(generatorSource({ generate: (i) => i, ratePerSecond: 100 }))
        .keyBy((i) => i % 2)
        .window(tumbling('1 s'))
        .count()
        .sinkTo(sink)
    })
    const starting = executeJob(definition, { system })
    await clock.settle()
    const handle = await starting
    await clock.advanceAsync(2500)
    expect(sink.values.map(({ start }) => start)).toEqual([1_000_000, 1_000_000, 1_001_000, 1_001_000])
    expect(sink.values.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(195)
    await cancel(clock, handle)
  })

  it('names the number of a record that a function could not take', async () => {
    const handle = await executeJob(
      job('failing', (env) => {
        env
          .fromSource(generatorSource({ generate: (i) => i, count: 3000 }))
          .map((i) => {
            if (i === 2500) throw new Error('no')
            return i
          })
          .sinkTo(collectSink())
      }),
    )
    await expect(handle.result).rejects.toMatchObject({ record: 'generated record 2500' })
  })

  it('refuses a promise instead of a record', async () => {
    const generate = (i: number) => Promise.resolve(i)
    const handle = await executeJob(
      job('waiting', (env) => void env.fromSource(generatorSource({ generate, count: 1 })).sinkTo(collectSink())),
    )
    await expect(handle.result).rejects.toMatchObject({
      code: 'API_PROMISE_RETURNED',
      record: 'generated record 0',
    })
  })

  it('names the record that it could not make', async () => {
    const generate = (i: number) => {
      if (i === 1500) throw new Error('no')
      return i
    }
    const handle = await executeJob(
      job('failing', (env) => void env.fromSource(generatorSource({ generate, count: 3000 })).sinkTo(collectSink())),
    )
    await expect(handle.result).rejects.toMatchObject({
      code: 'ENGINE_USER_FUNCTION_FAILED',
      operator: 'generator',
      record: 'generated record 1500',
      site: expect.stringContaining('generator.test.ts'),
    })
  })

  it.each([
    () => generatorSource({} as never),
    () => generatorSource({ generate: (i) => i, count: -1 }),
    () => generatorSource({ generate: (i) => i, ratePerSecond: 0 }),
    () => generatorSource({ generate: (i: number) => i, rate: 5 } as never),
    () => generatorSource({ generate: async (i) => i }),
    () => datagenSource({ fields: {} }),
    () => datagenSource({ fields: { id: 1 } } as never),
    () => randomInt(5, 1),
    () => oneOf(),
  ])('refuses wrong options (%#)', (make) => {
    expect(make).toThrow(MillraceError)
  })
})

describe('datagenSource()', () => {
  const source = (seed = 1) =>
    datagenSource({
      fields: {
        id: sequence(100),
        auction: randomInt(1000, 1009),
        price: randomNumber(1, 2),
        hot: randomBoolean(0.25),
        channel: oneOf('web', 'app', 'shop'),
        token: randomText(12),
      },
      count: 4000,
      seed,
    })

  it('makes records of the fields, in their ranges and about evenly', async () => {
    const rows = await recordsOf(source())
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 4000 }, (_, i) => 100 + i))
    const counts = new Map<unknown, number>()
    for (const { auction, price, hot, channel, token } of rows) {
      expect(price).toBeGreaterThanOrEqual(1)
      expect(price).toBeLessThan(2)
      expect(token).toMatch(/^[0-9a-f]{12}$/)
      for (const value of [auction, hot, channel]) counts.set(value, (counts.get(value) ?? 0) + 1)
    }
    for (let auction = 1000; auction <= 1009; auction++) expect(counts.get(auction)).toBeGreaterThan(300)
    expect(counts.get(true)).toBeGreaterThan(900)
    expect(counts.get(true)).toBeLessThan(1100)
    for (const channel of ['web', 'app', 'shop']) expect(counts.get(channel)).toBeGreaterThan(1200)
    expect(new Set(rows.map(({ token }) => token)).size).toBe(4000)
    expect(counts.size).toBe(10 + 2 + 3)
  })

  it('makes the same records for a seed, at every parallelism, and others for another', async () => {
    const byId = (rows: { id: number }[]) => rows.toSorted((a, b) => a.id - b.id)
    const rows = byId(await recordsOf(source()))
    expect(byId(await recordsOf(source(), 3))).toEqual(rows)
    expect(byId(await recordsOf(source(2)))).not.toEqual(rows)
  })
})
