import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  BatchCheck,
  baseOffset,
  baseSequence,
  batchSize,
  COMPRESSION_TYPES,
  type CompressionType,
  compressionCode,
  controlType,
  indexRecords,
  isControl,
  isLogAppendTime,
  isTransactional,
  iterateRecords,
  lastOffset,
  lastSequence,
  maxTimestamp,
  partitionLeaderEpoch,
  patchBaseOffset,
  patchLeaderEpoch,
  patchLogAppendTime,
  patchProducer,
  producerEpoch,
  producerId,
  RecordBatchBuilder,
  RecordIndex,
  type RecordHeader,
  recordCount,
  validateBatch,
} from '../../src/records/index.ts'
import { GOLDEN_BATCHES } from './golden.ts'

interface Plain {
  key: Uint8Array | null
  value: Uint8Array | null
  timestamp: number
  headers: RecordHeader[]
}

const bytesOrNull = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: null })
const timestamp = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 45 }),
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
)
const record: fc.Arbitrary<Plain> = fc.record({
  key: bytesOrNull,
  value: fc.oneof(bytesOrNull, fc.uint8Array({ minLength: 8000, maxLength: 20_000 })),
  timestamp,
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme' }), value: bytesOrNull }), { maxLength: 3 }),
})
const records = fc.array(record, { minLength: 1, maxLength: 80 })
const compression = fc.constantFrom(...COMPRESSION_TYPES)

function build(plain: readonly Plain[], codec: CompressionType): Uint8Array {
  const builder = new RecordBatchBuilder({ capacity: 64, compression: codec })
  for (const r of plain) builder.append(r.key, r.value, r.timestamp, r.headers)
  return builder.finish()
}

function read(bytes: Uint8Array): Plain[] {
  return [...iterateRecords(bytes)].map((r) => ({
    key: copyOf(r.key),
    value: copyOf(r.value),
    timestamp: r.timestamp,
    headers: r.headers.map((h) => ({ key: h.key, value: copyOf(h.value) })),
  }))
}

function copyOf(bytes: Uint8Array | null): Uint8Array | null {
  return bytes && Uint8Array.from(bytes)
}

const golden: Plain[] = [0, 5, -3, 100_000, 2 ** 40].map((delta, i) => ({
  key: i === 1 ? null : Uint8Array.from(Buffer.from(`key-${i}`)),
  value: i === 2 ? null : Uint8Array.from(Buffer.from('value '.repeat(i < 4 ? 1 : 60))),
  timestamp: 1_700_000_000_000 + delta,
  headers:
    i === 3
      ? [
          { key: 'h1', value: Uint8Array.of(0x78) },
          { key: 'ä', value: null },
          { key: '', value: new Uint8Array(0) },
        ]
      : [],
}))

describe('a record batch', () => {
  it.each(COMPRESSION_TYPES)('written by another implementation is read: %s', (codec) => {
    const bytes = Buffer.from(GOLDEN_BATCHES[codec], 'hex')
    expect(validateBatch(bytes, 0, bytes.byteLength)).toBe(BatchCheck.ok)
    expect(COMPRESSION_TYPES[compressionCode(bytes, 0)]).toBe(codec)
    expect(read(bytes)).toEqual(golden)
  })

  it('is written byte for byte as another implementation does', () => {
    const builder = new RecordBatchBuilder({ capacity: 64 })
    for (const r of golden) builder.append(r.key, r.value, r.timestamp, r.headers)
    const bytes = builder.finish({
      partitionLeaderEpoch: 0,
      producerId: 4_000_000_000,
      producerEpoch: 7,
      baseSequence: 2 ** 31 - 2,
    })
    const expected = Buffer.from(GOLDEN_BATCHES.none, 'hex')
    patchLeaderEpoch(bytes, 0, partitionLeaderEpoch(expected, 0))
    expect(Buffer.from(bytes).toString('hex')).toBe(GOLDEN_BATCHES.none)
    expect(lastSequence(bytes, 0)).toBe(2)
  })

  it('comes back as it went in, with every codec', () => {
    fc.assert(
      fc.property(records, compression, (plain, codec) => {
        const bytes = build(plain, codec)
        expect(validateBatch(bytes, 0, bytes.byteLength)).toBe(BatchCheck.ok)
        expect(recordCount(bytes, 0)).toBe(plain.length)
        expect(maxTimestamp(bytes, 0)).toBe(Math.max(...plain.map((r) => r.timestamp)))
        expect(read(bytes)).toEqual(plain)
      }),
      { numRuns: 60 },
    )
  })

  it('is the same built from columns and record by record', () => {
    const row = fc.record({
      key: fc.uint8Array({ maxLength: 80 }),
      value: fc.option(fc.uint8Array({ maxLength: 200 })),
      timestamp,
    })
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 200 }), fc.boolean(), (rows, keyed) => {
        const byRecord = new RecordBatchBuilder({ capacity: 64 })
        for (const r of rows) byRecord.append(keyed ? r.key : null, r.value, r.timestamp)
        const byColumn = new RecordBatchBuilder({ capacity: 64 })
        const taken = byColumn.appendColumns({
          values: {
            ...column(rows.map((r) => r.value ?? Buffer.from('what a null stands on is not written'))),
            nulls: rows.some((r) => r.value === null) ? Uint8Array.from(rows, (r) => (r.value ? 0 : 1)) : undefined,
          },
          keys: keyed ? column(rows.map((r) => r.key)) : undefined,
          timestamps: Float64Array.from(rows, (r) => r.timestamp),
          from: 0,
          to: rows.length,
        })
        expect(taken).toBe(rows.length)
        expect(Buffer.from(byColumn.finish()).equals(byRecord.finish())).toBe(true)
      }),
    )
  })

  it('stops taking columns before it is too large, and takes at least one', () => {
    const values = column(Array.from({ length: 10 }, () => new Uint8Array(100)))
    const timestamps = new Float64Array(10)
    const builder = new RecordBatchBuilder({ capacity: 64 })
    expect(builder.appendColumns({ values, timestamps, from: 0, to: 10, maxBytes: 400 })).toBe(3)
    expect(builder.finish().byteLength).toBeLessThanOrEqual(400)
    builder.reset()
    expect(builder.appendColumns({ values, timestamps, from: 3, to: 10, maxBytes: 10 })).toBe(4)
  })

  it('used again gives the same bytes', () => {
    const builder = new RecordBatchBuilder({ capacity: 64, compression: 'zstd' })
    const once = () => {
      for (const r of golden) builder.append(r.key, r.value, r.timestamp, r.headers)
      return Buffer.from(builder.finish()).toString('hex')
    }
    const first = once()
    builder.reset()
    expect(once()).toBe(first)
  })

  it('keeps its checksum when offset and leader epoch are patched, and renews it with the producer or the time', () => {
    const bytes = build(golden, 'none')
    patchBaseOffset(bytes, 0, 2 ** 40 + 5)
    patchLeaderEpoch(bytes, 0, 3)
    expect(validateBatch(bytes, 0, bytes.byteLength)).toBe(BatchCheck.ok)
    expect([baseOffset(bytes, 0), lastOffset(bytes, 0), partitionLeaderEpoch(bytes, 0)]).toEqual([
      2 ** 40 + 5,
      2 ** 40 + 9,
      3,
    ])
    patchProducer(bytes, 0, { producerId: 2 ** 50, producerEpoch: 12, baseSequence: 99 })
    expect(validateBatch(bytes, 0, bytes.byteLength)).toBe(BatchCheck.ok)
    expect([producerId(bytes, 0), producerEpoch(bytes, 0), baseSequence(bytes, 0)]).toEqual([2 ** 50, 12, 99])
    patchLogAppendTime(bytes, 0, 1234)
    expect(validateBatch(bytes, 0, bytes.byteLength)).toBe(BatchCheck.ok)
    expect(isLogAppendTime(bytes, 0)).toBe(true)
    expect(read(bytes).map((r) => r.timestamp)).toEqual([1234, 1234, 1234, 1234, 1234])
  })

  it('tells a transaction marker from records', () => {
    const builder = new RecordBatchBuilder()
    builder.append(Uint8Array.of(0, 0, 0, 1), Uint8Array.of(0, 0, 0, 0, 0, 0), 1)
    const bytes = builder.finish({ transactional: true, control: true, producerId: 1, producerEpoch: 0 })
    expect([isControl(bytes, 0), isTransactional(bytes, 0)]).toEqual([true, true])
    const index = new RecordIndex()
    indexRecords(bytes, 0, index)
    expect(controlType(index)).toBe('commit')
    expect([...iterateRecords(bytes)]).toEqual([])
  })
})

describe('bytes that lie', () => {
  it('are reported by what is wrong', () => {
    const sound = Buffer.from(GOLDEN_BATCHES.none, 'hex')
    const changed = (at: number, value: number) => {
      const bytes = Buffer.from(sound)
      bytes[at] = value
      return validateBatch(bytes, 0, bytes.byteLength)
    }
    expect(validateBatch(sound, 0, 11)).toBe(BatchCheck.truncated)
    expect(validateBatch(sound, 0, sound.byteLength - 1)).toBe(BatchCheck.truncated)
    expect(changed(8, 0x80)).toBe(BatchCheck.badLength)
    expect(changed(16, 1)).toBe(BatchCheck.badMagic)
    expect(changed(17, 0)).toBe(BatchCheck.badCrc)
    expect(changed(sound.byteLength - 1, 1)).toBe(BatchCheck.badCrc)
    expect(changed(57, 0x7f)).toBe(BatchCheck.badCount)
    expect(changed(60, 6)).toBe(BatchCheck.badCount)
    expect(changed(22, 5)).toBe(BatchCheck.unknownCompression)
    expect(changed(0, 0x7f)).toBe(BatchCheck.badNumber)
  })

  it('never crash and never index outside of the data, whatever byte is changed', () => {
    fc.assert(
      fc.property(
        records,
        compression,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (plain, codec, changes) => {
          const bytes = Uint8Array.from(build(plain.slice(0, 20), codec))
          for (const [at, value] of changes) bytes[at % bytes.byteLength] = value
          const index = new RecordIndex(4)
          if (batchSize(bytes, 0) < 61 || batchSize(bytes, 0) > bytes.byteLength) {
            expect(validateBatch(bytes, 0, bytes.byteLength)).not.toBe(BatchCheck.ok)
            return
          }
          // The checksum would catch it: what lies behind it must stand on its own too.
          const check = indexRecords(bytes, 0, index, { maxDecompressedBytes: 4_000_000 })
          if (check !== BatchCheck.ok) expect(index.count).toBe(0)
          for (let i = 0; i < index.count; i++) {
            for (const [start, length] of [
              [index.keyStart[i], index.keyLength[i]],
              [index.valueStart[i], index.valueLength[i]],
            ] as [number, number][]) {
              expect(length).toBeGreaterThanOrEqual(-1)
              expect(start).toBeGreaterThanOrEqual(0)
              expect(start + Math.max(0, length)).toBeLessThanOrEqual(index.data.byteLength)
            }
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('that unfold to more than allowed are refused: %s', (codec) => {
    const builder = new RecordBatchBuilder({ compression: codec })
    builder.append(null, new Uint8Array(5_000_000), 0)
    const bytes = builder.finish()
    expect(bytes.byteLength).toBeLessThan(400_000)
    const index = new RecordIndex()
    expect(indexRecords(bytes, 0, index, { maxDecompressedBytes: 1_000_000 })).toBe(BatchCheck.tooLarge)
    expect(indexRecords(bytes, 0, index, { maxDecompressedBytes: 5_000_100 })).toBe(BatchCheck.ok)
    expect(index.valueLength[0]).toBe(5_000_000)
  })
})

function column(parts: readonly Uint8Array[]): { data: Uint8Array; offsets: Int32Array } {
  const offsets = new Int32Array(parts.length + 1)
  parts.forEach((part, i) => {
    offsets[i + 1] = (offsets[i] as number) + part.byteLength
  })
  return { data: Buffer.concat(parts), offsets }
}
