import {
  attributes,
  baseSequence,
  batchSize,
  COMPRESSION_TYPES,
  type CompressionType,
  compressionCode,
  crc32c,
  ErrorCode,
  isTransactional,
  iterateRecords,
  maxTimestamp,
  producerEpoch,
  producerId,
  RecordBatchBuilder,
  validateBatch,
} from '@millrace/kafka'
import { utf8 } from '@millrace/std'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LogConfig } from '../../src/log/index.ts'
import { appendAll, batchesOf, closeLogs, openLog, readAll, start } from './fixture.ts'

interface Sent {
  readonly values: readonly string[]
  readonly compression: CompressionType
  readonly identity?: { producerId: number; producerEpoch: number; baseSequence: number; transactional?: boolean }
}

function build({ compression, identity, values }: Sent): Uint8Array {
  const builder = new RecordBatchBuilder({ compression })
  values.forEach((value, i) => {
    builder.append(i % 2 ? utf8(`key ${i}`) : null, utf8(value), start + 3 * i - (i % 5), [
      { key: 'n', value: utf8(`${i}`) },
    ])
  })
  return Uint8Array.from(builder.finish(identity))
}

function contents(batch: Uint8Array) {
  return [...iterateRecords(batch)].map(({ headers, key, timestamp, value }) => ({
    key: key && Buffer.from(key).toString(),
    value: value && Buffer.from(value).toString(),
    timestamp,
    headers: headers.map((header) => [header.key, Buffer.from(header.value as Uint8Array).toString()]),
  }))
}

const open = (config: Partial<LogConfig>) => openLog({ config })

describe('compression.type', () => {
  test('turns any compression into the topic’s and keeps all else', async () => {
    const batches = fc.array(
      fc.record({
        values: fc.array(fc.string({ maxLength: 200 }), { minLength: 1, maxLength: 20 }),
        compression: fc.constantFrom(...COMPRESSION_TYPES),
      }),
      { minLength: 1, maxLength: 6 },
    )
    await fc.assert(
      fc.asyncProperty(batches, fc.constantFrom(...COMPRESSION_TYPES), async (sent, compressionType) => {
        const opened = await open({ compressionType })
        let sequence = 0
        const all = sent.map((one) => {
          const identity = { producerId: 8, producerEpoch: 3, baseSequence: sequence }
          sequence += one.values.length
          return build({ ...one, identity })
        })
        const results = appendAll(
          opened.log,
          all.map((batch) => batch.slice()),
          { leaderEpoch: 4 },
        )
        await opened.clock.settle()
        const { batches: kept } = readAll(opened.log)
        expect(kept).toHaveLength(sent.length)
        for (const [i, { bytes, offset }] of kept.entries()) {
          const original = all[i] as Uint8Array
          expect(results[i]).toMatchObject({ errorCode: ErrorCode.NONE, baseOffset: offset })
          expect(validateBatch(bytes, 0, bytes.byteLength)).toBe(0)
          expect(COMPRESSION_TYPES[compressionCode(bytes, 0)]).toBe(compressionType)
          expect(contents(bytes)).toEqual(contents(original))
          expect(maxTimestamp(bytes, 0)).toBe(maxTimestamp(original, 0))
          expect([producerId(bytes, 0), producerEpoch(bytes, 0)]).toEqual([8, 3])
          expect(baseSequence(bytes, 0)).toBe(baseSequence(original, 0))
        }
        // What is sent again is recognised, and not written again.
        const again = opened.log.append((all.at(-1) as Uint8Array).slice(), { leaderEpoch: 4 })
        expect(again).toMatchObject({ errorCode: ErrorCode.NONE, duplicate: true, baseOffset: kept.at(-1)?.offset })
        await closeLogs(opened)
      }),
      { numRuns: 60 },
    )
  })

  test('producer keeps the bytes as they were sent', async () => {
    const opened = await open({})
    const batch = build({ values: ['a', 'b'], compression: 'gzip' })
    opened.log.append(batch.slice(), { leaderEpoch: 0 })
    await opened.clock.settle()
    expect(Buffer.from(readAll(opened.log).batches[0]?.bytes as Uint8Array).subarray(16)).toEqual(
      Buffer.from(batch).subarray(16),
    )
    await closeLogs(opened)
  })

  test('goes with LogAppendTime and transactions, and leaves markers alone', async () => {
    const opened = await open({ compressionType: 'zstd', messageTimestampType: 'LogAppendTime' })
    const { clock, log } = opened
    const identity = { producerId: 8, producerEpoch: 0, baseSequence: 0, transactional: true }
    log.append(build({ values: ['a', 'b'], compression: 'none', identity }), { leaderEpoch: 0 })
    log.appendEndTxnMarker({
      producerId: 8,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      commit: true,
      transactionVersion: 1,
    })
    await clock.settle()
    const [data, marker] = readAll(log).batches.map(({ bytes }) => bytes) as [Uint8Array, Uint8Array]
    expect(isTransactional(data, 0)).toBe(true)
    expect(attributes(data, 0) & 7).toBe(4)
    expect(contents(data).map(({ timestamp }) => timestamp)).toEqual([clock.now(), clock.now()])
    expect(attributes(marker, 0) & 7).toBe(0)
    await closeLogs(opened)
  })

  test('max.message.bytes and segment.bytes count for the batch as sent and as kept', async () => {
    const values = Array.from({ length: 50 }, () => 'x'.repeat(100))
    const plain = build({ values, compression: 'none' })
    const small = build({ values, compression: 'zstd' })
    const limit = 1_000
    expect(batchSize(plain, 0)).toBeGreaterThan(limit)
    expect(batchSize(small, 0)).toBeLessThan(limit)
    for (const [config, batch] of [
      [{ compressionType: 'zstd', maxMessageBytes: limit }, plain],
      [{ compressionType: 'none', maxMessageBytes: limit }, small],
    ] as const) {
      const opened = await open(config)
      expect(opened.log.append(batch.slice(), { leaderEpoch: 0 }).errorCode).toBe(ErrorCode.MESSAGE_TOO_LARGE)
      expect(opened.log.endOffset).toBe(0)
      await closeLogs(opened)
    }
    const opened = await open({ compressionType: 'none', segmentBytes: limit })
    expect(opened.log.append(small.slice(), { leaderEpoch: 0 }).errorCode).toBe(ErrorCode.RECORD_LIST_TOO_LARGE)
    await closeLogs(opened)
  })

  test('a batch that does not decompress is refused, and leaves the producer’s sequence where it was', async () => {
    const opened = await open({ compressionType: 'none' })
    const identity = { producerId: 8, producerEpoch: 0, baseSequence: 0 }
    const good = build({ values: ['a'], compression: 'gzip', identity })
    const bad = good.slice()
    bad.fill(0, 61)
    renewCrc(bad)
    expect(opened.log.append(bad, { leaderEpoch: 0 }).errorCode).toBe(ErrorCode.CORRUPT_MESSAGE)
    expect(opened.log.append(good, { leaderEpoch: 0 })).toMatchObject({ errorCode: 0, baseOffset: 0, duplicate: false })
    await opened.clock.settle()
    expect(batchesOf(opened.log.read(0, 1_000).parts)).toHaveLength(1)
    await closeLogs(opened)
  })
})

function renewCrc(batch: Uint8Array): void {
  new DataView(batch.buffer, batch.byteOffset).setUint32(17, crc32c(batch, 21))
}
