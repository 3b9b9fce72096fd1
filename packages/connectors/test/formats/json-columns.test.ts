import { type Column, type ColumnSpec, type Schema, schema } from '@millrace/engine'
import { utf8 } from '@millrace/std'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { json } from '../../src/formats/index.ts'
import type { ByteRanges, ColumnDecoder } from '../../src/formats/format.ts'

function rangesOf(texts: readonly string[]): ByteRanges {
  const parts = texts.map(utf8)
  const starts = new Int32Array(parts.length)
  const lengths = new Int32Array(parts.length)
  let at = 3 // not at the buffer's start
  parts.forEach((part, i) => {
    starts[i] = at
    lengths[i] = part.byteLength
    at += part.byteLength
  })
  return { data: Buffer.concat([utf8('xyz'), ...parts]), starts, lengths }
}

function cell(column: Column, row: number): unknown {
  if (column.kind === 'numbers') return column.nulls?.[row] ? null : column.values[row]
  if (column.kind !== 'bytes') throw new Error('unexpected column')
  const length = column.lengths[row] as number
  const start = column.starts[row] as number
  return length < 0 ? null : Buffer.from(column.data.subarray(start, start + length)).toString('utf8')
}

function decodeAll(columns: Schema, texts: readonly string[], projection?: readonly string[]) {
  const decoder = json(columns).createColumnDecoder?.(projection) as ColumnDecoder
  const ranges = rangesOf(texts)
  const bad: { index: number; problem: string }[] = []
  for (let at = 0; at < texts.length; ) {
    const next = decoder.decode(ranges, at, texts.length)
    if (next < texts.length) bad.push({ index: next, problem: decoder.problem })
    at = next + 1
  }
  const rows = decoder.rowCount
  const taken = decoder.takeColumns()
  const result = Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(
      columns.fields.flatMap((field, i) => {
        const column = taken[i]
        if (column === undefined) return []
        const value = cell(column, row)
        return [[field.name, field.type === 'boolean' && value !== null ? value === 1 : value]]
      }),
    ),
  )
  return { rows: result, bad }
}

const bid = schema({
  auction: 'int64',
  price: 'float64',
  channel: 'string',
  hot: 'boolean',
  note: 'string?',
  n: 'int32?',
})

describe('JSON into columns', () => {
  it('reads only the projected fields, in whatever order the object has them', () => {
    const { rows, bad } = decodeAll(
      bid,
      ['{"price":1.5,"x":[1,{"y":"}"}],"auction":7,"channel":"a"}', '{"auction":8,"channel":"b","price":-2e3}'],
      ['auction', 'price'],
    )
    expect(bad).toEqual([])
    expect(rows).toEqual([
      { auction: 7, price: 1.5 },
      { auction: 8, price: -2000 },
    ])
  })

  it('names the field that is missing, null or of another type, and goes on with the next record', () => {
    const good = '{"auction":1,"price":2,"channel":"c","hot":true}'
    const { rows, bad } = decodeAll(bid, [
      good,
      good,
      '{"price":2,"channel":"c","hot":true}',
      good,
      '{"auction":null,"price":2,"channel":"c","hot":true}',
      '{"auction":1.5,"price":2,"channel":"c","hot":true}',
      '{"auction":9007199254740993,"price":2,"channel":"c","hot":true}',
      '{"auction":1,"price":2,"channel":"c","hot":true',
      '{"auction":01,"price":2,"channel":"c","hot":true}',
      '{"auction":,"price":2,"channel":"c","hot":true}',
      '{"auction":1,"price":2,"channel":"c',
      '[]',
      '',
      good,
    ])
    expect(rows).toHaveLength(4)
    expect(bad.map(({ index }) => index)).toEqual([2, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    expect(bad.slice(0, 3).map(({ problem }) => problem)).toEqual([
      'field "auction" is missing',
      'field "auction" is null',
      'field "auction" is not a value of type int64',
    ])
  })

  it('sees a field that the first records lacked', () => {
    const without = '{"auction":1,"price":2,"channel":"c","hot":false}'
    const { rows } = decodeAll(bid, [
      without,
      without,
      '{"auction":1,"price":2,"channel":"c","hot":false,"note":"late"}',
    ])
    expect(rows.map((row) => row.note)).toEqual([null, null, 'late'])
  })

  it('gives what JSON.parse gives, whatever the records look like', () => {
    const number = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(-0))
    const anyText = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.constant('"\\\n\u0001'))
    const values: Record<string, fc.Arbitrary<unknown>> = {
      auction: fc.maxSafeInteger(),
      price: number,
      channel: anyText,
      hot: fc.boolean(),
      note: fc.option(anyText),
      n: fc.option(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
      other: fc.jsonValue(),
    }
    const record = fc.record(values, { requiredKeys: ['auction', 'price', 'channel', 'hot'] }).chain((object) =>
      fc
        .tuple(
          fc.shuffledSubarray(Object.keys(object), { minLength: Object.keys(object).length }),
          fc.constantFrom(0, 1),
        )
        .map(([keys, space]) => ({
          object,
          text: JSON.stringify(Object.fromEntries(keys.map((key) => [key, object[key]])), undefined, space),
        })),
    )
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 12 }),
        fc.option(fc.subarray(bid.fields.map((field) => field.name)), { nil: undefined }),
        (records, projection) => {
          // Repeated, so that learned shapes are used and mixed.
          const all = [...records, ...records, ...records]
          const { rows, bad } = decodeAll(
            bid,
            all.map(({ text }) => text),
            projection,
          )
          expect(bad).toEqual([])
          expect(rows).toEqual(
            all.map(({ text }) => {
              const parsed = JSON.parse(text)
              return Object.fromEntries(
                bid.fields
                  .filter((field) => projection === undefined || projection.includes(field.name))
                  .map((field) => [field.name, parsed[field.name] ?? null]),
              )
            }),
          )
        },
      ),
    )
  })

  it('never crashes or loops on damaged text, and never reads beyond its record', () => {
    const good = '{"auction":12,"price":2.5,"channel":"abc","hot":true,"note":null}'
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        fc.nat(good.length),
        (changes, cut) => {
          const broken = Buffer.from(good)
          for (const [at, byte] of changes) broken[at] = byte
          const { rows, bad } = decodeAll(bid, [good, broken.subarray(0, cut).toString('latin1'), good])
          expect(rows.length + bad.length).toBe(3)
          expect(rows[0]).toEqual(rows.at(-1))
        },
      ),
    )
  })

  it.each<[ColumnSpec, string, unknown]>([
    ['int64', '-9007199254740991', -9007199254740991],
    ['int64', '123456789012345', 123456789012345],
    ['float64', '0.1', 0.1],
    ['float64', '123456789.123456', 123456789.123456],
    ['float64', '1.7976931348623157e308', Number.MAX_VALUE],
    ['timestamp', '1700000000000', 1700000000000],
    ['string', '"\\u00e9\\n"', 'é\n'],
  ])('%s %s', (spec, source, value) => {
    const { rows } = decodeAll(schema({ v: spec }), [`{"v":${source}}`, `{"v":${source}}`, `{ "v": ${source} }`])
    expect(rows).toEqual([{ v: value }, { v: value }, { v: value }])
  })
})
