import {
  collectSink,
  executeJob,
  explain,
  job,
  outputTag,
  type StreamExecutionEnvironment,
  tumbling,
  UserFunctionError,
  valueState,
  type WatermarkOptions,
  type WindowCount,
} from '@millrace/engine'
import { hostSystem, MillraceError, type System } from '@millrace/std'
import { ManualClock } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FedSource, SlowSink } from './fakes.ts'

function manualSystem(): { clock: ManualClock; system: System } {
  const clock = new ManualClock()
  return { clock, system: { ...hostSystem, clock, timers: clock } }
}

describe('a keyed stream without a keyed step', () => {
  it.each([1, 3])('keeps the records of a key in one subtask and in order (parallelism %i)', async (parallelism) => {
    const seen = collectSink<{ key: number; doubled: number }>()
    const numbers = Array.from({ length: 500 }, (_, i) => i)
    const definition = job('keyed map', { parallelism }, (env) => {
      env
        .fromCollection(numbers)
        .keyBy((n) => n % 7)
        .map((n) => ({ key: n % 7, doubled: n * 2 }))
        .sinkTo(seen)
      env
        .fromCollection(numbers)
        .keyBy((n) => n % 7)
        .filter((n) => n < 0)
        .print()
    })
    await (await executeJob(definition)).result
    expect(explain(definition)).toContain(parallelism === 1 ? 'map' : 'hash')
    for (let key = 0; key < 7; key++) {
      expect(seen.values.filter((record) => record.key === key).map(({ doubled }) => doubled)).toEqual(
        numbers.filter((n) => n % 7 === key).map((n) => n * 2),
      )
    }
  })
})

describe('a bounded job', () => {
  it('counts words and ends', async () => {
    const counts = collectSink<WindowCount<string>>()
    const handle = await executeJob(
      job('words', (env) => {
        env
          .fromCollection(['to be or not to be', '', 'that is the question'])
          .flatMap((line) => line.split(/\W+/).filter(Boolean))
          .assignTimestampsAndWatermarks({ timestamp: (word) => word.length * 1000 })
          .keyBy((word) => word)
          .window(tumbling('3 s'))
          .count()
          .sinkTo(counts)
      }),
    )
    const result = await handle.result
    expect(result.status).toBe('finished')
    expect(counts.values).toEqual([
      { key: 'to', start: 0, end: 3000, count: 2 },
      { key: 'be', start: 0, end: 3000, count: 2 },
      { key: 'or', start: 0, end: 3000, count: 1 },
      { key: 'is', start: 0, end: 3000, count: 1 },
      { key: 'not', start: 3000, end: 6000, count: 1 },
      { key: 'that', start: 3000, end: 6000, count: 1 },
      { key: 'the', start: 3000, end: 6000, count: 1 },
      { key: 'question', start: 6000, end: 9000, count: 1 },
    ])
    const byName = new Map(result.metrics.operators.map((operator) => [operator.name, operator]))
    expect(byName.get('flatMap')).toMatchObject({ numRecordsIn: 3, numRecordsOut: 10 })
    expect(byName.get('tumbling window (3 s) count')).toMatchObject({ numRecordsIn: 10, numRecordsOut: 8 })
    expect(result.metrics.pendingRecords).toBe(0)
    expect(result.metrics.currentWatermark).toBe(Number.POSITIVE_INFINITY)
  })

  it('counts the records that come too late, over panes as over anything else', async () => {
    const events = [1, 2, 50, 3, 4, 60].map((at) => ({ at }))
    const marked: WatermarkOptions<{ at: number }> = {
      timestamp: 'at',
      generator: () => ({
        onEvent: (_event, at, output) => output.emitWatermark(at),
        onPeriodicEmit: () => {},
      }),
    }
    const handle = await executeJob(
      job('late', (env) => {
        const stream = env.fromCollection(events, { watermarks: marked }).keyBy(() => 'all')
        stream.window(tumbling('10 ms')).count().name('panes').sinkTo(collectSink())
        stream
          .window(tumbling('10 ms'))
          .process({ process: (_context, values) => [values.length] })
          .name('general')
          .sinkTo(collectSink())
      }),
    )
    const { operators } = (await handle.result).metrics
    const late = operators.flatMap(({ name, numLateRecordsDropped }) =>
      name === 'panes' || name === 'general' ? [numLateRecordsDropped] : [],
    )
    expect(late).toEqual([2, 2])
  })

  it('gives each side output and each branch its records', async () => {
    const odd = outputTag<number>('odd')
    const evens = collectSink<number>()
    const odds = collectSink<string>()
    const all = collectSink<number>()
    const handle = await executeJob(
      job('sides', (env) => {
        const numbers = env.fromCollection([1, 2, 3, 4])
        const even = numbers.process({
          *processElement(value, ctx) {
            if (value % 2 === 0) yield value
            else ctx.output(odd, value)
          },
        })
        even.sinkTo(evens)
        even.getSideOutput(odd).map(String).sinkTo(odds)
        numbers.union(even).sinkTo(all)
      }),
    )
    await handle.result
    expect(evens.values).toEqual([2, 4])
    expect(odds.values).toEqual(['1', '3'])
    expect(all.values.toSorted()).toEqual([1, 2, 2, 3, 4, 4])
  })

  it.each([1, 3])(
    'ends when a window is united with what came too late for it, at parallelism %i',
    async (parallelism) => {
      const late = outputTag<number>('late')
      const results = collectSink<string>()
      const handle = await executeJob(
        job('late', { parallelism }, (env) => {
          const counts = env
            .fromCollection([0, 1, 2], { watermarks: { timestamp: (each) => each } })
            .keyBy((each) => each)
            .window(tumbling(10))
            .sideOutputLateData(late)
            .count()
          counts
            .map((each) => `${each.key}: ${each.count}`)
            .union(counts.getSideOutput(late).map(String))
            .sinkTo(results)
        }),
      )
      await handle.result
      expect(results.values.toSorted()).toEqual(['0: 1', '1: 1', '2: 1'])
    },
  )

  it('gives the same at every parallelism', async () => {
    const event = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e'), time: fc.integer({ min: 0, max: 50 }) })
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 200 }),
        fc.integer({ min: 2, max: 5 }),
        async (events, parallelism) => {
          const run = async (subtasks: number) => {
            const counts = collectSink<WindowCount<string>>()
            const totals = collectSink<[string, number]>()
            const definition = job('parallel', (env) => {
              const stream = env
                .fromCollection(events, { watermarks: { timestamp: (each) => each.time, outOfOrderness: 100 } })
                .rebalance()
                .map((each) => each.key)
              stream
                .keyBy((key) => key)
                .window(tumbling(10))
                .count()
                .sinkTo(counts)
              stream
                .keyBy((key) => key)
                .process({
                  state: { total: valueState(0) },
                  processElement(key, { state }) {
                    state.total.update(state.total.value() + 1)
                    return [[key, state.total.value()] as [string, number]]
                  },
                })
                .sinkTo(totals)
            })
            await (await executeJob(definition, { parallelism: subtasks })).result
            return {
              counts: counts.values.map((each) => JSON.stringify(each)).toSorted(),
              totals: totals.values.map((each) => JSON.stringify(each)).toSorted(),
            }
          }
          expect(await run(parallelism)).toEqual(await run(1))
        },
      ),
      { numRuns: 25 },
    )
  })

  it('partitions as it was told', async () => {
    const seen = { rebalance: [0, 0, 0], broadcast: [0, 0, 0], global: [0, 0, 0], rescale: [0, 0, 0] }
    type Kind = keyof typeof seen
    const count = (kind: Kind) => ({
      name: kind,
      layout: 'objects' as const,
      createWriter: ({ subtaskIndex }: { subtaskIndex: number }) => ({
        isReady: true,
        open: () => Promise.resolve(),
        write: ({ length }: { length: number }) => void ((seen[kind] as number[])[subtaskIndex]! += length),
        flush: () => Promise.resolve(),
        close: () => Promise.resolve(),
      }),
    })
    const handle = await executeJob(
      job('partitions', (env) => {
        const numbers = env.fromCollection(
          Array.from({ length: 3000 }, (_, i) => i),
          { parallelism: 1 },
        )
        for (const kind of ['rebalance', 'broadcast', 'global', 'rescale'] as const) {
          numbers[kind]().sinkTo(count(kind)).setParallelism(3)
        }
      }),
    )
    await handle.result
    expect(seen).toEqual({
      rebalance: [1000, 1000, 1000],
      broadcast: [3000, 3000, 3000],
      global: [3000, 0, 0],
      rescale: [1000, 1000, 1000],
    })
  })
})

describe('an endless job', () => {
  it('commits progress only when the sinks have flushed what was before the barrier', async () => {
    const { clock, system } = manualSystem()
    const input = new FedSource<number>()
    const sink = new SlowSink<number>()
    const definition = job('progress', (env) => {
      env
        .fromSource(input.source)
        .rebalance()
        .map((value) => value)
        .setParallelism(2)
        .sinkTo(sink)
        .setParallelism(1)
    })
    const starting = executeJob(definition, { system, commitInterval: 1000 })
    await clock.settle()
    const handle = await starting
    input.push(1, 2, 3)
    await clock.settle()
    expect(sink.values.toSorted()).toEqual([1, 2, 3])
    sink.holdFlushes()
    await clock.advanceAsync(1000)
    input.push(4)
    await clock.settle()
    expect(input.committed).toBe(0)
    sink.releaseFlushes()
    await clock.settle()
    expect(input.committed).toBe(3)
    await clock.advanceAsync(1000)
    expect(input.committed).toBe(4)
    const canceling = handle.cancel()
    await clock.settle()
    await canceling
    expect((await handle.result).status).toBe('canceled')
    expect(clock.pending).toBe(0)
  })

  it('commits nothing of a source that has ended while its own sink still flushes', async () => {
    const { clock, system } = manualSystem()
    const short = new FedSource<number>({ name: 'short' })
    const long = new FedSource<number>({ name: 'long' })
    const slow = new SlowSink<number>()
    const starting = executeJob(
      job('two', (env) => {
        env.fromSource(short.source).sinkTo(slow)
        env.fromSource(long.source).sinkTo(collectSink<number>())
      }),
      { system, commitInterval: 100 },
    )
    await clock.settle()
    const handle = await starting
    slow.holdFlushes()
    short.push(1, 2, 3)
    short.end()
    await clock.settle()
    await clock.advanceAsync(500)
    expect(slow.flushed).toBe(0)
    expect(short.committed).toBe(0)
    slow.releaseFlushes()
    await clock.advanceAsync(500)
    expect(short.committed).toBe(3)
    const ended = handle.stop()
    await clock.settle()
    await ended
  })

  it.each(['runs', 'ends'])('fails when a source cannot commit while it %s', async (when) => {
    const { clock, system } = manualSystem()
    const input = new FedSource<number>()
    const createReader = input.source.createReader
    const source = {
      ...input.source,
      createReader: (context: Parameters<typeof createReader>[0]) => ({
        ...createReader(context),
        checkpointComplete: () => {
          throw new Error('no commits today')
        },
      }),
    }
    const starting = executeJob(
      job('commits', (env) => void env.fromSource(source).sinkTo(collectSink<number>())),
      { system, commitInterval: 100 },
    )
    await clock.settle()
    const handle = await starting
    const failing = expect(handle.result).rejects.toThrow('no commits today')
    if (when === 'runs') await clock.advanceAsync(200)
    else void handle.stop().catch(() => {})
    await clock.settle()
    await failing
  })

  it('stops: what was read flows to the end, is flushed and committed', async () => {
    const { clock, system } = manualSystem()
    const input = new FedSource<string>()
    const sink = new SlowSink<WindowCount<string>>()
    const definition = job('stop', (env) => {
      env
        .fromSource(input.source, { watermarks: { timestamp: () => 1000 } })
        .keyBy((word) => word)
        .window(tumbling('5 s'))
        .count()
        .sinkTo(sink)
    })
    const starting = executeJob(definition, { system, commitInterval: '1 h' })
    await clock.settle()
    const handle = await starting
    input.push('a', 'b', 'a')
    await clock.settle()
    expect(sink.values).toEqual([])
    const stopping = handle.stop()
    await clock.settle()
    expect((await stopping).status).toBe('stopped')
    expect(sink.values.map(({ key, count }) => [key, count])).toEqual([
      ['a', 2],
      ['b', 1],
    ])
    expect(sink.flushed).toBe(2)
    expect(input.committed).toBe(3)
    expect(input.closed).toBe(1)
    expect(clock.pending).toBe(0)
  })

  it('is not held back by a subtask that has nothing to read', async () => {
    const { clock, system } = manualSystem()
    const input = new FedSource<number>()
    const counts = collectSink<WindowCount<string>>()
    const definition = job('idle subtask', { parallelism: 3 }, (env) => {
      env
        .fromSource(input.source, { watermarks: { timestamp: (value) => value } })
        .keyBy(() => 'all')
        .window(tumbling(10))
        .count()
        .sinkTo(counts)
    })
    const starting = executeJob(definition, { system })
    await clock.settle()
    const handle = await starting
    input.push(1, 5, 12)
    await clock.advanceAsync(200)
    expect(counts.values).toEqual([{ key: 'all', start: 0, end: 10, count: 2 }])
    const canceling = handle.cancel()
    await clock.settle()
    await canceling
  })

  it('reads no further while a sink has too much under way', async () => {
    const { clock, system } = manualSystem()
    const input = new FedSource<number>()
    const sink = new SlowSink<number>()
    const definition = job('slow', (env) => {
      env.fromSource(input.source).rebalance().sinkTo(sink).setParallelism(2)
    })
    sink.isReady = false
    const starting = executeJob(definition, { system })
    await clock.settle()
    const handle = await starting
    for (let i = 0; i < 100_000; i++) input.push(i)
    await clock.settle()
    expect(sink.values).toEqual([])
    // Two channels of eight batches, and what was under way.
    expect(input.waiting).toBeGreaterThan(80_000)
    sink.ready()
    const canceling = handle.cancel()
    await clock.settle()
    await canceling
  })

  it('goes on when a slow sink is ready again', async () => {
    const { clock, system } = manualSystem()
    const input = new FedSource<number>()
    const sink = new SlowSink<number>()
    const starting = executeJob(
      job('slow', (env) => void env.fromSource(input.source).sinkTo(sink)),
      { system },
    )
    await clock.settle()
    const handle = await starting
    sink.isReady = false
    input.push(1, 2)
    await clock.settle()
    expect(sink.values).toEqual([])
    expect(handle.metrics().pendingRecords).toBe(2)
    sink.ready()
    await clock.settle()
    expect(sink.values).toEqual([1, 2])
    const canceling = handle.cancel()
    await clock.settle()
    await canceling
  })
})

describe('a job that fails', () => {
  const failing = async (define: (env: StreamExecutionEnvironment) => void, input?: FedSource<number>) => {
    const handle = await executeJob(job('failing', define))
    input?.push(1, 2, 3)
    return handle.result.then(
      () => undefined,
      (error: unknown) => error as MillraceError,
    )
  }

  it('names the operator, the record and the line of the user', async () => {
    const input = new FedSource<number>()
    const sink = new SlowSink<number>()
    const error = await failing((env) => {
      env
        .fromSource(input.source)
        .filter((value) => value > 1)
        .map((value) => {
          if (value === 3) throw new RangeError('three is too many')
          return value
        })
        .name('no threes')
        .sinkTo(sink)
    }, input)
    expect(error).toBeInstanceOf(UserFunctionError)
    expect(error).toMatchObject({ code: 'ENGINE_USER_FUNCTION_FAILED', operator: 'no threes', record: 'fed record 2' })
    expect((error as UserFunctionError).site).toMatch(/execute-job\.test\.ts:\d+$/)
    expect(error?.message).toContain('RangeError: three is too many')
    expect(input.closed).toBe(1)
    expect(sink.events).toContain('close')
  })

  it('refuses a promise as the result of a window', async () => {
    const error = await failing((env) => {
      env
        .fromCollection([1], { watermarks: { timestamp: (value) => value } })
        .windowAll(tumbling('5 s'))
        .aggregate({ createAccumulator: () => 0, add: (_n, sum) => sum, getResult: (sum) => Promise.resolve(sum) })
        .sinkTo(collectSink())
    })
    expect(error).toMatchObject({ code: 'API_PROMISE_RETURNED', operator: 'tumbling window (5 s) aggregate' })
  })

  it('names the operator whose function cannot close', async () => {
    const error = await failing((env) => {
      env
        .fromCollection([1])
        .process({
          processElement: (value) => [value],
          close: () => {
            throw new Error('stuck')
          },
        })
        .name('the door')
        .sinkTo(collectSink())
    })
    expect(error).toMatchObject({ code: 'ENGINE_USER_FUNCTION_FAILED', operator: 'the door' })
    expect(error?.message).toContain('Error: stuck')
  })

  it('names the record behind a window in the job of a later step', async () => {
    const input = new FedSource<number>()
    input.end()
    const error = await failing((env) => {
      env
        .fromSource(input.source, { watermarks: { timestamp: (value) => value } })
        .keyBy((value) => value)
        .window(tumbling(10))
        .reduce((a) => a)
        .keyBy((value) => value)
        .process({
          processElement() {
            throw new Error('no element is good')
          },
        })
        .name('picky')
        .sinkTo(new SlowSink())
    }, input)
    expect(error).toMatchObject({ operator: 'picky', record: 'a timer' })
  })

  it('says about where a record came from when it has crossed an edge', async () => {
    const input = new FedSource<number>()
    const error = await failing((env) => {
      env
        .fromSource(input.source)
        .rebalance()
        .map((value) => {
          if (value === 3) throw new Error('no')
          return value
        })
        .setParallelism(2)
        .sinkTo(new SlowSink())
    }, input)
    expect(error).toMatchObject({ operator: 'map', record: 'fed record 0, or one that was read soon after it' })
  })

  it('refuses keys that cannot be keys', async () => {
    const input = new FedSource<number>()
    const error = await failing((env) => {
      env
        .fromSource(input.source)
        .keyBy((value) => [[value]] as never)
        .process({ *processElement() {} })
        .sinkTo(new SlowSink())
    }, input)
    expect(error?.code).toBe('STATE_BAD_KEY')
    expect(error?.message).toContain('fed record 0')
  })

  it('reports what a source, a sink or a connection failed with, and closes everything', async () => {
    for (const failure of ['source', 'write', 'flush', 'open'] as const) {
      const input = new FedSource<number>()
      const cause = new MillraceError('TEST', { message: `${failure} failed` })
      const sink = new SlowSink<number>(failure === 'open' || failure === 'flush' ? { [failure]: cause } : {})
      const run = async () => {
        const handle = await executeJob(
          job('failing', (env) => void env.fromSource(input.source).sinkTo(sink)),
          {
            commitInterval: 5,
          },
        )
        input.push(1)
        if (failure === 'source') input.fail(cause)
        if (failure === 'write') sink.fail(cause)
        await handle.result
      }
      await expect(run()).rejects.toBe(cause)
      expect(input.closed).toBe(1)
      expect(sink.events.at(-1)).toBe('close')
    }
  })

  it('does not blame a function for what the sink behind it threw', async () => {
    const input = new FedSource<number>()
    const full = new MillraceError('DISK_FULL', { message: 'The disk is full.' })
    const error = await failing((env) => {
      const sink = new SlowSink<number>()
      const writer: typeof sink.createWriter = (context) => ({
        ...sink.createWriter(context),
        isReady: true,
        write: () => {
          throw full
        },
      })
      env
        .fromSource(input.source)
        .keyBy((value) => value)
        .process({
          processElement(value, _ctx) {
            return Array.from({ length: 2000 }, () => value)
          },
        })
        .sinkTo({ name: 'disk', layout: 'objects', createWriter: writer })
    }, input)
    expect(error).toBe(full)
  })

  it('closes everything when closing itself fails, and tells', async () => {
    const input = new FedSource<number>()
    const sink = new SlowSink<number>()
    const broken: typeof sink.createWriter = (context) => ({
      ...sink.createWriter(context),
      isReady: true,
      close: () => {
        throw new Error('cannot close')
      },
    })
    const other = new SlowSink<number>()
    const definition = job('closing', (env) => {
      const numbers = env.fromSource(input.source)
      numbers.sinkTo({ name: 'broken', layout: 'objects', createWriter: broken })
      numbers.sinkTo(other)
    })
    const handle = await executeJob(definition)
    input.end()
    await expect(handle.result).rejects.toThrow("Job 'closing' failed: cannot close")
    expect(other.events.at(-1)).toBe('close')
    expect(input.events).toEqual(expect.arrayContaining(['reader closed', 'enumerator closed']))
  })

  it('is cancelled by a signal', async () => {
    const input = new FedSource<number>()
    const controller = new AbortController()
    const handle = await executeJob(
      job('signal', (env) => void env.fromSource(input.source).print()),
      { signal: controller.signal },
    )
    controller.abort()
    expect((await handle.result).status).toBe('canceled')
    expect(input.events).toContain('enumerator closed')
  })
})
