import { ErrorCode } from '@millrace/kafka'
import { concatBytes } from '@millrace/std'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchesOf, makeBatch, openLog, readAll } from './fixture.ts'

const leader = { leaderEpoch: 0 }

describe('read', () => {
  test('returns whole batches from the one with the offset, up to the limit, from cache and file alike', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ records: fc.integer({ min: 1, max: 5 }), bytes: fc.oneof(fc.nat(200), fc.constant(1_500)) }),
          {
            minLength: 1,
            maxLength: 20,
          },
        ),
        fc.array(
          fc.record({
            at: fc.double({ min: 0, max: 1, noNaN: true }),
            maxBytes: fc.nat(4_000),
            upTo: fc.double({ min: 0, max: 1, noNaN: true }),
          }),
          {
            maxLength: 10,
          },
        ),
        fc.boolean(),
        async (batches, reads, cached) => {
          const { log } = await openLog({
            config: { segmentBytes: 12_000, indexIntervalBytes: 500, flush: 'none' },
            manager: { tailCacheBytes: cached ? 1_000_000 : 0 },
          })
          const sent = batches.map((options) => makeBatch(options))
          for (const bytes of sent) log.append(bytes, leader)
          const found = batchesOf([concatBytes(sent)])
          for (const { at, maxBytes, upTo } of reads) {
            const offset = Math.floor(at * log.endOffset)
            const bound = found.find((batch) => batch.offset >= upTo * log.endOffset)?.offset ?? log.endOffset
            const result = log.read(offset, maxBytes, { upTo: bound })
            const got = batchesOf(result.parts)
            expect(result.size).toBe(result.parts.reduce((sum, part) => sum + part.byteLength, 0))
            if (offset >= bound) {
              expect(got).toEqual([])
              continue
            }
            const first = found.findIndex((batch) => batch.endOffset > offset)
            expect(got).toEqual(found.slice(first, first + got.length))
            expect(got.length).toBeGreaterThan(0)
            if (got.length > 1) expect(result.size).toBeLessThanOrEqual(maxBytes)
            for (const batch of got) expect(batch.offset).toBeLessThan(bound)
            const none = log.read(offset, (got[0]?.bytes.byteLength ?? 1) - 1, { upTo: bound, minOneBatch: false })
            expect(none).toMatchObject({ errorCode: 0, size: 0 })
          }
          expect(readAll(log, 3_000).batches).toEqual(found)
          if (!cached && reads.length > 0) expect(log.metrics.cacheReads).toBe(0)
        },
      ),
    )
  })

  test('what was just appended costs no read of the file', async () => {
    const { log } = await openLog({ config: { flush: 'none' } })
    for (let i = 0; i < 50; i++) log.append(makeBatch({ bytes: i * 70 }), leader)
    readAll(log)
    expect(log.metrics.fileReads).toBe(0)
    expect(log.metrics.cacheReads).toBeGreaterThan(0)
  })

  test('what nobody reads is not kept; from the first read on it is', async () => {
    const { log } = await openLog({ config: { flush: 'none' } })
    for (let i = 0; i < 40; i++) log.append(makeBatch({ bytes: 30_000 }), leader)
    expect(batchesOf(log.read(39, 100_000).parts)[0]?.offset).toBe(39)
    expect(log.metrics).toMatchObject({ cacheReads: 0, fileReads: 1 })
    log.append(makeBatch({ bytes: 100 }), leader)
    expect(batchesOf(log.read(40, 100_000).parts)[0]?.offset).toBe(40)
    expect(log.metrics).toMatchObject({ cacheReads: 1, fileReads: 1 })
  })

  test('a large batch is read from the file: its memory is not kept', async () => {
    const { log } = await openLog({ config: { flush: 'none' } })
    const batch = makeBatch({ bytes: 9_000 })
    log.append(batch, leader)
    const expected = batch.slice()
    batch.fill(0)
    expect(batchesOf(log.read(0, 100_000).parts)[0]?.bytes).toEqual(expected)
  })

  test('the budget of the tail cache holds over all logs: the oldest goes first', async () => {
    const { log, logs } = await openLog({ config: { flush: 'none' }, manager: { tailCacheBytes: 100_000 } })
    const other = await logs.createPartition('t', 1, new Uint8Array(16))
    log.append(makeBatch({ bytes: 3_500 }), leader)
    for (let i = 0; i < 60; i++) other.append(makeBatch({ bytes: 3_500 }), leader)
    expect(log.read(0, 1).size).toBeGreaterThan(3_500)
    expect(log.metrics).toMatchObject({ cacheReads: 0, fileReads: 1 })
    expect(other.read(59, 1).size).toBeGreaterThan(3_500)
    expect(other.read(0, 1).size).toBeGreaterThan(3_500)
    expect(other.metrics).toMatchObject({ cacheReads: 1, fileReads: 1 })
  })

  test('outside of the log: OFFSET_OUT_OF_RANGE; at its end: nothing', async () => {
    const { log } = await openLog({ config: { flush: 'none' } })
    log.append(makeBatch({ records: 4 }), leader)
    expect(log.read(4, 100)).toMatchObject({ errorCode: 0, size: 0 })
    expect(log.read(5, 100).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    expect(log.read(-1, 100).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    log.deleteRecordsBefore(2)
    expect(log.read(1, 100).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    expect(batchesOf(log.read(2, 100).parts)[0]?.offset).toBe(0)
  })

  test('reads into the memory that it is given', async () => {
    const { log } = await openLog({ config: { flush: 'none' }, manager: { tailCacheBytes: 0 } })
    for (let i = 0; i < 10; i++) log.append(makeBatch({ bytes: 100 }), leader)
    const memory = new Uint8Array(5_000)
    const result = log.read(3, 400, { allocate: () => memory })
    expect(result.parts[0]?.buffer).toBe(memory.buffer)
    expect(batchesOf(result.parts).map((batch) => batch.offset)).toEqual([3, 4])
  })

  test('consumers see only what is flushed', async () => {
    const { clock, log } = await openLog()
    log.append(makeBatch(), leader)
    expect(log.highWatermark).toBe(0)
    expect(log.read(0, 100)).toMatchObject({ errorCode: 0, size: 0 })
    await clock.settle()
    expect(log.highWatermark).toBe(1)
    expect(log.read(0, 100).size).toBeGreaterThan(0)
  })
})
