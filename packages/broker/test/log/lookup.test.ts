import { RecordBatchBuilder } from '@millrace/kafka'
import { utf8 } from '@millrace/std'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LeaderEpochs } from '../../src/log/leader-epochs.ts'
import { OffsetIndex, TimeIndex } from '../../src/log/segment-index.ts'
import { ListOffsetsTimestamp } from '../../src/log/index.ts'
import { closeLogs, openLog } from './fixture.ts'

const none = { errorCode: 0, offset: -1, timestamp: -1, leaderEpoch: -1 }

function batchOf(timestamps: readonly number[], compression: 'none' | 'gzip'): Uint8Array {
  const builder = new RecordBatchBuilder({ compression })
  for (const timestamp of timestamps) builder.append(null, utf8('v'), timestamp)
  return Uint8Array.from(builder.finish())
}

describe('offsetForTimestamp', () => {
  test('finds the first record at or after a time, whatever the order of the times', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(60), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 25 }),
        fc.boolean(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (batches, restart, deleted) => {
          const config = { segmentBytes: 600, indexIntervalBytes: 150, flush: 'none' as const, retentionMs: -1 }
          const opened = await openLog({ config })
          let { log } = opened
          for (const [i, timestamps] of batches.entries()) {
            log.append(batchOf(timestamps, i % 3 === 0 ? 'gzip' : 'none'), { leaderEpoch: i })
          }
          await opened.clock.settle()
          if (restart) {
            await closeLogs(opened)
            ;({ log } = await openLog({ fileSystem: opened.fileSystem, clock: opened.clock, config }))
          }
          log.deleteRecordsBefore(Math.floor(deleted * log.endOffset))
          const records = batches
            .flatMap((timestamps, leaderEpoch) => timestamps.map((timestamp) => ({ timestamp, leaderEpoch })))
            .map((record, offset) => ({ ...record, offset, errorCode: 0 }))
            .filter(({ offset }) => offset >= log.logStartOffset)
          for (let time = 0; time <= 61; time++) {
            expect(log.offsetForTimestamp(time)).toEqual(records.find(({ timestamp }) => timestamp >= time) ?? none)
          }
          const latest = Math.max(...records.map(({ timestamp }) => timestamp))
          const expected = records.find(({ timestamp }) => timestamp === latest) ?? none
          expect(log.offsetForTimestamp(ListOffsetsTimestamp.maxTimestamp)).toEqual(expected)
        },
      ),
    )
  })

  test('knows the ends of the log, and what it does not have', async () => {
    const { clock, log } = await openLog({ config: { retentionMs: -1 } })
    expect(log.offsetForTimestamp(ListOffsetsTimestamp.maxTimestamp)).toEqual(none)
    log.append(batchOf([5, 6], 'none'), { leaderEpoch: 4 })
    await clock.settle()
    log.append(batchOf([9], 'none'), { leaderEpoch: 5 })
    expect(log.offsetForTimestamp(ListOffsetsTimestamp.latest)).toMatchObject({ offset: 2, timestamp: -1 })
    expect(log.offsetForTimestamp(7)).toEqual(none)
    await clock.settle()
    expect(log.offsetForTimestamp(7)).toMatchObject({ offset: 2, timestamp: 9, leaderEpoch: 5 })
    expect(log.offsetForTimestamp(ListOffsetsTimestamp.latest)).toMatchObject({ offset: 3, leaderEpoch: 5 })
    expect(log.offsetForTimestamp(ListOffsetsTimestamp.earliest)).toMatchObject({ offset: 0, leaderEpoch: 4 })
    log.deleteRecordsBefore(1)
    expect(log.offsetForTimestamp(ListOffsetsTimestamp.earliest)).toMatchObject({ offset: 1, leaderEpoch: 4 })
    expect(log.offsetForTimestamp(ListOffsetsTimestamp.earliestLocal)).toMatchObject({ offset: 1 })
    expect(log.offsetForTimestamp(ListOffsetsTimestamp.latestTiered)).toEqual(none)
  })
})

describe('leader epochs', () => {
  test('an epoch ends where the next one begins, the last at the end of the log', () => {
    const epochs = new LeaderEpochs([])
    for (const [epoch, offset] of [
      [2, 10],
      [2, 12],
      [5, 20],
      [6, 30],
    ] as const)
      epochs.assign(epoch, offset)
    expect(epochs.entries).toEqual([
      { epoch: 2, startOffset: 10 },
      { epoch: 5, startOffset: 20 },
      { epoch: 6, startOffset: 30 },
    ])
    const ends = [-1, 1, 2, 3, 4, 5, 6, 7].map((epoch) => epochs.endOffsetFor(epoch, 44))
    expect(ends.map(({ epoch, endOffset }) => [epoch, endOffset])).toEqual([
      [-1, -1],
      [1, 10],
      [2, 20],
      [2, 20],
      [2, 20],
      [5, 30],
      [6, 44],
      [-1, -1],
    ])
    expect([9, 10, 19, 20, 99].map((offset) => epochs.epochAt(offset))).toEqual([-1, 2, 2, 5, 6])
  })

  test('they are cut with the log at both ends', () => {
    const epochs = new LeaderEpochs([
      { epoch: 1, startOffset: 0 },
      { epoch: 2, startOffset: 10 },
      { epoch: 3, startOffset: 20 },
    ])
    epochs.truncateStart(15)
    expect(epochs.entries).toEqual([
      { epoch: 2, startOffset: 15 },
      { epoch: 3, startOffset: 20 },
    ])
    epochs.truncateEnd(20)
    expect(epochs.entries).toEqual([{ epoch: 2, startOffset: 15 }])
    expect(epochs.dirty).toBe(true)
  })

  test('they survive restarts, and are read from the log when the checkpoint is gone', async () => {
    const opened = await openLog({ config: { segmentBytes: 200 } })
    for (let i = 0; i < 12; i++) opened.log.append(batchOf([i], 'none'), { leaderEpoch: i >> 2 })
    await opened.clock.settle()
    await closeLogs(opened)
    const expected = [0, 1, 2].map((epoch) => ({ epoch, startOffset: epoch * 4 }))
    const second = await openLog({ fileSystem: opened.fileSystem, clock: opened.clock })
    expect(second.log.leaderEpochs).toEqual(expected)
    await closeLogs(second)
    opened.fileSystem.remove('data/t-0/leader-epoch-checkpoint')
    const third = await openLog({ fileSystem: opened.fileSystem, clock: opened.clock })
    expect(third.log.leaderEpochs).toEqual(expected)
  })
})

describe('indexes', () => {
  const steps = fc.array(
    fc.record({ offset: fc.integer({ min: 1, max: 50 }), position: fc.integer({ min: 1, max: 999 }) }),
    {
      maxLength: 60,
    },
  )

  test('the offset index leads to the last entry at or before an offset, also from its file', () => {
    fc.assert(
      fc.property(steps, fc.nat(1_000), fc.nat(3_000), (increments, base, wanted) => {
        const index = new OffsetIndex(base)
        const entries: { offset: number; position: number }[] = []
        let offset = base
        let position = 0
        for (const increment of increments) {
          offset += increment.offset
          position += increment.position
          index.append(offset, position)
          entries.push({ offset, position })
        }
        const expected = entries.findLast((entry) => entry.offset <= base + wanted)?.position ?? 0
        expect(index.lookup(base + wanted)).toBe(expected)
        const read = OffsetIndex.fromBytes(index.toBytes(), base, position + 1)
        expect(read?.lookup(base + wanted)).toBe(expected)
        expect(read?.count).toBe(entries.length)
        expect([read?.lastOffset, read?.lastPosition]).toEqual([index.lastOffset, index.lastPosition])
      }),
    )
  })

  test('the time index keeps only growing times and leads to the last at or before one', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100), { maxLength: 60 }), fc.nat(100), (times, wanted) => {
        const index = new TimeIndex(1_000)
        const kept: { time: number; offset: number }[] = []
        for (const [i, time] of times.entries()) {
          index.maybeAppend(time, 1_000 + i)
          if (time > (kept.at(-1)?.time ?? -1)) kept.push({ time, offset: 1_000 + i })
        }
        const expected = kept.findLast((entry) => entry.time <= wanted)?.offset ?? 1_000
        expect(index.count).toBe(kept.length)
        expect(index.lookup(wanted)).toBe(expected)
        expect(TimeIndex.fromBytes(index.toBytes(), 1_000)?.lookup(wanted)).toBe(expected)
      }),
    )
  })

  test('files that are no indexes are told apart', () => {
    expect(OffsetIndex.fromBytes(new Uint8Array(7), 0, 100)).toBeUndefined()
    expect(OffsetIndex.fromBytes(new Uint8Array(16), 0, 100)).toBeUndefined()
    expect(TimeIndex.fromBytes(new Uint8Array(13), 0)).toBeUndefined()
    expect(TimeIndex.fromBytes(new Uint8Array(24), 0)).toBeUndefined()
    const index = new OffsetIndex(0)
    index.append(5, 500)
    expect(OffsetIndex.fromBytes(index.toBytes(), 0, 500)).toBeUndefined()
  })
})
