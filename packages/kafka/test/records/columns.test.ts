import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type ByteColumn, RecordBatchBuilder, type RecordHeader } from '../../src/records/index.ts'

const bytes = fc.uint8Array({ maxLength: 40 })
const header = fc.record<RecordHeader>({ key: fc.string({ maxLength: 5 }), value: fc.option(bytes) })
const row = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  timestamp: fc.integer({ min: 0, max: 2 ** 41 }),
  headers: fc.array(header, { maxLength: 3 }),
})

function column(values: readonly (Uint8Array | null)[]): ByteColumn {
  const offsets = new Int32Array(values.length + 1)
  values.forEach((value, i) => {
    offsets[i + 1] = (offsets[i] as number) + (value?.byteLength ?? 0)
  })
  const nulls = Uint8Array.from(values, (value) => (value === null ? 1 : 0))
  return { data: Buffer.concat(values.map((value) => value ?? new Uint8Array(0))), offsets, nulls }
}

it('rows of columns become the same batch as single records, with keys, tombstones and headers or without', () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 100 }), (rows) => {
      const one = new RecordBatchBuilder({ capacity: 64 })
      for (const { key, value, timestamp, headers } of rows) one.append(key, value, timestamp, headers)
      const many = new RecordBatchBuilder({ capacity: 64 })
      many.appendColumns({
        keys: column(rows.map(({ key }) => key)),
        values: column(rows.map(({ value }) => value)),
        timestamps: Float64Array.from(rows, ({ timestamp }) => timestamp),
        headers: rows.map(({ headers }) => headers),
        from: 0,
        to: rows.length,
      })
      expect(Buffer.compare(many.finish(), one.finish())).toBe(0)
    }),
  )
})
