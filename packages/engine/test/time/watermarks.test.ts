import {
  collectionSource,
  collectSink,
  type Column,
  columnBatch,
  executeJob,
  job,
  schema,
  type Source,
  type SourceReader,
  type SourceSplit,
  tumbling,
  UserFunctionError,
  WatermarkStrategy,
} from '@millrace/engine'
import { jobHarness } from '@millrace/testing'
import { describe, expect, it } from 'vitest'

interface Event {
  readonly at: number
}

const marks = (harness: { output(): readonly { kind: string }[] }) =>
  harness.output().flatMap((item) => (item.kind === 'record' ? [] : [item]))

/** One batch of a column of times. */
function columnSource(values: Float64Array): Source<{ at: number }> {
  const fields = schema({ at: 'timestamp' })
  let isRead = false
  return {
    ...(collectionSource([]) as Source<never>),
    schema: fields,
    createReader: () => ({
      ...idleReader,
      poll: (output) => {
        if (isRead) return 'end'
        isRead = true
        const times: Column = { kind: 'numbers', values, nulls: undefined }
        const none = new Float64Array(values.length).fill(Number.NaN)
        output.emit(columnBatch(fields, [times], none, values.length, { describe: (i) => `row ${i}` }), 'only')
        return 'more'
      },
    }),
  }
}

const idleReader: SourceReader<SourceSplit> = {
  start: () => {},
  addSplits: () => {},
  noMoreSplits: () => {},
  poll: () => 'end',
  snapshotState: () => [],
  checkpointComplete: () => {},
  pendingRecords: () => undefined,
  close: () => Promise.resolve(),
}

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

  it.each([
    ['by a function', { timestamp: (event: { at: number }) => event.at }],
    ['by a field', { timestamp: 'at' as const }],
  ])('refuse null as a time, %s, instead of taking it for 1970', (_how, watermarks) => {
    const harness = jobHarness<{ at: number }>((_env, events) => events.assignTimestampsAndWatermarks(watermarks))
    expect(() => harness.push({ at: null as never })).toThrow('no time stamp')
  })

  it('refuse a column of times that holds no number', async () => {
    const columns = columnSource(Float64Array.of(1000, Number.NaN))
    const handle = await executeJob(
      job('columns', (env) => {
        env.fromSource(columns, { watermarks: { timestamp: 'at' } }).sinkTo(collectSink<unknown>())
      }),
    )
    await expect(handle.result).rejects.toMatchObject({ code: 'API_BAD_TIMESTAMP', record: 'row 1' })
  })

  it('refuse a delay below zero, and a generator that is no function', () => {
    expect(() => WatermarkStrategy.forBoundedOutOfOrderness('-1 s')).toThrow('negative')
    const given = (watermarks: object) => () =>
      jobHarness<Event>((_env, events) => events.assignTimestampsAndWatermarks(watermarks))
    expect(given({ outOfOrderness: '-1 s' })).toThrow('negative')
    expect(given({ generator: 5 })).toThrow('needs a function')
    expect(given({ generator: { onEvent: () => {} } })).toThrow('needs a function')
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

  it('of a generator of the user stand between the records of a batch', async () => {
    const generator = () => ({
      onEvent(_event: Event, timestamp: number, output: { emitWatermark(timestamp: number): void }) {
        output.emitWatermark(timestamp - 1)
      },
      onPeriodicEmit() {},
    })
    const events = [{ at: 1 }, { at: 25 }, { at: 2 }, { at: 21 }]
    for (const where of ['source', 'operator']) {
      const counts = collectSink<number[]>()
      const handle = await executeJob(
        job('punctuated', (env) => {
          const watermarks = { timestamp: (event: Event) => event.at, generator }
          const timed =
            where === 'source'
              ? env.fromCollection(events, { watermarks })
              : env.fromCollection(events).assignTimestampsAndWatermarks(watermarks)
          timed
            .windowAll(tumbling(10))
            .count()
            .map(({ end, count }) => [end, count])
            .sinkTo(counts)
        }),
      )
      await handle.result
      // The record of 2 came after the watermark 24: late, as in Flink.
      expect(counts.values).toEqual([
        [10, 1],
        [30, 2],
      ])
    }
  })

  it('of a generator that fails name the record', async () => {
    const handle = await executeJob(
      job('failing', (env) => {
        env
          .fromCollection([{ at: 1 }, { at: 2 }], {
            watermarks: {
              timestamp: 'at',
              generator: () => ({
                onEvent(event) {
                  if (event.at === 2) throw new RangeError('no such time')
                },
                onPeriodicEmit() {},
              }),
            },
          })
          .print()
      }),
    )
    const error = await handle.result.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(UserFunctionError)
    expect(error).toMatchObject({
      record: 'record 1 of the collection',
      site: expect.stringContaining('watermarks.test.ts'),
    })
  })
})
