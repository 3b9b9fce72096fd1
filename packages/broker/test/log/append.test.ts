import {
  baseOffset,
  ErrorCode,
  isLogAppendTime,
  maxTimestamp,
  partitionLeaderEpoch,
  RecordBatchBuilder,
  validateBatch,
} from '@millrace/kafka'
import { concatBytes, type FileSystem, utf8 } from '@millrace/std'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { appendAll, closeLogs, makeBatch, openLog, readAll, start } from './fixture.ts'

const leader = { leaderEpoch: 5 }

describe('append', () => {
  test('gives offsets one after the other and stamps them with the leader epoch into the batch', async () => {
    const { log } = await openLog()
    expect(log.append(makeBatch({ records: 3 }), leader)).toMatchObject({ errorCode: 0, baseOffset: 0, lastOffset: 2 })
    const second = makeBatch({ records: 2 })
    expect(log.append(second, leader)).toMatchObject({ errorCode: 0, baseOffset: 3, lastOffset: 4, logAppendTime: -1 })
    expect(log.endOffset).toBe(5)
    expect(baseOffset(second, 0)).toBe(3)
    expect(partitionLeaderEpoch(second, 0)).toBe(5)
    expect(validateBatch(second, 0, second.byteLength)).toBe(0)
  })

  test('with LogAppendTime the whole batch carries the time of the broker, under a valid checksum', async () => {
    const { clock, log } = await openLog({ config: { messageTimestampType: 'LogAppendTime', flush: 'none' } })
    clock.advance(1_234)
    const batch = makeBatch({ records: 2, timestamp: 5 })
    expect(log.append(batch, leader).logAppendTime).toBe(start + 1_234)
    expect(isLogAppendTime(batch, 0)).toBe(true)
    expect(maxTimestamp(batch, 0)).toBe(start + 1_234)
    expect(validateBatch(batch, 0, batch.byteLength)).toBe(0)
    expect(log.offsetForTimestamp(start)).toMatchObject({ offset: 0, timestamp: start + 1_234 })
  })

  const flipped = () => {
    const batch = makeBatch({ bytes: 50 })
    batch[80] = (batch[80] as number) ^ 1
    return batch
  }
  const control = () => {
    const builder = new RecordBatchBuilder()
    builder.append(utf8('k'), utf8('v'), start)
    return Uint8Array.from(builder.finish({ control: true, producerId: 1, producerEpoch: 0, baseSequence: 0 }))
  }
  const transactional = () => {
    const builder = new RecordBatchBuilder()
    builder.append(utf8('k'), utf8('v'), start)
    return Uint8Array.from(builder.finish({ transactional: true }))
  }
  test.each([
    ['a wrong checksum', flipped, {}, ErrorCode.CORRUPT_MESSAGE],
    ['nothing', () => new Uint8Array(0), {}, ErrorCode.INVALID_RECORD],
    ['a batch cut short', () => makeBatch().subarray(0, 70), {}, ErrorCode.INVALID_RECORD],
    ['two batches', () => concatBytes([makeBatch(), makeBatch()]), {}, ErrorCode.INVALID_RECORD],
    ['a control batch of a client', control, {}, ErrorCode.INVALID_RECORD],
    ['a transactional batch of no producer', transactional, {}, ErrorCode.INVALID_RECORD],
    [
      'more than max.message.bytes',
      () => makeBatch({ bytes: 200 }),
      { maxMessageBytes: 200 },
      ErrorCode.MESSAGE_TOO_LARGE,
    ],
    [
      'more than segment.bytes',
      () => makeBatch({ bytes: 200 }),
      { segmentBytes: 200 },
      ErrorCode.RECORD_LIST_TOO_LARGE,
    ],
    ['a timestamp too far ahead', () => makeBatch({ timestamp: start + 3_600_001 }), {}, ErrorCode.INVALID_TIMESTAMP],
    [
      'a timestamp too far back, behind one that is not',
      () => makeBatch({ records: 2, timestamp: start - 50, step: -100 }),
      { messageTimestampBeforeMaxMs: 100 },
      ErrorCode.INVALID_TIMESTAMP,
    ],
    [
      'a record without a key on a compacted topic',
      () => makeBatch({ key: null }),
      { cleanupPolicy: ['compact' as const] },
      ErrorCode.INVALID_RECORD,
    ],
    [
      'a producer id without a sequence',
      () => makeBatch({ producer: { id: 3, sequence: -1 } }),
      {},
      ErrorCode.INVALID_RECORD,
    ],
  ])('refuses %s, and nothing changes', async (_what, make, config, code) => {
    const { log } = await openLog({ config })
    const result = log.append(make(), leader)
    expect(result).toMatchObject({ errorCode: code, baseOffset: -1 })
    expect(result.message).toMatch(/\.$/)
    expect(log.endOffset).toBe(0)
    expect(log.sizeInBytes).toBe(0)
    expect(log.leaderEpochs).toEqual([])
    expect(log.metrics.rejectedBatches).toBe(1)
  })

  test('takes what is just within the bounds', async () => {
    const { log } = await openLog({
      config: { messageTimestampBeforeMaxMs: 100, maxMessageBytes: makeBatch({ bytes: 200 }).byteLength },
    })
    for (const timestamp of [start - 100, start + 3_600_000]) {
      expect(log.append(makeBatch({ bytes: 200, timestamp }), leader).errorCode).toBe(0)
    }
  })

  test("the broker's own records are not bound by max.message.bytes, nor by keys", async () => {
    const { log } = await openLog({ config: { maxMessageBytes: 10, cleanupPolicy: ['compact'] } })
    expect(log.append(makeBatch(), { leaderEpoch: 0, origin: 'coordinator' }).errorCode).toBe(0)
  })

  test('many at once answer as one by one, and leave the same files', async () => {
    const batch = fc.record({
      records: fc.integer({ min: 1, max: 4 }),
      bytes: fc.oneof({ weight: 4, arbitrary: fc.nat(300) }, fc.integer({ min: 4_000, max: 6_000 })),
      timestamp: fc.nat(50),
      id: fc.integer({ min: 0, max: 2 }),
      epoch: fc.constantFrom(0, 0, 0, 1),
      sequence: fc.nat(6),
      broken: fc.boolean(),
    })
    const config = fc.record({
      segmentBytes: fc.constantFrom(1_500, 20_000),
      indexIntervalBytes: fc.constantFrom(0, 200),
      messageTimestampType: fc.constantFrom('CreateTime' as const, 'LogAppendTime' as const),
      flush: fc.constant('none' as const),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 2, maxLength: 12 }), config, async (wanted, config) => {
        const make = () =>
          wanted.map(({ records, bytes, timestamp, id, epoch, sequence, broken }) => {
            const producer = id === 0 ? {} : { producer: { id, epoch, sequence } }
            const made = makeBatch({ records, bytes, timestamp: start + timestamp, ...producer })
            if (broken && bytes > 100) made[70] = (made[70] as number) ^ 1
            return made
          })
        const one = await openLog({ config })
        const all = await openLog({ config })
        const expected = make().map((bytes) => one.log.append(bytes, leader))
        expect(appendAll(all.log, make(), leader)).toEqual(expected)
        expect(readAll(all.log)).toEqual(readAll(one.log))
        expect(all.log.metrics).toEqual(one.log.metrics)
        await closeLogs(one)
        await closeLogs(all)
        expect(filesOf(all.fileSystem)).toEqual(filesOf(one.fileSystem))
      }),
    )
  })

  test('more small batches at once than one write takes', async () => {
    const { log } = await openLog({ config: { flush: 'none' } })
    const results = appendAll(
      log,
      Array.from({ length: 300 }, () => makeBatch({ bytes: 3_500 })),
      leader,
    )
    expect(results.map(({ baseOffset }) => baseOffset)).toEqual(Array.from({ length: 300 }, (_, i) => i))
    expect(readAll(log).batches.map(({ offset }) => offset)).toEqual(results.map(({ baseOffset }) => baseOffset))
  })

  test('a defect while batches are judged leaves nothing of those before it, neither records nor sequences', async () => {
    const { log } = await openLog({ config: { flush: 'none' } })
    const { config } = log
    let judged = 0
    log.config = {
      ...config,
      get maxMessageBytes(): number {
        if (++judged === 2) throw new Error('a defect')
        return config.maxMessageBytes
      },
    }
    const batches = [0, 1].map((sequence) => makeBatch({ bytes: 5_000, producer: { id: 7, sequence } }))
    expect(() => appendAll(log, batches, leader)).toThrow('a defect')
    expect(log.endOffset).toBe(0)
    log.config = config
    const again = makeBatch({ bytes: 10, producer: { id: 7, sequence: 0 } })
    expect(log.append(again, leader)).toMatchObject({ errorCode: 0, baseOffset: 0, duplicate: false })
    expect(readAll(log).batches.length).toBe(1)
    expect(log.sizeInBytes).toBe(again.byteLength)
  })
})

/** What a log has on the disk: its files and their bytes. */
function filesOf(fileSystem: FileSystem): Record<string, string> {
  const names = fileSystem.list('data/t-0')
  return Object.fromEntries(
    names.map((name) => [name, Buffer.from(fileSystem.readFile(`data/t-0/${name}`)).toString('hex')]),
  )
}
