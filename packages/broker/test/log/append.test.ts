import {
  baseOffset,
  ErrorCode,
  isLogAppendTime,
  maxTimestamp,
  partitionLeaderEpoch,
  RecordBatchBuilder,
  validateBatch,
} from '@millrace/kafka'
import { concatBytes, utf8 } from '@millrace/std'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { makeBatch, openLog, readAll, start } from './fixture.ts'

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
    return Uint8Array.from(builder.finish({ transactional: true, producerId: 1, producerEpoch: 0, baseSequence: 0 }))
  }
  test.each([
    ['a wrong checksum', flipped, {}, ErrorCode.CORRUPT_MESSAGE],
    ['nothing', () => new Uint8Array(0), {}, ErrorCode.INVALID_RECORD],
    ['a batch cut short', () => makeBatch().subarray(0, 70), {}, ErrorCode.INVALID_RECORD],
    ['two batches', () => concatBytes([makeBatch(), makeBatch()]), {}, ErrorCode.INVALID_RECORD],
    ['a control batch of a client', control, {}, ErrorCode.INVALID_RECORD],
    ['a transactional batch', transactional, {}, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
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

  test('many at once answer as one by one, and leave the same log', async () => {
    const batch = fc.record({
      records: fc.integer({ min: 1, max: 4 }),
      bytes: fc.nat(300),
      id: fc.integer({ min: 1, max: 2 }),
      sequence: fc.nat(6),
      broken: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 2, maxLength: 12 }), async (wanted) => {
        const make = () =>
          wanted.map(({ records, bytes, id, sequence, broken }) => {
            const made = makeBatch({ records, bytes, producer: { id, sequence } })
            if (broken && bytes > 100) made[70] = (made[70] as number) ^ 1
            return made
          })
        const config = { segmentBytes: 1_500, flush: 'none' as const }
        const one = await openLog({ config })
        const all = await openLog({ config })
        const expected = make().map((bytes) => one.log.append(bytes, leader))
        expect(all.log.appendAll(make(), leader)).toEqual(expected)
        expect(readAll(all.log)).toEqual(readAll(one.log))
        expect(all.log.segmentCount).toBe(one.log.segmentCount)
      }),
    )
  })
})
