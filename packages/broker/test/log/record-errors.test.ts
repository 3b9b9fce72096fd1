import { ErrorCode, RecordBatchBuilder } from '@millrace/kafka'
import { utf8 } from '@millrace/std'
import { describe, expect, test } from 'vitest'
import type { LogConfig } from '../../src/log/index.ts'
import { closeLogs, openLog, start } from './fixture.ts'

async function judge(
  config: Partial<LogConfig>,
  records: readonly (readonly [key: string | null, timestamp: number])[],
) {
  const opened = await openLog({ config })
  const builder = new RecordBatchBuilder()
  for (const [key, timestamp] of records) builder.append(key === null ? null : utf8(key), utf8('v'), timestamp)
  const { errorCode, message, recordErrors } = opened.log.append(Uint8Array.from(builder.finish()), { leaderEpoch: 0 })
  expect(opened.log.endOffset).toBe(errorCode === ErrorCode.NONE ? records.length : 0)
  await closeLogs(opened)
  return { errorCode, message, places: recordErrors?.map(({ index }) => index) }
}

describe('the records that a batch is refused for (KIP-467)', () => {
  test('INVALID_RECORD names those without a key on a compacted topic', async () => {
    const found = await judge({ cleanupPolicy: ['compact', 'delete'] }, [
      ['a', start],
      [null, start],
      ['b', start],
      [null, start],
    ])
    expect(found).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD, places: [1, 3] })
    expect(found.message).toContain('record 1: A compacted topic takes no record without a key.')
  })

  test('INVALID_TIMESTAMP names those out of bounds, and goes before INVALID_RECORD', async () => {
    const bounds = { messageTimestampBeforeMaxMs: 1_000, messageTimestampAfterMaxMs: 500 }
    const times = [start, start - 1_001, start + 500, start + 501, start - 1_000].map((time) => ['k', time] as const)
    expect(await judge(bounds, times)).toMatchObject({ errorCode: ErrorCode.INVALID_TIMESTAMP, places: [1, 3] })
    const mixed = [
      [null, start],
      ['k', start + 501],
    ] as const
    const both = { ...bounds, cleanupPolicy: ['compact'] } as const
    expect(await judge(both, mixed)).toMatchObject({ errorCode: ErrorCode.INVALID_TIMESTAMP, places: [0, 1] })
  })

  test('at most three are spelled out', async () => {
    const records = Array.from({ length: 10 }, () => [null, start] as const)
    const { message, places } = await judge({ cleanupPolicy: ['compact'] }, records)
    expect(places).toHaveLength(10)
    expect(message).toMatch(/record 2: [^:]* … and 7 more$/)
  })

  test('timestamps have no bounds under LogAppendTime, nor do records without one', async () => {
    const config = { messageTimestampType: 'LogAppendTime', messageTimestampBeforeMaxMs: 1 } as const
    expect((await judge(config, [[null, 5]])).errorCode).toBe(ErrorCode.NONE)
    expect((await judge({ messageTimestampBeforeMaxMs: 1 }, [[null, -1]])).errorCode).toBe(ErrorCode.NONE)
  })
})
