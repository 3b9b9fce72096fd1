import { ErrorCode } from '@millrace/kafka'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { appendAll, closeLogs, makeBatch, openLog, readAll, start } from './fixture.ts'

const leader = { leaderEpoch: 0 }
const hour = 3_600_000
const size = makeBatch({ bytes: 100 }).byteLength

/** Four batches per segment. */
const four = { segmentBytes: 4 * size, flush: 'none' as const }

async function fill(batches: number, config = {}, stepMs = 0) {
  const opened = await openLog({ config: { ...four, ...config } })
  for (let i = 0; i < batches; i++) {
    opened.log.append(makeBatch({ bytes: 100, timestamp: start + i * stepMs }), leader)
  }
  await opened.clock.settle()
  return opened
}

const logFiles = (opened: { fileSystem: { list(path: string): string[] } }) =>
  opened.fileSystem.list('data/t-0').filter((name) => name.endsWith('.log'))

describe('rolling', () => {
  test('by size: a batch that does not fit starts the next segment', async () => {
    const { log, ...opened } = await fill(9)
    expect(log.segmentCount).toBe(3)
    expect(logFiles(opened)).toEqual([0, 4, 8].map((base) => `${String(base).padStart(20, '0')}.log`))
  })

  test('by record time, not by the clock', async () => {
    const { clock, log } = await openLog({ config: { segmentMs: 1_000, flush: 'none' } })
    log.append(makeBatch({ timestamp: start }), leader)
    clock.advance(50_000)
    log.append(makeBatch({ timestamp: start + 1_000 }), leader)
    expect(log.segmentCount).toBe(1)
    log.append(makeBatch({ timestamp: start + 1_001 }), leader)
    expect(log.segmentCount).toBe(2)
    log.append(makeBatch({ timestamp: start + 1_500 }), leader)
    expect(log.segmentCount).toBe(2)
  })

  test('when the offset index is full', async () => {
    const { log } = await openLog({ config: { segmentIndexBytes: 32, indexIntervalBytes: 1, flush: 'none' } })
    // Entries fit 4, and one less for the time index of 12-byte entries: 2 - 1.
    for (let i = 0; i < 12; i++) log.append(makeBatch({ timestamp: start + i }), leader)
    expect(log.segmentCount).toBeGreaterThan(3)
    expect(readAll(log).batches).toHaveLength(12)
  })

  test('many at once roll where one by one would', async () => {
    const { log } = await openLog({ config: four })
    appendAll(
      log,
      Array.from({ length: 10 }, () => makeBatch({ bytes: 100 })),
      leader,
    )
    expect(log.segmentCount).toBe(3)
  })
})

describe('retention', () => {
  test('by time: segments whose newest record is too old go, whole, oldest first', async () => {
    const opened = await fill(12, { retentionMs: 10 * hour, messageTimestampAfterMaxMs: 100 * hour }, hour)
    const { clock, log } = opened
    clock.advance(14 * hour)
    expect(log.logStartOffset).toBe(4)
    expect(logFiles(opened)).toHaveLength(2)
    expect(log.applyRetention()).toBe(0)
    expect(readAll(log).batches.map(({ offset }) => offset)).toEqual([4, 5, 6, 7, 8, 9, 10, 11])
    expect(log.read(3, 100).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
  })

  test('by time, when all is old: the active segment goes as well, the offsets go on', async () => {
    const opened = await fill(6, { retentionMs: hour })
    opened.clock.advance(2 * hour)
    await opened.clock.settle()
    expect(opened.log.logStartOffset).toBe(6)
    expect(opened.log.endOffset).toBe(6)
    expect(opened.log.sizeInBytes).toBe(0)
    expect(opened.log.append(makeBatch(), leader).baseOffset).toBe(6)
    await closeLogs(opened)
    const again = await openLog({ fileSystem: opened.fileSystem, clock: opened.clock, config: four })
    expect(again.log.logStartOffset).toBe(6)
    expect(again.log.endOffset).toBe(7)
  })

  test('by size: what is left is never less than retention.bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 40 }), async (batches, kept) => {
        const { log } = await fill(batches, { retentionBytes: kept * size, retentionMs: -1 })
        const before = log.sizeInBytes
        log.applyRetention()
        expect(log.sizeInBytes).toBeGreaterThanOrEqual(Math.min(before, kept * size))
        expect(log.sizeInBytes).toBeLessThan((kept + 4) * size + 1)
        expect(log.endOffset).toBe(batches)
      }),
    )
  })

  test('nothing above the high watermark goes', async () => {
    const { log } = await openLog({ config: { ...four, flush: 'sync', retentionBytes: 0, retentionMs: -1 } })
    for (let i = 0; i < 9; i++) log.append(makeBatch({ bytes: 100 }), leader)
    expect(log.applyRetention()).toBe(0)
    expect(log.logStartOffset).toBe(0)
  })

  test('a compacted topic keeps its segments', async () => {
    const { log } = await openLog({ config: { ...four, cleanupPolicy: ['compact'], retentionBytes: 0 } })
    for (let i = 0; i < 9; i++) log.append(makeBatch({ bytes: 100, key: 'k' }), leader)
    await log.flush()
    expect(log.applyRetention()).toBe(0)
  })

  test('files are renamed at once and removed after file.delete.delay.ms', async () => {
    const opened = await fill(9, { retentionBytes: 0, retentionMs: -1, fileDeleteDelayMs: 500 })
    opened.log.applyRetention()
    const deleted = () => opened.fileSystem.list('data/t-0').filter((name) => name.endsWith('.deleted'))
    expect(deleted()).toContain('00000000000000000004.log.deleted')
    expect(logFiles(opened)).toEqual(['00000000000000000009.log'])
    opened.clock.advance(499)
    expect(deleted().length).toBeGreaterThan(0)
    opened.clock.advance(1)
    expect(deleted()).toEqual([])
  })
})

describe('deleteRecordsBefore', () => {
  test('moves the start, deletes whole segments below, and is kept', async () => {
    const opened = await fill(12)
    expect(opened.log.deleteRecordsBefore(6)).toBe(ErrorCode.NONE)
    expect(opened.log.logStartOffset).toBe(6)
    expect(logFiles(opened)).toHaveLength(2)
    expect(opened.log.deleteRecordsBefore(3)).toBe(ErrorCode.NONE)
    expect(opened.log.logStartOffset).toBe(6)
    expect(opened.log.deleteRecordsBefore(13)).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    await closeLogs(opened)
    const again = await openLog({ fileSystem: opened.fileSystem, clock: opened.clock, config: four })
    expect(again.log.logStartOffset).toBe(6)
    expect(again.log.deleteRecordsBefore(-1)).toBe(ErrorCode.NONE)
    expect(again.log.logStartOffset).toBe(12)
  })

  test('leaves records that are older than the retention to its next run', async () => {
    const { log, clock } = await fill(4, { retentionMs: 1 })
    clock.advance(2)
    expect(log.deleteRecordsBefore(1)).toBe(ErrorCode.NONE)
    expect(log.logStartOffset).toBe(1)
    log.applyRetention()
    expect(log.logStartOffset).toBe(4)
  })
})

describe('truncateTo', () => {
  test('drops what lies at and after the offset, and the log goes on from there', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 15 }), fc.integer({ min: 0, max: 30 }), async (batches, to) => {
        const opened = await openLog({ config: { ...four, indexIntervalBytes: 100 } })
        const { clock, log } = opened
        const make = (i: number) => makeBatch({ bytes: 60, records: 2, producer: { id: 1, sequence: 2 * i } })
        for (let i = 0; i < batches; i++) log.append(make(i), { leaderEpoch: i >> 2 })
        await clock.settle()
        const before = readAll(log).batches
        const truncating = log.truncateTo(to)
        await clock.settle()
        await truncating
        const kept = before.filter((batch) => batch.endOffset <= to || to >= 2 * batches)
        const end = kept.at(-1)?.endOffset ?? 0
        expect(readAll(log).batches).toEqual(kept)
        expect(log.endOffset).toBe(end)
        expect(log.leaderEpochs.every(({ startOffset }) => startOffset < end)).toBe(true)
        expect(log.append(make(kept.length), leader)).toMatchObject({ errorCode: 0, baseOffset: end })
        await clock.settle()
        await closeLogs(opened)
        const again = await openLog({ fileSystem: opened.fileSystem, clock, config: four })
        expect(readAll(again.log).batches).toHaveLength(kept.length + 1)
      }),
      { numRuns: 60 },
    )
  })
})
