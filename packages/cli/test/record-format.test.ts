import { expect, test } from 'vitest'
import { jsonRecord, parseFormat, type PrintedRecord } from '../src/record-format.ts'

const record: PrintedRecord = {
  topic: 'lines',
  partition: 2,
  offset: 41,
  timestamp: 1_700_000_000_000,
  key: Buffer.from('k'),
  value: Buffer.from('grüße'),
  headers: [
    { key: 'trace', value: Buffer.from('7') },
    { key: 'none', value: null },
  ],
}

test('fields, tabs and line breaks in a format', () => {
  expect(parseFormat('{topic}-{partition}@{offset}\\t{key}={value}\\n{headers} {timestamp} {time}')(record)).toBe(
    'lines-2@41\tk=grüße\ntrace=7,none= 1700000000000 2023-11-14T22:13:20.000Z',
  )
})

test('null is nothing, bytes that are not text are hexadecimal', () => {
  expect(parseFormat('[{key}|{value}]')({ ...record, key: null, value: Uint8Array.of(0xff, 0x00) })).toBe('[|0xff00]')
})

test('a misspelt field is refused, with the one that was meant', () => {
  expect(() => parseFormat('{ofset}')).toThrow('A record has no {ofset}. Did you mean {offset}?')
})

test('as JSON', () => {
  expect(jsonRecord(record)).toEqual({
    topic: 'lines',
    partition: 2,
    offset: 41,
    timestamp: 1_700_000_000_000,
    key: 'k',
    value: 'grüße',
    headers: [
      { key: 'trace', value: '7' },
      { key: 'none', value: null },
    ],
  })
  expect(jsonRecord({ ...record, key: null, value: Uint8Array.of(0xff), headers: [] })).toMatchObject({
    key: null,
    valueBase64: '/w==',
  })
})
